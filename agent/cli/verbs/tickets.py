"""`edgeward tickets import FILE | status`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.formats.config_v1 import AgentConfig
from agent.formats.withdrawal_v1 import is_withdrawal
from agent.host.clock import SystemClock
from agent.ledger.check import read_leaves
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.runtime.ticket_batches import import_batch, read_batch_file
from agent.runtime.ticket_withdrawals import import_withdrawal
from agent.runtime.tickets import ChannelPool, PoolReport, SpentTickets, channel_pools, report
from agent.vault.layout import LEDGER

EXAMPLE = "edgeward tickets import ward-3.tickets"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    take = actions.add_parser("import", help="check a batch, or a list of withdrawn tickets, and store it")
    take.add_argument(
        "file", type=Path, metavar="FILE", help="as `authority issue` or `authority withdraw` wrote it"
    )
    add_config(take)
    status = actions.add_parser("status", help="how many tickets are left")
    add_config(status)
    status.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 for a refused file, for a list with tickets that this box has spent, and from `status` when a
    channel has few tickets or none.
    """
    config = config_of(arguments)
    if config.tickets is None:
        raise Refuse(
            "tickets.no-authority",
            "the configuration names no key authority",
            "put the line of the authority's signing.vkey into agent.toml: [tickets] authority = ...",
        )
    verifier = Verifier(config.tickets.authority)
    if arguments.action == "status":
        return _status(config, verifier, as_json=arguments.json)
    data = read_batch_file(arguments.file)
    if is_withdrawal(data):
        return _withdraw(config, verifier, data)
    wall_ns = SystemClock().now().wall_ns
    batch = import_batch(config.box.state_dir, data, verifier, config.box.id, wall_ns)
    share = len(batch.share_of(config.box.id))
    print(
        f"{batch.batch}: {share} tickets of class {batch.kind.value} up to level {batch.max_level} are "
        "this box's; the next recording may take one"
    )
    return Exit.OK


def _withdraw(config: AgentConfig, verifier: Verifier, data: bytes) -> int:
    """Stores the list first: what is spent meanwhile is seen by the look at the ledger after it."""
    found = import_withdrawal(config.box.state_dir, data, verifier)
    used = sorted(_spent(config).ids & set(found.tickets))
    print(f"{len(found.tickets)} tickets are withdrawn: this box gives none of them out any more")
    for ticket in used:
        print(f"SPENT BEFORE: {ticket}: destroying it shreds what it closed on this box")
    return Exit.FAILED if used else Exit.OK


def _spent(config: AgentConfig) -> SpentTickets:
    spent = SpentTickets()
    ledger = config.box.vault_dir / LEDGER
    if ledger.is_dir():
        for leaf in read_leaves(ledger):
            spent.take(leaf)
    return spent


def _status(config: AgentConfig, verifier: Verifier, *, as_json: bool) -> int:
    spent = _spent(config)
    wall_ns = SystemClock().now().wall_ns
    batches = tuple(report(config.box.state_dir, verifier, spent, config.box.id, wall_ns))
    pools = channel_pools(config.channel, batches)
    if as_json:
        rows = {"batches": [asdict(one) for one in batches], "channels": [asdict(one) for one in pools]}
        print(json.dumps(rows, ensure_ascii=False))
    else:
        _print(batches, pools)
    return Exit.OK if all(pool.state == "good" for pool in pools) else Exit.FAILED


def _print(batches: tuple[PoolReport, ...], pools: tuple[ChannelPool, ...]) -> None:
    for pool in pools:
        print(
            f"{pool.channel}: {pool.state}, {pool.left} tickets of class {pool.kind} for level {pool.level}"
        )
    for one in batches:
        if one.problem is not None:
            print(f"  NOT USED {one.file}: {one.problem}")
            continue
        when = "until" if one.usable else "NOT VALID NOW, until"
        print(
            f"  {one.batch} {one.kind} up to level {one.max_level}: {one.left} of {one.tickets} left, "
            f"{when} {one.not_after}"
        )
