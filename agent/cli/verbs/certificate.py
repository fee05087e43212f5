"""`edgeward certificate show | verify`: certificates of destruction, off line (STD 10.1, 10.4)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.cli.exits import Exit
from agent.formats.certificate_html import LANGUAGES, render
from agent.formats.certificate_v1 import MAX_CERTIFICATE
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.runtime.disposal_check import CertificateCheck, check_certificate

EXAMPLE = "edgeward certificate verify 01a3.note --key box.vkey"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, purpose in (
        ("show", "print what a certificate says, when it is sound"),
        ("verify", "check a certificate with public keys only"),
    ):
        sub = actions.add_parser(name, help=purpose)
        sub.add_argument(
            "file", type=Path, metavar="FILE", help="STATE_DIR/certificates/REQUEST.note, or a copy"
        )
        sub.add_argument("--key", type=Path, required=True, metavar="FILE", help="the box's signing.vkey")
        sub.add_argument("--authority-key", type=Path, metavar="FILE", help="the authority's signing.vkey")
        sub.add_argument("--vault", type=Path, metavar="DIR", help="also compare with this vault's ledger")
        if name == "show":
            sub.add_argument(
                "--html", action="store_true", help="a page for people, to be printed and signed"
            )
            sub.add_argument("--lang", choices=[*LANGUAGES], default="zh", help="of the page (default zh)")


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 when something contradicts; nothing is shown then."""
    data = _read(arguments.file)
    box = Verifier(_text(arguments.key))
    authority = None if arguments.authority_key is None else Verifier(_text(arguments.authority_key))
    check = check_certificate(data, box, authority, arguments.vault)
    for problem in check.problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    for unchecked in check.unchecked:
        print(f"not checked: {unchecked}", file=sys.stderr)
    if not check.ok:
        return Exit.FAILED
    if arguments.action == "verify":
        _say(check)
    elif arguments.html:
        print(render(check.certificate, check.sha256, arguments.lang), end="")
    else:
        print(check.certificate.model_dump_json(indent=2))
    return Exit.OK


def _say(check: CertificateCheck) -> None:
    one = check.certificate
    print(
        f"sound: box {one.box} certified at {one.made} that {len(one.recordings)} recordings are destroyed "
        f"({one.sanitization.method.value}), approved by "
        f"{', '.join(each.name for each in one.people.approved_by)}; SHA-256 {check.sha256}"
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_CERTIFICATE + 1)
    except OSError as error:
        raise Refuse("file.unreadable", f"{path} can't be read: {error.strerror}", "check its path") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Refuse("key.unreadable", f"the key file {path} can't be read", "check its path") from None
