"""`edgeward access verify FILE --key VKEY`: is this access record the one that its signer wrote."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agent.cli.exits import Exit
from agent.formats.access_record_v1 import MAX_RECORD
from agent.model.errors import Refuse
from agent.runtime.access_records import verify_record

EXAMPLE = "edgeward access verify out.mp4.access.note --key li-wei.vkey"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="check the signature of a record and print it as JSON")
    verify.add_argument("file", type=Path, metavar="FILE", help="as `edgeward open` wrote it")
    verify.add_argument("--key", type=Path, required=True, metavar="VKEY", help="the signer's verifier key")


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 for what is no record of this signer, 2 for one that has begun and not ended."""
    vkey = _read(arguments.key).decode("utf-8", errors="replace").strip()
    record = verify_record(_read(arguments.file), vkey)
    print(json.dumps(record.model_dump(mode="json"), ensure_ascii=False, indent=1))
    return Exit.OK if record.result is not None else Exit.INCOMPLETE


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(2 * MAX_RECORD)
    except OSError as error:
        raise Refuse(
            "file.unreadable", f"{path} can't be read: {error.strerror}", "check its path and owner"
        ) from None
