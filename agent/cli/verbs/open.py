"""`edgeward open RECORDING -i KEY… --purpose TEXT -o out.mp4`, never without a record of the access."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from agent.cli.common import add_identities, add_vault, config_of, identities_of, tell, vault_of
from agent.cli.exits import Exit
from agent.formats.access_record_v1 import AccessRecord, Result, Who, bad_purpose
from agent.formats.config_v1 import AgentConfig
from agent.host.clock import SystemClock
from agent.host.files import create_exclusive
from agent.ledger.signing import SigningKey
from agent.model.errors import AgentError, Refuse
from agent.runtime.access_door import ask_keeper
from agent.runtime.access_records import (
    FileRecord,
    KeeperRecord,
    RecordAccess,
    begun,
    ended,
    ledger_head,
    result_of,
    signing_key,
)
from agent.runtime.load_config import ConfigError
from agent.runtime.opening import Opened, Unlocked, release_parts, unlock
from agent.seal.capsule import MAX_CAPSULE

EXAMPLE = "edgeward open RECORDING -i key.txt --sign me.key --purpose audit -o out.mp4"
RECORD_SUFFIX = ".access.note"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("recording", metavar="RECORDING", help="an id from `edgeward recordings`")
    add_identities(
        parser, "a custodian's key file, once for each who must open; a ticket's too, if you have it"
    )
    parser.add_argument(
        "--unwrapped",
        type=Path,
        metavar="INNER",
        help="an inner layer of the capsule, from `edgeward authority unwrap` or another custodian",
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="a new file, or - for stdout")
    parser.add_argument(
        "--purpose", required=True, metavar="TEXT", help="what for; goes into the record: no patient data"
    )
    parser.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        help="your signing key (`edgeward keygen --signing`), where no agent of this vault runs",
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help=f"the signed access record; default: OUTPUT{RECORD_SUFFIX}",
    )
    add_vault(parser, positional=False)


def run(arguments: argparse.Namespace, record_access: RecordAccess = ask_keeper) -> int:
    """Exit 0 when everything opened, 3 when a segment was cut short by a crash, 1 with problems."""
    wrong = bad_purpose(arguments.purpose)
    if wrong is not None:
        raise wrong
    identities = identities_of(arguments)
    unwrapped = None if arguments.unwrapped is None else _inner(arguments.unwrapped)
    vault = vault_of(arguments)
    key = None if arguments.sign is None else signing_key(arguments.sign)
    _must_be_new(arguments.output)
    unlocked = unlock(vault, arguments.recording, identities, unwrapped)
    record = _record(unlocked, identities, arguments.purpose)
    writer: KeeperRecord | FileRecord
    config = _config_of_this_box(arguments, vault)
    writer = KeeperRecord(config, record_access) if config is not None else _file(arguments, key)
    if isinstance(writer, FileRecord) or not writer.begin(record):
        record = record.model_copy(update={"ledger": ledger_head(vault)})
        writer = _file(arguments, key)
        writer.begin(record)
    try:
        opened = _release(arguments, unlocked)
    except (AgentError, OSError) as error:
        _record_end(
            writer, record, _result(None, error.code if isinstance(error, AgentError) else "open.output")
        )
        raise
    return _report(opened, writer, record)


def _release(arguments: argparse.Namespace, unlocked: Unlocked) -> Opened:
    with ExitStack() as stack:

        def open_part(part: int) -> BinaryIO:
            if arguments.output == "-" and part == 0:
                return sys.stdout.buffer
            base = Path("out.mp4" if arguments.output == "-" else arguments.output)
            path = base if part == 0 else base.with_suffix(f".{part + 1}{base.suffix}")
            return stack.enter_context(os.fdopen(create_exclusive(path, 0o600), "wb"))

        return release_parts(unlocked, open_part)


def _report(opened: Opened, writer: KeeperRecord | FileRecord, record: AccessRecord) -> int:
    for problem in opened.problems:
        print(f"left out: {problem}", file=sys.stderr)
    print(
        f"{opened.frames} frames from {opened.segments} segments, {opened.truncated} cut short, "
        f"{opened.parts} part{'s' if opened.parts != 1 else ''}",
        file=sys.stderr,
    )
    if not _record_end(writer, record, _result(opened, None)):
        return Exit.FAILED
    where = f"signed in {writer.path}" if isinstance(writer, FileRecord) else "in the ledger"
    print(f"access {record.access} is recorded {where}", file=sys.stderr)
    if opened.problems:
        return Exit.FAILED
    return Exit.TRUNCATED if opened.truncated else Exit.OK


def _record_end(writer: KeeperRecord | FileRecord, record: AccessRecord, result: Result) -> bool:
    """False, and told, when only the beginning stays recorded. Never hides the error that ended it."""
    try:
        writer.end(ended(record, result))
    except AgentError as error:
        tell(error)
        return False
    return True


def _record(unlocked: Unlocked, identities: tuple[str, ...], purpose: str) -> AccessRecord:
    return begun(
        unlocked,
        identities,
        purpose,
        Who(key=None, uid=os.getuid(), user=_user(os.getuid())),
        SystemClock().now().wall_ns,
        os.urandom,
    )


def _user(uid: int) -> str:
    """The user's name, or the number where there is none that a record can hold."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
    return (
        name
        if name.isascii() and name.isprintable() and " " not in name and 0 < len(name) <= 64
        else str(uid)
    )


def _result(opened: Opened | None, error: str | None) -> Result:
    return result_of(opened, error, SystemClock().now().wall_ns)


def _config_of_this_box(arguments: argparse.Namespace, vault: Path) -> AgentConfig | None:
    """The configuration, when this very vault is the one that it names; a copy is nobody's here."""
    if arguments.vault is not None and not arguments.config.exists():
        return None
    try:
        config = config_of(arguments)
        return config if config.box.vault_dir.samefile(vault) else None
    except (ConfigError, OSError):
        if arguments.vault is None:
            raise
        return None


def _file(arguments: argparse.Namespace, key: SigningKey | None) -> FileRecord:
    if key is None:
        raise Refuse(
            "access.no-key",
            "no agent of this vault answers here, so the record of this access must be signed by you",
            "give --sign KEY; make the key once with edgeward keygen --signing NAME -o KEY, and let the "
            "hospital note its public half",
        )
    if arguments.record is not None:
        return FileRecord(arguments.record, key)
    if arguments.output == "-":
        raise Refuse(
            "access.no-record-file", "with -o - the access record needs a place", "give --record FILE"
        )
    return FileRecord(Path(arguments.output + RECORD_SUFFIX), key)


def _must_be_new(output: str) -> None:
    """Before anything is recorded."""
    if output != "-" and (Path(output).exists() or Path(output).is_symlink()):
        raise Refuse(
            "file.exists", f"{output} exists already", "choose another name, or move the old file away first"
        )


def _inner(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_CAPSULE + 1)
    except OSError:
        raise Refuse("open.no-inner", f"the unwrapped layer {path} can't be read", "check its path") from None
