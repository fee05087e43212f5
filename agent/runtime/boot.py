"""Boot order: state directory, key, vault lock and identity, ledger, recovery, outbox.

Guarantees: when `boot` returns, everything that an earlier run left is entered in the ledger or in
quarantine, and the boot leaf is written. It never waits for the network. Raises `AgentError`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import Leaf, LeafType, origin
from agent.host.files import make_directories, translate, write_atomic
from agent.ledger.log import Ledger
from agent.ledger.signing import SigningKey
from agent.link.outbox import Outbox
from agent.model.errors import Halt, Retry
from agent.model.ids import ChannelId, RecordingId, new_uuid7
from agent.model.media import GapCause
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.model.times import from_rfc3339
from agent.model.verdict import Grade
from agent.runtime.book import Book
from agent.runtime.leaves import Totals, adopted_body, closing_body
from agent.runtime.tickets import SpentTickets
from agent.vault.identity import lock_vault, open_vault
from agent.vault.layout import LEDGER
from agent.vault.recovery import (
    LOSS_BOUND_NS,
    AdoptSegment,
    CloseRecording,
    KnownRecording,
    QuarantineFile,
    plan,
)
from agent.vault.store import durable_sha256_of, list_recordings, quarantine

LOCK_WAIT_S = 15.0
KEY_NAME = "signing.key"
PUBLIC_NAME = "signing.vkey"
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]{1,64}")
_MOST_BOOTS = 1 << 52  # leaves hold numbers below 2^53


@dataclass(slots=True, kw_only=True)
class ChannelPast:
    """Where the account of a channel ends, for the gap that follows."""

    end_wall_ns: int | None = None
    cause: GapCause = GapCause.RESTART


@dataclass(slots=True, kw_only=True)
class Past:
    """What the ledger says, gathered in one pass."""

    recordings: dict[RecordingId, KnownRecording] = field(default_factory=dict)
    suites: dict[RecordingId, str] = field(default_factory=dict)
    totals: dict[RecordingId, Totals] = field(default_factory=dict)
    channels: dict[ChannelId, ChannelPast] = field(default_factory=dict)
    alarms: dict[tuple[str, str], None] = field(default_factory=dict)
    tickets: SpentTickets = field(default_factory=SpentTickets)


@dataclass(slots=True, kw_only=True)
class Booted:
    """All that the keeper needs, open."""

    ledger: Ledger
    outbox: Outbox | None
    boot: int
    lock: int
    vault_id: str
    past: Past


def prepare_state(config: AgentConfig) -> int:
    """Makes the directories and counts this boot. Returns its number."""
    state, runtime = config.box.state_dir, config.box.runtime_dir
    for directory in (state, config.box.vault_dir, runtime):
        make_directories(directory, 0o750)
    path = state / "boot"
    try:
        last = int(path.read_text()) if path.exists() else 0
    except (OSError, ValueError):
        last = -1
    if not 0 <= last < _MOST_BOOTS:
        # A damaged counter must not give one number to two boots: go on at a place of chance, far above.
        last = int.from_bytes(os.urandom(5), "big")
    write_atomic(path, f"{last + 1}\n".encode())
    return last + 1


def signing_key(config: AgentConfig, random: Callable[[int], bytes]) -> SigningKey:
    """The box's key, made on first start, with its public half beside it for auditors."""
    path = config.box.state_dir / KEY_NAME
    if path.exists():
        key = SigningKey.load(path)
    else:
        key = SigningKey.generate(random(32), origin(config.box.id))
        key.save(path)
    public = config.box.state_dir / PUBLIC_NAME
    if not public.exists():
        write_atomic(public, key.verifier_key.encode() + b"\n", mode=0o644)
    return key


def wait_for_lock(vault: Path, clock: Clock, sleep: Callable[[float], None]) -> int:
    """The vault's lock; channel processes of a keeper that was killed may need seconds to leave."""
    deadline_ns = clock.mono_ns() + round(LOCK_WAIT_S * 1e9)
    while True:
        try:
            return lock_vault(vault)
        except Retry as error:
            if clock.mono_ns() > deadline_ns or error.code != "vault.locked":
                raise
            sleep(error.after_s)


def open_known_vault(config: AgentConfig, clock: Clock, random: Callable[[int], bytes]) -> str:
    """The vault's id, remembered in the state directory, so that another disk is noticed."""
    remembered = config.box.state_dir / "vault-id"
    try:
        expected = remembered.read_bytes().decode("utf-8", "replace").strip() if remembered.exists() else None
    except OSError as error:
        raise translate(error, remembered, "reading") from None
    if expected is not None and not _IDENTIFIER.fullmatch(expected):
        raise Halt(
            "vault.bad-memory",
            f"{remembered} is damaged: this box does not know its vault any more",
            "write the id of its vault.json into it, or remove it to adopt the vault that is there",
        )
    found = open_vault(config.box.vault_dir, expected, new_uuid7(clock.now().wall_ns, random(10)))
    if expected is None:
        write_atomic(remembered, found.encode() + b"\n")
    return found


