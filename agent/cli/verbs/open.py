"""`edgeward open RECORDING -i KEY… -o out.mp4`."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from agent.cli.common import add_identities, add_vault, identities_of, vault_of
from agent.cli.exits import Exit
from agent.host.files import create_exclusive
from agent.model.errors import Refuse
from agent.runtime.opening import open_recording_parts

EXAMPLE = "edgeward open 01a20b87-3fc9-73f8-8307-89737bba7342 -i custodian.txt -o out.mp4"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("recording", metavar="RECORDING", help="an id from `edgeward recordings`")
    add_identities(parser, "a custodian's key file; a ticket's too, if you have it")
    parser.add_argument(
        "--unwrapped",
        type=Path,
        metavar="INNER",
        help="the capsule's inner layer, from `edgeward authority unwrap`",
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="a new file, or - for stdout")
    add_vault(parser, positional=False)


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when everything opened, 3 when a segment was cut short by a crash, 1 with problems."""
    identities = identities_of(arguments)
    unwrapped = None if arguments.unwrapped is None else _inner(arguments.unwrapped)
    with ExitStack() as stack:

        def open_part(part: int) -> BinaryIO:
            if arguments.output == "-" and part == 0:
                return sys.stdout.buffer
            base = Path("out.mp4" if arguments.output == "-" else arguments.output)
            path = base if part == 0 else base.with_suffix(f".{part + 1}{base.suffix}")
            return stack.enter_context(os.fdopen(create_exclusive(path, 0o600), "wb"))

        opened = open_recording_parts(
            vault_of(arguments), arguments.recording, identities, open_part, unwrapped
        )
    for problem in opened.problems:
        print(f"left out: {problem}", file=sys.stderr)
    print(
        f"{opened.frames} frames from {opened.segments} segments, {opened.truncated} cut short, "
        f"{opened.parts} part{'s' if opened.parts != 1 else ''}",
        file=sys.stderr,
    )
    if opened.problems:
        return Exit.FAILED
    return Exit.TRUNCATED if opened.truncated else Exit.OK


def _inner(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise Refuse("open.no-inner", f"the unwrapped layer {path} can't be read", "check its path") from None
