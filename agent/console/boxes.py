"""What the console knows of one box, and how its API says it (docs/formats/console-api-v1.md). Pure.

Guarantees: unknown is None; the lists have bounds. Leaves out who changes it (`fleet.py`, `vigil.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agent.console.numbers import Numbers
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, rfc3339

MISSING_AFTER_NS = 120 * NS_PER_S
_KEPT = 20


@dataclass(slots=True, kw_only=True)
class Channel:
    """One input. `facts` are the birth's, `state` the retained one, `measured` the newest measurement."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
    measured_ts: str = ""
    measured_seq: int = 0
    twins: dict[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Counts:
    """Alarms that are not closed."""

    critical: int = 0
    warning: int = 0
    unacknowledged: int = 0


@dataclass(slots=True, kw_only=True)
class Box:
    """One box. `seen` has the number of the newest message of each retained topic."""

    name: str
    numbers: Numbers = field(default_factory=Numbers)
    heard_mono_ns: int = 0
    heard_wall_ns: int | None = None
    status: str = "unknown"
    cause: str | None = None
    since: str | None = None
    status_session: int = -1
    silent: bool = False
    boot: str | None = None
    session: int | None = None
    clk: str | None = None
    birth: Mapping[str, Any] = field(default_factory=dict)
    birth_seq: int = 0
    birth_boot: str = ""
    birth_session: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    standing: set[str] = field(default_factory=set)
    # "birth" and the alarms that were said since the subscription `round`, however old they are.
    said: set[str] = field(default_factory=set)
    round: int = 0
    channels: dict[str, Channel] = field(default_factory=dict)
    ledger: Mapping[str, Any] = field(default_factory=dict)
    head: Mapping[str, Json] | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)
    measured_ts: str = ""
    measured_seq: int = 0
    twins: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    retention: Mapping[str, Any] | None = None
    week: Mapping[str, Json] | None = None
    check: Mapping[str, Json] | None = None
    losses: deque[Mapping[str, Json]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    lost: int = 0
    refusals: deque[Mapping[str, Json]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    refused: int = 0
    missing: int = 0
    alarms: Counts = field(default_factory=Counts)

    @property
    def alive(self) -> bool:
        """True when it said that it is there, and did not say good-bye."""
        return self.status in ("online", "maintenance", "draining")

    @property
    def nonce(self) -> str | None:
        """What a privileged command must carry."""
        found = self.birth.get("cmd_nonce")
        return found if isinstance(found, str) else None


def row(box: Box) -> dict[str, Json]:
    """The fleet's row of this box."""
    return {
        "box": box.name,
        "site": box.birth.get("site"),
        "status": box.status,
        "cause": box.cause,
        "since": box.since,
        "heard": None if box.heard_wall_ns is None else rfc3339(box.heard_wall_ns),
        "silent": box.silent,
        "agent": box.birth.get("versions", {}).get("agent"),
        "clk": box.clk,
        "boot": box.boot,
        "session": box.session,
        "alarms": {
            "critical": box.alarms.critical,
            "warning": box.alarms.warning,
            "unacknowledged": box.alarms.unacknowledged,
        },
        "ledger": {name: box.ledger.get(name) for name in ("leaves", "unwitnessed_leaves", "unwitnessed_s")},
        "outbox_rows": box.measured.get("outbox_rows"),
        "free_bytes": box.measured.get("free_bytes"),
        "missing": box.missing,
        "lost_messages": box.lost,
        "refused": box.refused,
        "channels": {name: _channel(channel) for name, channel in box.channels.items()},
    }


def _channel(channel: Channel) -> dict[str, Json]:
    facts, state, measured = channel.facts, channel.state, channel.measured
    return {
        "name": facts.get("name"),
        "source": facts.get("source"),
        "category": facts.get("category"),
        "level": facts.get("level"),
        "required": required_of(channel),
        "signal": state.get("signal", "unknown"),
        "recording": state.get("recording"),
        "width": state.get("width"),
        "height": state.get("height"),
        "rate": rate_of(measured or state),
        "codec": state.get("codec"),
        "verdict": state.get("verdict"),
        "bitrate_bps": measured.get("bitrate_bps"),
        "lost": measured.get("lost"),
        "durable_at": durable_at(channel),
    }


def required_of(channel: Channel) -> dict[str, Json]:
    """What its specification asks for."""
    facts = channel.facts
    return {
        "width": facts.get("width"),
        "height": facts.get("height"),
        "rate": _required_rate(facts.get("rate")),
    }


def detail(box: Box) -> dict[str, Json]:
    """Everything about one box, without its history."""
    return {
        **row(box),
        "versions": dict(box.birth.get("versions", {})),
        "ledger_key": box.birth.get("ledger_key"),
        "configuration_sha256": box.birth.get("configuration_sha256"),
        "commands": box.birth.get("commands"),
        "twins": {name: _twin(box.twins.get(name)) for name in ("software", "hardware", "keys")},
        "channel_twins": {
            name: {kind: _twin(channel.twins.get(kind)) for kind in ("spec", "device")}
            for name, channel in box.channels.items()
        },
        "witnesses": list(box.ledger.get("witnesses", [])),
        "head": None if box.head is None else dict(box.head),
        "retention": None if box.retention is None else dict(box.retention),
        "report_week": None if box.week is None else dict(box.week),
        "last_check": None if box.check is None else dict(box.check),
        "data_loss": [dict(one) for one in box.losses],
        "refusals": [dict(one) for one in box.refusals],
    }


def measured_of(channel: Channel) -> dict[str, Json]:
    """What the stream says of a channel's newest measurement."""
    return {
        "rate": rate_of(channel.measured),
        "bitrate_bps": channel.measured.get("bitrate_bps"),
        "lost": channel.measured.get("lost"),
        "jitter_p99_ms": channel.measured.get("jitter_p99_ms"),
        "durable_at": durable_at(channel),
    }


def measured_of_box(box: Box) -> dict[str, Json]:
    """What the stream says of a box's newest measurement."""
    heard = None if box.heard_wall_ns is None else rfc3339(box.heard_wall_ns)
    return {
        "outbox_rows": box.measured.get("outbox_rows"),
        "free_bytes": box.measured.get("free_bytes"),
        "rss_bytes": box.measured.get("rss_bytes"),
        "heard": heard,
    }


def rate_of(values: Mapping[str, Any]) -> float | None:
    """The measured rate in Hz."""
    above, below = values.get("rate_num"), values.get("rate_den")
    return round(above / below, 3) if above and below else None


def durable_at(channel: Channel) -> str | None:
    """When the newest durable picture was taken, on the box's clock."""
    age_ms = channel.measured.get("durable_age_ms")
    if age_ms is None:
        return None
    try:
        at = datetime.fromisoformat(channel.measured_ts) - timedelta(milliseconds=age_ms)
    except OverflowError:
        return None  # an age of centuries
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _required_rate(text: object) -> float | None:
    if not isinstance(text, str):
        return None
    above, _, below = text.partition("/")
    try:
        return round(float(above) / float(below or 1), 3)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


_ENVELOPE = frozenset({"v", "box", "boot", "session", "seq", "ts", "mono_ms", "clk", "replaces"})


def _twin(body: Mapping[str, Any] | None) -> dict[str, Json] | None:
    return None if body is None else without_envelope(body)


def without_envelope(body: Mapping[str, Any]) -> dict[str, Json]:
    """The fields of a message that are its own."""
    return {name: value for name, value in body.items() if name not in _ENVELOPE}
