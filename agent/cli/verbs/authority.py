"""`edgeward authority init | issue | list | unwrap | withdraw | destroy | audit`: it works off line."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from agent.authority.disk import SystemDisk
from agent.authority.door import EPOCH_NAME, create, opened
from agent.authority.spent import use_in
from agent.authority.store import Authority, Order
from agent.cli.exits import Exit
from agent.formats.tickets_v1 import TicketClass
from agent.host.clock import SystemClock
from agent.host.files import create_exclusive, fsync_dir, write_all
from agent.model.errors import Refuse
from agent.model.times import NS_PER_S

EXAMPLE = "edgeward authority list -d /srv/authority"
_DAY_NS = 86_400 * NS_PER_S


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = _action(actions, "init", "make a new authority")
    init.add_argument("--name", required=True, help="as in edgeward.authority/NAME")
    issue = _action(actions, "issue", "make a signed batch of tickets")
    issue.add_argument("--box", action="append", required=True, metavar="ID", help="once for each box")
    issue.add_argument(
        "--class", dest="kind", choices=[one.value for one in TicketClass], default="recording"
    )
    issue.add_argument("--level", type=int, choices=(2, 3, 4, 5), required=True, help="the highest level")
    issue.add_argument("--count", type=int, required=True, metavar="N", help="how many tickets")
    issue.add_argument("--days", type=_days, default=365, metavar="N", help="valid for (default 365)")
    issue.add_argument("--retention", required=True, metavar="TEXT", help="the retention rule in words")
    issue.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")
    listing = _action(actions, "list", "say the state of each ticket")
    listing.add_argument("--json", action="store_true", help="machine-readable")
    unwrap = _action(actions, "unwrap", "peel the outer layer of a capsule")
    unwrap.add_argument("capsule", type=Path, metavar="CAPSULE", help="a recording's capsule.age")
    unwrap.add_argument("--ticket", metavar="ID", help="default: try all that live")
    unwrap.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")
    withdraw = _action(actions, "withdraw", "take tickets back that no box has given out")
    withdraw.add_argument("ticket", nargs="+", metavar="TICKET_ID")
    withdraw.add_argument("--reason", required=True, metavar="TEXT", help="goes into the record")
    withdraw.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="a new file: the list for the boxes"
    )
    destroy = _action(actions, "destroy", "shred what these tickets close, for ever")
    destroy.add_argument(
        "--manifest",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="manifest.json of the recording that used a ticket, once for each ticket",
    )
    destroy.add_argument(
        "--unspent",
        action="store_true",
        help="withdrawn tickets: every box in their scope has imported the list, or is gone",
    )
    destroy.add_argument("ticket", nargs="+", metavar="TICKET_ID")
    destroy.add_argument("--reason", required=True, metavar="TEXT", help="goes into the record")
    audit = _action(actions, "audit", "check record, batches and wrapped keys")
    audit.add_argument("--head", metavar="SHA256", help="a head that was kept elsewhere")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, purpose: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=purpose, description=purpose)
    parser.add_argument("-d", "--directory", type=Path, required=True, metavar="DIR", help="the authority's")
    parser.add_argument(
        "--epoch-key",
        type=Path,
        metavar="PATH",
        help=f"default: DIR/{EPOCH_NAME}; better on a medium that no backup holds",
    )
    return parser


def _days(text: str) -> int:
    value = int(text)
    if not 0 < value <= 36_500:
        raise argparse.ArgumentTypeError("1 to 36500 days")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 for what is refused, and for an audit that finds something."""
    directory, epoch_key, disk = arguments.directory, arguments.epoch_key, SystemDisk()
    wall_ns = SystemClock().now().wall_ns
    if arguments.action == "init":
        print(create(directory, epoch_key, arguments.name, disk, wall_ns, os.urandom))
        return Exit.OK
    with opened(directory, epoch_key, disk) as authority:
        match arguments.action:
            case "issue":
                return _issue(authority, arguments, wall_ns)
            case "list":
                return _list(authority, as_json=arguments.json)
            case "unwrap":
                return _unwrap(authority, arguments, wall_ns)
            case "withdraw":
                return _withdraw(authority, arguments, wall_ns)
            case "destroy":
                return _destroy(authority, arguments, wall_ns)
            case _:
                return _audit(authority, arguments)


