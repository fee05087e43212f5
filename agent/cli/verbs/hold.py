"""`edgeward hold set | clear | list`: legal holds (STD 7.7 c, 9.1 c)."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agent.cli import door
from agent.cli.common import add_config, add_vault, config_of, vault_of
from agent.cli.exits import Exit
from agent.model.commands import CommandType
from agent.runtime.disposal_report import account_of

EXAMPLE = 'edgeward hold set RECORDING --reason "complaint 2026-114"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    put = actions.add_parser("set", help="keep these recordings whatever their term says")
    put.add_argument("recording", nargs="+", metavar="RECORDING")
    put.add_argument("--reason", required=True, metavar="TEXT", help="never a patient's name")
    add_config(put)
    clear = actions.add_parser("clear", help="end a hold: a command that two approvers signed")
    clear.add_argument("hold", metavar="HOLD")
    clear.add_argument("--note", type=Path, metavar="FILE", help="the signed command; without: what to sign")
    add_config(clear)
    listing = actions.add_parser("list", help="the holds that are set")
    add_vault(listing, positional=False)


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 for what the agent refuses, 69 when none runs."""
    match arguments.action:
        case "set":
            args = {"recordings": list(arguments.recording), "reason": arguments.reason}
            result = door.ask(config_of(arguments).box.runtime_dir, CommandType.HOLD_SET, args)
            print(f"hold {result['hold']} is set, leaf {result['leaf']}")
        case "clear":
            if arguments.note is None:
                print(f"{CommandType.HOLD_CLEAR} needs the signatures of two approvers over these arguments:")
                print(json.dumps({"hold": arguments.hold, "reason": "…"}, ensure_ascii=False))
                return Exit.FAILED
            result = door.hand_in(config_of(arguments).box.runtime_dir, arguments.note)
            print(f"hold {result['hold']} is cleared, leaf {result['leaf']}")
        case _:
            for hold in account_of(vault_of(arguments)).holds.values():
                print(f"{hold.id}  {hold.at}  {len(hold.recordings)} recordings  {hold.reason}")
                for name in hold.recordings:
                    print(f"  {name}")
    return Exit.OK