def boot(
    config: AgentConfig, clock: Clock, random: Callable[[int], bytes], sleep: Callable[[float], None]
) -> Booted:
    """Everything up to READY, except recovery, which needs the book (`recover`)."""
    number = prepare_state(config)
    key = signing_key(config, random)
    vault = config.box.vault_dir
    lock = wait_for_lock(vault, clock, sleep)
    try:
        vault_id = open_known_vault(config, clock, random)
        ledger = Ledger.open(vault / LEDGER, config.box.id, key)
        outbox = None
        if config.mqtt is not None:
            outbox = Outbox.open(config.box.state_dir / "outbox.sqlite3", config.box.id, str(number))
        past = gather(ledger.leaves())
    except BaseException:
        os.close(lock)
        raise
    return Booted(ledger=ledger, outbox=outbox, boot=number, lock=lock, vault_id=vault_id, past=past)


def gather(leaves: Iterable[Leaf]) -> Past:
    """One pass over the leaves."""
    past = Past()
    for leaf in leaves:
        _take(past, leaf)
    return past


def _take(past: Past, leaf: Leaf) -> None:
    body = leaf.body
    past.tickets.take(leaf)
    if leaf.type is LeafType.RECORDING_OPENED:
        recording = RecordingId(str(body["recording"]))
        channel = ChannelId(str(body["channel"]))
        past.recordings[recording] = KnownRecording(recording=recording, channel=channel)
        past.suites[recording] = str(body["suite"])
        past.totals[recording] = Totals()
    elif leaf.type is LeafType.SEGMENT:
        _take_segment(past, body)
    elif leaf.type is LeafType.GAP:
        _take_gap(past, body)
    elif leaf.type is LeafType.RECORDING_CLOSED:
        recording = RecordingId(str(body["recording"]))
        past.recordings[recording].closed = True
        past.totals.pop(recording, None)
        if (end := body.get("end")) is not None:
            _account(past, ChannelId(str(body["channel"])), str(end), GapCause(str(body["cause"])))
    elif leaf.type is LeafType.SHUTDOWN:
        for channel_past in past.channels.values():
            channel_past.cause = GapCause.STOPPED
    elif leaf.type is LeafType.ALARM_RAISED:
        past.alarms[str(body["entity"]), str(body["code"])] = None
    elif leaf.type is LeafType.ALARM_CLOSED:
        past.alarms.pop((str(body["entity"]), str(body["code"])), None)


def _take_gap(past: Past, body: Mapping[str, Json]) -> None:
    if (recording := body.get("recording")) is not None:
        totals = past.totals.get(RecordingId(str(recording)))
        if totals is not None:
            totals.gaps += 1
    _account(past, ChannelId(str(body["channel"])), str(body["to"]), GapCause.RESTART)


def _account(past: Past, channel: ChannelId, until: str, cause: GapCause) -> None:
    """The channel is accounted for `until` this moment; what follows has `cause` unless a leaf says more."""
    known = past.channels.setdefault(channel, ChannelPast())
    known.end_wall_ns = max(known.end_wall_ns or 0, from_rfc3339(until))
    known.cause = cause


def _take_segment(past: Past, body: Mapping[str, Json]) -> None:
    recording = RecordingId(str(body["recording"]))
    known, totals = past.recordings[recording], past.totals[recording]
    known.names.add(str(body["name"]))
    known.next_number = max(known.next_number, _count(body["number"]) + 1)
    if body["start"] is not None:
        known.last_end_wall_ns = from_rfc3339(str(body["start"])) + _count(body["duration_ms"]) * 1_000_000
    else:  # adopted, and stopped again before the closing leaf
        end_wall_ns = from_rfc3339(str(body["last_write"])) - LOSS_BOUND_NS
        known.last_end_wall_ns = max(known.last_end_wall_ns or 0, end_wall_ns)
    totals.add_file(_count(body["size_bytes"]), str(body["sha256"]))
    totals.frames += _count(body["frames"])
    totals.expected += _count(body["frames_expected"])
    if body["verdict"] is not None:
        totals.grades.append(Grade(str(body["verdict"])))


def _count(value: Json) -> int:
    """A number in a leaf; null, which stands for unknown, adds nothing."""
    return value if isinstance(value, int) else 0


def recover(vault: Path, past: Past, book: Book) -> None:
    """Executes the recovery plan: adopt, quarantine, close; each with its leaf."""
    for action in plan(past.recordings, list_recordings(vault)):
        match action:
            case AdoptSegment():
                known = past.recordings[action.recording]
                body = adopted_body(
                    action,
                    channel=known.channel,
                    sha256=durable_sha256_of(vault / action.path),
                    suite=past.suites[action.recording],
                )
                book.leaf(LeafType.SEGMENT, body, entity=known.channel, event=True)
                totals = past.totals[action.recording]
                totals.add_file(action.size_bytes, str(body["sha256"]))
            case QuarantineFile():
                moved = quarantine(vault, action.path)
                book.leaf(
                    LeafType.QUARANTINE,
                    {"path": action.path, "moved_to": moved, "reason": action.reason},
                    event=True,
                )
            case CloseRecording():
                body = closing_body(
                    action.recording,
                    action.channel,
                    GapCause.RESTART,
                    past.totals[action.recording],
                    end_wall_ns=action.end_wall_ns,
                    capsule_sha256=None,
                )
                book.leaf(LeafType.RECORDING_CLOSED, body, entity=action.channel, event=True)
                known_past = past.channels.setdefault(action.channel, ChannelPast())
                if action.end_wall_ns is not None:
                    known_past.end_wall_ns = max(known_past.end_wall_ns or 0, action.end_wall_ns)
                known_past.cause = GapCause.RESTART
    book.close_inherited(past.alarms)
