"""This computer as the health checks see it: paths, programs, the running agent, and what needs our keys.

Guarantees: reads only, but for a test file in RAM; never takes the vault's lock and never stops a
recording. Leaves out the checks themselves (`agent/health/`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import agent
from agent.formats.config_v1 import AgentConfig, ChannelConfig
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.health.probed import BrokerDoor
from agent.health.site import Probes, Site, Skip
from agent.host.programs import run_program
from agent.ledger.check import check_log, read_leaves
from agent.ledger.signing import Verifier
from agent.model.errors import AgentError, Refuse
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S, from_rfc3339
from agent.runtime import check_broker, check_device, check_ledger, status
from agent.runtime.boot import PUBLIC_NAME
from agent.runtime.check_ledger import ledger_of
from agent.runtime.derivative_config import derived_channels
from agent.runtime.tickets import SpentTickets, channel_pools, report
from agent.seal import suites
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import seal_bytes
from agent.seal.recording_key import new_key_pair

# Older than this, a status is that of an agent that stopped (docs/formats/exit-codes.md, `status`).
STALE_NS = 5 * NS_PER_S
CONNECT_S = 2.0
_PROBE = b"edgeward check: nothing of a patient\n" * 64


def this_site(config: AgentConfig, clock: Clock) -> Site:
    """The real one."""
    return Site(
        config=config,
        clock=clock,
        root=Path("/"),
        run=run_program,
        status=running_status(config, clock),
        probes=Probes(
            sealing_round_trip=sealing_round_trip,
            ledger_problems=lambda: ledger_problems(config),
            unclean_boots=lambda since_ns: unclean_boots(config, since_ns),
            reach=reach,
            ticket_pools=lambda: ticket_pools(config, clock),
            recent_leaves=cache(lambda window_s: recent_leaves(config, clock, window_s)),
            witnessed=lambda: check_ledger.witnessed(config, clock.now()),
            certificate=lambda: check_ledger.certificate(config),
            waiting=lambda: check_ledger.waiting(config, clock.now()),
            broker_door=cache(lambda: broker_door(config)),
            foreign_topic=lambda: check_broker.foreign_topic(config, clock),
            device=check_device.Devices(config.channel).get,
            knock=check_device.knock,
            enforces=lambda channel: check_device.enforces(_channel(config, channel).spec.to_spec()),
        ),
        settings=config.checks,
        installed_s=installed_s(),
    )


def _channel(config: AgentConfig, channel: str) -> ChannelConfig:
    return next(one for one in config.channel if one.id == channel)


def recent_leaves(config: AgentConfig, clock: Clock, window_s: float) -> tuple[Leaf, ...]:
    """The ledger's leaves of the last `window_s` seconds."""
    since_ns = clock.now().wall_ns - round(window_s * NS_PER_S)
    return check_ledger.leaves_since(ledger_of(config), since_ns)


def broker_door(config: AgentConfig) -> BrokerDoor:
    """How the broker's port answers. Skip `not-configured`."""
    if config.mqtt is None:
        raise Skip("not-configured")
    return check_broker.broker_door(config.mqtt)


def installed_s() -> float:
    """When this program was put here, seconds since 1970; installers may keep older dates in its files."""
    return Path(agent.__file__).stat().st_ctime


def running_status(config: AgentConfig, clock: Clock) -> Mapping[str, Json] | None:
    """What the running agent last said; None when none runs."""
    try:
        found = status.read(config.box.runtime_dir)
    except AgentError:
        return None
    said_ns = found.get("mono_ns")
    fresh = isinstance(said_ns, int) and 0 <= clock.mono_ns() - said_ns <= STALE_NS
    return found if found.get("running") and fresh else None


def sealing_round_trip() -> tuple[bool, bool]:
    """Every suite: (what was sealed comes back, one changed byte is refused)."""
    back = refused = True
    for suite in suites.SUITES:
        keys = new_key_pair(os.urandom, suite.NAME)
        sealed = bytearray(seal_bytes(_PROBE, [keys.recipient], os.urandom))
        back = back and open_bytes(bytes(sealed), [keys.identity]) == _PROBE
        sealed[-1] ^= 1
        try:
            open_bytes(bytes(sealed), [keys.identity])
        except Refuse:
            continue
        refused = False
    return back, refused


def reach(host: str, port: int) -> str:
    """`open`, `no-name`, `no-answer`. Connects and hangs up without a byte."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return "no-name"
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as end:
            end.settimeout(CONNECT_S)
            if end.connect_ex(address) == 0:
                return "open"
    return "no-answer"


def ledger_problems(config: AgentConfig) -> tuple[int, tuple[str, ...]]:
    """Leaves, and what is wrong with the log."""
    directory = ledger_of(config)
    try:
        vkey = (config.box.state_dir / PUBLIC_NAME).read_text(encoding="utf-8").strip()
    except OSError:
        raise Skip("no-privilege") from None
    checked = check_log(directory, vkey)
    return checked.leaves, tuple(problem.text for problem in checked.problems)


def unclean_boots(config: AgentConfig, since_wall_ns: int) -> int:
    """Starts since then that followed no proper end: power cuts and kills."""
    count, ended = 0, True
    for leaf in read_leaves(ledger_of(config)):
        if leaf.type is LeafType.SHUTDOWN:
            ended = True
        elif leaf.type is LeafType.BOOT:
            count += not ended and from_rfc3339(leaf.wall) >= since_wall_ns
            ended = False
    return count


def ticket_pools(config: AgentConfig, clock: Clock) -> tuple[tuple[str, str, int], ...]:
    """Channel, state word, tickets left."""
    if config.tickets is None:
        raise Skip("not-configured")
    spent = SpentTickets()
    for leaf in read_leaves(ledger_of(config)):
        spent.take(leaf)
    verifier, wall_ns = Verifier(config.tickets.authority), clock.now().wall_ns
    batches = tuple(report(config.box.state_dir, verifier, spent, config.box.id, wall_ns))
    return tuple(
        (pool.channel, pool.state, pool.left)
        for pool in channel_pools((*config.channel, *derived_channels(config.channel)), batches)
    )
