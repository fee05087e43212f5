"""`edgeward destroy request | approve | execute | list`: from request to certificate (STD 10.1, 10.3)."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agent.cli import door
from agent.cli.common import add_config, add_vault, config_of, vault_of
from agent.cli.exits import Exit
from agent.host.clock import SystemClock
from agent.ledger.check import read_leaves
from agent.model.commands import CommandType
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import rfc3339
from agent.runtime.disposal_certificate import challenge_of
from agent.runtime.disposal_report import account_of
from agent.vault.disposal import DisposalAccount, Request
from agent.vault.disposal_plan import Ground
from agent.vault.layout import LEDGER

EXAMPLE = 'edgeward destroy request RECORDING --reason "90 days are over"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    request = actions.add_parser(
        "request", help="ask for a destruction; the agent answers with its challenge"
    )
    request.add_argument("recording", nargs="+", metavar="RECORDING")
    request.add_argument("--reason", required=True, metavar="TEXT", help="never a patient's name")
    request.add_argument("--ground", choices=[*Ground], default=Ground.RETENTION.value)
    request.add_argument(
        "--without-ticket", action="store_true", help="also what copies of stay readable for custodians"
    )
    add_config(request)
    approve = actions.add_parser("approve", help="show what is to be approved, or hand an approval in")
    approve.add_argument("request", metavar="REQUEST")
    approve.add_argument("--note", type=Path, metavar="FILE", help="the command that an approver signed")
    add_config(approve)
    parser.set_defaults(vault=None)
    execute = actions.add_parser("execute", help="destroy what is approved; also goes on with what was begun")
    execute.add_argument("request", metavar="REQUEST")
    execute.add_argument(
        "--record", type=Path, action="append", default=[], metavar="FILE",
        help="the authority's record of the destroyed tickets: AUTHORITY/record/NNNNNNNN.note",
    )  # fmt: skip
    execute.add_argument("--title", metavar="TEXT", help="of who executes, for the certificate")
    execute.add_argument("--place", metavar="TEXT", help="default: the site in the configuration")
    add_config(execute)
    listing = actions.add_parser("list", help="the requests and where they stand")
    listing.add_argument("--challenge", metavar="REQUEST", help="print the challenge of this request instead")
    add_vault(listing, positional=False)


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 for what the agent refuses, 69 when none runs."""
    match arguments.action:
        case "request":
            return _request(arguments)
        case "approve":
            return _approve(arguments)
        case "execute":
            return _execute(arguments)
        case _:
            return _list(arguments)


def _request(arguments: argparse.Namespace) -> int:
    args: dict[str, Json] = {
        "recordings": list(arguments.recording),
        "reason": arguments.reason,
        "ground": arguments.ground,
        "without_ticket": arguments.without_ticket,
    }
    result = door.ask(config_of(arguments).box.runtime_dir, CommandType.DESTROY_REQUEST, args)
    print(
        f"request {result['request']}: {result['approvals_needed']} approvals are needed until "
        f"{result['expires']}, each over challenge {result['challenge_sha256']}"
    )
    return Exit.OK


def _approve(arguments: argparse.Namespace) -> int:
    if arguments.note is not None:
        result = door.hand_in(config_of(arguments).box.runtime_dir, arguments.note)
        print(f"{result['approvals']} of {result['approvals_needed']} approvals")
        return Exit.OK
    account, box = _account(arguments)
    request = _find(account, arguments.request)
    print(challenge_of(request, account, box), end="")
    args = {"challenge_sha256": request.body["challenge_sha256"], "request": request.id}
    print(f"{CommandType.DESTROY_APPROVE} needs an approver's signature over these arguments:")
    print(json.dumps(args))
    return Exit.FAILED


def _execute(arguments: argparse.Namespace) -> int:
    records: list[Json] = []
    for path in arguments.record:
        try:
            records.append(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise Refuse("file.unreadable", f"{path} can't be read", "check its path") from None
    args: dict[str, Json] = {"request": arguments.request, "records": records}
    args |= {key: value for key in ("title", "place") if (value := getattr(arguments, key)) is not None}
    result = door.ask(config_of(arguments).box.runtime_dir, CommandType.DESTROY_EXECUTE, args)
    if result["state"] != "certified":
        print("it has begun and goes on by itself; see: edgeward destroy list")
    else:
        print(f"certificate {result['certificate']}, SHA-256 {result['certificate_sha256']}")
    return Exit.OK


def _list(arguments: argparse.Namespace) -> int:
    account, box = _account(arguments)
    if arguments.challenge is not None:
        print(challenge_of(_find(account, arguments.challenge), account, box), end="")
        return Exit.OK
    now_ns = SystemClock().now().wall_ns
    for request in account.requests.values():
        print(
            f"{request.id}  {_state(request, now_ns)}  {len(request.recordings)} recordings  "
            f"{len(request.approvals)} of {request.needed} approvals  until {rfc3339(request.expires_ns)}"
        )
        for name in request.recordings:
            print(f"  {name}  ticket {account.recordings[name].ticket or 'none'}")
    return Exit.OK


def _state(request: Request, now_ns: int) -> str:
    if not request.counts_at(now_ns):
        return "expired"
    if request.certified is not None:
        return "certified"
    if request.intent is not None:
        return "executing"
    return "approved" if request.approved else "requested"


def _account(arguments: argparse.Namespace) -> tuple[DisposalAccount, str]:
    """The account and the box's name, off line."""
    vault = vault_of(arguments)
    first = next(iter(read_leaves(vault / LEDGER)), None)
    return account_of(vault), "" if first is None else first.box


def _find(account: DisposalAccount, name: str) -> Request:
    if name not in account.requests:
        raise Refuse("destroy.no-request", "there is no such request", "see: edgeward destroy list")
    return account.requests[name]
