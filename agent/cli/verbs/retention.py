"""`edgeward retention plan | run`: what is due for destruction (STD 7.7 c, 9.1 c, 10.1)."""

from __future__ import annotations

import argparse
import json

from agent.cli import door
from agent.cli.common import add_config, config_of, vault_of
from agent.cli.exits import Exit
from agent.host.clock import SystemClock
from agent.model.commands import CommandType
from agent.model.outgoing import Json
from agent.model.times import rfc3339
from agent.runtime.disposal_report import account_of
from agent.vault.disposal import GONE
from agent.vault.disposal_plan import Policy, term_of

EXAMPLE = "edgeward retention plan"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    plan = actions.add_parser("plan", help="the term of every recording, off line; changes nothing")
    plan.add_argument("--json", action="store_true", help="machine-readable")
    add_config(plan)
    now = actions.add_parser("run", help="let the agent look now instead of tonight")
    add_config(now)
    parser.set_defaults(vault=None)


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 for what the agent refuses, 69 when none runs."""
    config = config_of(arguments)
    if arguments.action == "run":
        result = door.ask(config.box.runtime_dir, CommandType.RETENTION_RUN, {})
        print(json.dumps(result, ensure_ascii=False))
        return Exit.OK
    rows = _rows(arguments)
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False))
        return Exit.OK
    for row in rows:
        holds = f"  ON HOLD {row['holds']}" if row["holds"] else ""
        due = row["due"] or ("no rule" if row["rule"] is None else "not known yet")
        print(
            f"{row['recording']}  {row['channel']}  level {row['level']}  {row['state']}  due {due}  "
            f"not before {row['earliest'] or '-'}{holds}"
        )
    return Exit.OK


def _rows(arguments: argparse.Namespace) -> list[dict[str, Json]]:
    """One row for each recording that is there, by the vault's ledger and the present configuration."""
    account = account_of(vault_of(arguments))
    policy = Policy.of(config_of(arguments).channel)
    now_ns = SystemClock().now().wall_ns
    rows: list[dict[str, Json]] = []
    for one in account.recordings.values():
        state = one.state(now_ns)
        if state in GONE:
            continue
        term, promise = term_of(one, policy), one.retention or policy.plans.get(one.channel)
        rows.append(
            {
                "recording": one.id,
                "channel": one.channel,
                "level": one.level,
                "state": state.value,
                "rule": None if promise is None else promise.rule.value,
                "earliest": None if term.earliest_ns is None else rfc3339(term.earliest_ns),
                "due": None if term.due_ns is None else rfc3339(term.due_ns),
                "holds": [*sorted(one.holds)],
            }
        )
    return rows
