"""`edgeward deid-reidentify LINK -i KEY -i KEY --reason TEXT`: two officers open one derivative's link."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from agent.cli.common import add_identities, identities_of
from agent.cli.exits import Exit
from agent.formats.capsule_v1 import MAX_CONTAINER
from agent.model.errors import Refuse
from agent.runtime.deid_link import open_link

EXAMPLE = "edgeward deid-reidentify case.link -i a.key -i b.key --reason recall"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("link", type=Path, metavar="LINK", help="the sealed link of one derivative")
    add_identities(parser, "an officer's key file; two different ones are needed")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it stands beside the answer")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 with the link as JSON on stdout; what is printed is as secret as the original."""
    if not arguments.reason.strip():
        raise Refuse("deid.no-reason", "nobody is re-identified without a reason", "say why: --reason")
    try:
        with arguments.link.open("rb") as stream:
            data = stream.read(MAX_CONTAINER + 1)
    except OSError:
        raise Refuse("deid.bad-link", f"{arguments.link} can't be read", "check its path") from None
    link = open_link(data, identities_of(arguments))
    print(json.dumps({**asdict(link), "reason": arguments.reason.strip()}, ensure_ascii=False))
    print("enter who opened this link, when and why into the hospital's record (STD 8.2 e)", file=sys.stderr)
    return Exit.OK