def _issue(authority: Authority, arguments: argparse.Namespace, wall_ns: int) -> int:
    order = Order(
        boxes=tuple(arguments.box),
        kind=TicketClass(arguments.kind),
        level=arguments.level,
        count=arguments.count,
        not_before_ns=wall_ns // 1000 * 1000,
        not_after_ns=wall_ns // 1000 * 1000 + arguments.days * _DAY_NS,
        retention=arguments.retention,
    )
    _must_be_new(arguments.output)
    _write_new(arguments.output, authority.issue(order, wall_ns, os.urandom), 0o644)
    print(f"{order.count} tickets; import the file at the box: edgeward tickets import FILE")
    return Exit.OK


def _withdraw(authority: Authority, arguments: argparse.Namespace, wall_ns: int) -> int:
    _must_be_new(arguments.output)
    data = authority.withdraw(arguments.ticket, arguments.reason, wall_ns, os.urandom)
    _write_new(arguments.output, data, 0o644)
    print("import the file at every box of the scope: edgeward tickets import FILE; then destroy --unspent")
    return Exit.OK


def _destroy(authority: Authority, arguments: argparse.Namespace, wall_ns: int) -> int:
    uses = [use_in(_bytes_of(path)) for path in arguments.manifest]
    epoch = authority.destroy(
        arguments.ticket, arguments.reason, wall_ns, os.urandom, uses=uses, unspent=arguments.unspent
    )
    print(
        f"destroyed {len(set(arguments.ticket))} tickets; epoch {epoch} holds; head {authority.record.head}"
    )
    return Exit.OK


def _list(authority: Authority, *, as_json: bool) -> int:
    rows = list(authority.states())
    if as_json:
        print(json.dumps([asdict(row) for row in rows]))
        return Exit.OK
    for row in rows:
        state = "destroyed" if row.destroyed else "withdrawn" if row.withdrawn else "alive"
        used = f", unwrapped {row.unwrapped} times" if row.unwrapped else ""
        print(f"{row.id}  {row.kind}  level {row.max_level}  {state}{used}  batch {row.batch}")
    return Exit.OK


def _unwrap(authority: Authority, arguments: argparse.Namespace, wall_ns: int) -> int:
    capsule = _bytes_of(arguments.capsule)
    _must_be_new(arguments.output)
    found = authority.unwrap(capsule, arguments.ticket, wall_ns)
    _write_new(arguments.output, found.inner, 0o600)
    print(f"ticket {found.ticket}: give the file to the custodian, and delete it after use")
    return Exit.OK


def _audit(authority: Authority, arguments: argparse.Namespace) -> int:
    path: Path = arguments.epoch_key or arguments.directory / EPOCH_NAME
    with_key = path.exists()
    entries = authority.record.entries
    if arguments.head is not None and arguments.head not in {entry.sha256 for entry in entries}:
        raise Refuse(
            "authority.unknown-head",
            "the head that was kept is not in this record: it was cut off or rewritten",
            "this is an old or a forged copy: find the directory that has this head",
        )
    problems = authority.audit(with_key=with_key)
    for problem in problems:
        print(f"WRONG: {problem}")
    depth = "" if with_key else ", without the epoch key: wrapped files were not opened"
    print(f"{len(entries)} entries, epoch {authority.epoch}, head {authority.record.head}{depth}")
    return Exit.FAILED if problems else Exit.OK


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refuse(
            "file.unreadable", f"{path} can't be read: {error.strerror}", "check its path and owner"
        ) from None


def _must_be_new(path: Path) -> None:
    """Before anything is entered in the record."""
    if path.exists() or path.is_symlink():
        raise Refuse("file.exists", f"{path} exists already", "choose another name")


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = create_exclusive(path, mode)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fsync_dir(path.parent)
