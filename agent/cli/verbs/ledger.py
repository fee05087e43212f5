"""`edgeward ledger show | follow | export | week | prove | check`: the leaves, for people and machines."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from agent.cli.common import add_vault, vault_of
from agent.cli.exits import Exit
from agent.formats import signed_note
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.formats.signed_note import COSIGNATURE
from agent.host.files import create_exclusive, write_all
from agent.ledger import checkpoint as checkpoints
from agent.ledger import proof as proofs
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.cosigned import read_all
from agent.ledger.reader import LogReader
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.model.times import NS_PER_S
from agent.runtime.ledger_export import FORMATS, LeafFilter, line
from agent.runtime.weekly_report import remake
from agent.vault.layout import LEDGER

EXAMPLE = 'edgeward ledger show --type opened-by --clause "STD 9.2"'
_LOOK_AGAIN_S = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _filters(_action(actions, "show", "print leaves for people"))
    _filters(_action(actions, "follow", "print leaves as they come, until Ctrl-C"))
    export = _action(actions, "export", "print leaves for an audit system")
    _filters(export)
    export.add_argument("--format", choices=FORMATS, default="ndjson", help="default: ndjson")
    week = _action(actions, "week", "make a weekly self-analysis again from the leaves, and compare")
    week.add_argument(
        "--report", type=int, metavar="LEAF", help="the leaf that enters it (default: the newest)"
    )
    prove = _action(actions, "prove", "prove that a leaf is in the ledger")
    prove.add_argument("leaf", type=int, metavar="LEAF", help="its number")
    prove.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")
    check = actions.add_parser("check", help="check such a proof, off line")
    check.add_argument("proof", type=Path, metavar="FILE", help="a .tlog-proof file")
    check.add_argument("--key", type=Path, required=True, metavar="FILE", help="the box's signing.vkey")
    check.add_argument(
        "--witness", action="append", default=[], metavar="VKEY", help="a witness who must have cosigned"
    )


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, purpose: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=purpose, description=purpose)
    add_vault(parser, positional=False)
    return parser


def _filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recording", metavar="ID", help="of this recording")
    parser.add_argument("--channel", metavar="ID", help="of this channel")
    parser.add_argument("--actor", metavar="NAME", help="done by this one")
    parser.add_argument(
        "--type",
        action="append",
        choices=[one.value for one in LeafType],
        metavar="TYPE",
        help="once or more",
    )
    parser.add_argument("--since", type=_wall_ns, metavar="TIME", help="2026-11-24T08:00:00Z, or a day")
    parser.add_argument("--until", type=_wall_ns, metavar="TIME", help="up to and without this time")
    parser.add_argument("--clause", metavar="CLAUSE", help='asked for by it, such as "STD 7.4 c"')
    parser.add_argument(
        "--from", dest="start", type=int, default=0, metavar="LEAF", help="from this number on"
    )


def _wall_ns(text: str) -> int:
    """A time in UTC, unless it says another zone itself."""
    stamp = datetime.fromisoformat(text)
    return round((stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()) * NS_PER_S


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 for a proof that shows nothing or is of no leaf, and for a report that the leaves contradict."""
    if arguments.action == "check":
        return _check(arguments)
    reader = LogReader(vault_of(arguments) / LEDGER)
    if arguments.action == "prove":
        return _prove(reader, arguments)
    if arguments.action == "week":
        return _week(reader, arguments.report)
    wanted = LeafFilter(
        recording=arguments.recording,
        channel=arguments.channel,
        actor=arguments.actor,
        types=frozenset(map(LeafType, arguments.type)) if arguments.type else None,
        since_wall_ns=arguments.since,
        until_wall_ns=arguments.until,
        clause=arguments.clause,
    )
    follow = arguments.action == "follow"
    for leaf in _leaves(reader, max(0, arguments.start), follow=follow):
        if wanted.takes(leaf):
            text = line(leaf, arguments.format) if arguments.action == "export" else _words(leaf)
            print(text, flush=follow)
    return Exit.OK


def _leaves(reader: LogReader, start: int, *, follow: bool) -> Iterator[Leaf]:
    """From `start` on; with `follow` for ever. The writer tells nobody, so one has to look again."""
    pause = threading.Event()
    while True:
        yield from reader.leaves(start)
        start = max(start, reader.size)
        if not follow:
            return
        pause.wait(_LOOK_AGAIN_S)
        reader.refresh()


def _words(leaf: Leaf) -> str:
    who = (
        "" if (leaf.actor, leaf.authority) == ("agent", "policy") else f" by {leaf.actor} ({leaf.authority})"
    )
    facts = ", ".join(f"{name} {value}" for name, value in leaf.body.items())
    return f"{leaf.n} {leaf.wall} {leaf.type.value}{who}: {facts} [{'; '.join(leaf.std)}]"


def _week(reader: LogReader, number: int | None) -> int:
    text, leaf = remake(reader.leaves(0), number)
    print(text.split("\n")[1])
    if sha256(text.encode()).hexdigest() != leaf.body["sha256"]:
        print(f"NOT what leaf {leaf.n} says: its report was made of other leaves", file=sys.stderr)
        return Exit.FAILED
    print(f"as leaf {leaf.n} says", file=sys.stderr)
    return Exit.OK


def _prove(reader: LogReader, arguments: argparse.Namespace) -> int:
    note, head = _head_over(reader, vault_of(arguments) / LEDGER, arguments.leaf)
    data = proofs.encode(proofs.prove(reader, arguments.leaf, note, head))
    descriptor = create_exclusive(arguments.output, 0o644)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)
    print(f"leaf {arguments.leaf} under the head of {head.size} leaves: {arguments.output}")
    return Exit.OK


def _head_over(reader: LogReader, ledger: Path, index: int) -> tuple[bytes, Checkpoint]:
    """The newest head that covers the leaf: a cosigned one when there is one."""
    notes = [note for name, note in read_all(ledger) if "/contradiction-" not in name]
    found = [(checkpoints.parse(signed_note.parse(note).text), note) for note in notes]
    covering = [(head, note) for head, note in found if index < head.size <= reader.size]
    own = reader.checkpoint()
    if not covering and own is not None:
        covering = [(checkpoints.parse(signed_note.parse(own).text), own)]
    if not covering or not 0 <= index < max(head.size for head, _ in covering):
        text = f"no checkpoint covers leaf {index}"
        raise Refuse(
            "leaf.uncovered", text, "wait for the next checkpoint (at most a minute), or check the number"
        )
    head, note = max(covering, key=lambda pair: pair[0].size)
    return note, head


def _check(arguments: argparse.Namespace) -> int:
    try:
        data = arguments.proof.read_bytes()
        vkey = arguments.key.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Refuse("proof.unreadable", "the proof or the key can't be read", "check both paths") from None
    witnesses = [Verifier(one, COSIGNATURE) for one in arguments.witness]
    proven = proofs.check(proofs.parse(data), Verifier(vkey), witnesses)
    missing = [one.name for one in witnesses if one.name not in proven.witnesses]
    print(f"proven under {proven.head.size} leaves of {proven.head.origin}:")
    print(_words(proven.leaf))
    for name in proven.witnesses:
        print(f"cosigned by {name}")
    for name in missing:
        print(f"NOT cosigned by {name}", file=sys.stderr)
    return Exit.FAILED if missing else Exit.OK
