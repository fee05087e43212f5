"""What the ledger says of earlier runs, as an account that takes one leaf after the other.

Guarantees: the same leaves give the same account; it goes through the index of `past_index.py` and back
unchanged. Leaves out reading leaves, and what recovery makes of it (`boot.py`). Raise `SHAPE` whenever
`take`, or an account that it feeds, makes something else of the same leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent import __version__
from agent.control.account import CommandAccount
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.ids import ChannelId, RecordingId
from agent.model.media import GapCause
from agent.model.outgoing import Json
from agent.model.times import from_rfc3339
from agent.model.verdict import Grade
from agent.runtime.account_codec import from_plain, shape_of, to_plain
from agent.runtime.leaves import Totals
from agent.runtime.past_index import Account
from agent.runtime.tickets import SpentTickets
from agent.vault.disposal import DisposalAccount
from agent.vault.recovery import KnownRecording, surely_recorded_until

SHAPE = 1


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
    quarantined: set[str] = field(default_factory=set)
    tickets: SpentTickets = field(default_factory=SpentTickets)
    commands: CommandAccount = field(default_factory=CommandAccount)
    disposal: DisposalAccount = field(default_factory=DisposalAccount)


def gather(leaves: Iterable[Leaf]) -> Past:
    """One pass over the leaves."""
    past = Past()
    for leaf in leaves:
        take(past, leaf)
    return past


def take(past: Past, leaf: Leaf) -> None:
    body = leaf.body
    past.tickets.take(leaf)
    past.commands.take(leaf)
    past.disposal.take(leaf)
    if leaf.type is LeafType.RECORDING_OPENED:
        recording = RecordingId(str(body["recording"]))
        channel = ChannelId(str(body["channel"]))
        past.recordings[recording] = KnownRecording(recording=recording, channel=channel)
        past.suites[recording] = str(body["suite"])
        past.totals[recording] = Totals()
        # Pictures are expected from here on, should a stop leave nothing else that says so.
        past.channels.setdefault(channel, ChannelPast(end_wall_ns=from_rfc3339(leaf.wall)))
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
    elif leaf.type is LeafType.QUARANTINE:
        past.quarantined.add(str(body["moved_to"]))
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
        end_wall_ns = surely_recorded_until(_count(body["size_bytes"]), from_rfc3339(str(body["last_write"])))
        if end_wall_ns is not None:
            known.last_end_wall_ns = max(known.last_end_wall_ns or 0, end_wall_ns)
    totals.add_file(_count(body["size_bytes"]), str(body["sha256"]))
    totals.frames += _count(body["frames"])
    totals.expected += _count(body["frames_expected"])
    if body["verdict"] is not None:
        totals.grades.append(Grade(str(body["verdict"])))


def _count(value: Json) -> int:
    """A number in a leaf; null, which stands for unknown, adds nothing."""
    return value if isinstance(value, int) else 0


PAST_ACCOUNT: Account[Past] = Account(
    shape=f"{__version__} {SHAPE} {shape_of(Past)}",
    new=Past,
    take=take,
    to_json=to_plain,
    from_json=lambda plain: from_plain(Past, plain),
)
