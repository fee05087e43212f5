"""The messages about state and measurements, as docs/formats/mqtt-v1/*.schema.json describe them. Pure.

Guarantees: unknown is null, never 0; rates are rationals; units are in the names. Leaves out when they
are sent (`channel_book.py`, `keeper.py`) and how (`book.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from agent.formats import ipc_v1 as ipc
from agent.formats.witness_v1 import Paths, paths_json
from agent.model.media import Signal
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.times import NS_PER_S, rfc3339

NS_PER_MS = 1_000_000


@dataclass(slots=True, kw_only=True)
class View:
    """What is known of a channel at this moment."""

    signal: Signal = Signal.UNKNOWN
    measured: ipc.Measured | None = None
    codec: str | None = None
    grade: str | None = None
    durable_mono_ns: int | None = None
    durable_bytes: int = 0
    last_heard_mono_ns: int = 0
    opened_mono_ns: int = 0
    finished: bool = False
    restarts: int = 0
    # Kept in RAM and told to nobody but a technician's report (docs/formats/check-report-v1.md).
    coarse: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person must look at. `code` is the error's stable code."""

    entity: str
    code: str
    severity: str
    text: str
    remedy: str


def _rate(measured: ipc.Measured | None) -> dict[str, Json]:
    """The measured rate in Hz as a rational; null when there were too few frames to measure it."""
    rate = Fraction(measured.rate) if measured else Fraction(0)
    return {"rate_num": rate.numerator or None, "rate_den": rate.denominator if rate else None}


def channel_state(
    channel: str, view: View, *, recording: str | None, segments: int, size_bytes: int
) -> Outgoing:
    """The retained state of a channel."""
    measured = view.measured
    return Outgoing(
        entity=channel,
        kind="state",
        type="channel",
        body={
            "signal": view.signal.value,
            "recording": recording,
            "width": measured.width if measured else None,
            "height": measured.height if measured else None,
            **_rate(measured),
            "codec": view.codec,
            "verdict": view.grade,
            "segments": segments,
            "bytes": size_bytes,
            "restarts": view.restarts,
        },
        priority=Priority.STATE,
        retain=True,
        coalesce=True,
    )


def channel_measurement(channel: str, measured: ipc.Measured, durable_age_ns: int | None) -> Outgoing:
    """What was measured of the segment that is being written."""
    return Outgoing(
        entity=channel,
        kind="m",
        type="channel",
        body={
            **_rate(measured),
            "bitrate_bps": measured.bitrate_bps,
            "frames": measured.frames,
            "lost": measured.lost,
            "duplicates": measured.duplicates,
            "jitter_p99_ms": measured.jitter_p99_ns // NS_PER_MS,
            "durable_age_ms": None if durable_age_ns is None else max(0, durable_age_ns) // NS_PER_MS,
        },
        priority=Priority.MEASUREMENT,
    )


def box_measurement(
    *,
    cpu_s: float,
    rss_bytes: int,
    free_bytes: int | None,
    outbox_rows: int | None,
    outbox_failures: int,
    alarms: int,
) -> Outgoing:
    """The keeper itself, and the vault's disk."""
    return Outgoing(
        entity="_",
        kind="m",
        type="box",
        body={
            "cpu_s": round(cpu_s, 2),
            "rss_bytes": rss_bytes,
            "free_bytes": free_bytes,
            "outbox_rows": outbox_rows,
            "outbox_failures": outbox_failures,
            "alarms": alarms,
        },
        priority=Priority.MEASUREMENT,
    )


def alarm_facts(alarm: Alarm) -> dict[str, Json]:
    """An alarm as plain values."""
    return {
        "entity": alarm.entity,
        "code": alarm.code,
        "severity": alarm.severity,
        "text": alarm.text,
        "remedy": alarm.remedy,
    }


def alarm_raised(alarm: Alarm, since_wall_ns: int) -> Outgoing:
    """The retained alarm."""
    return _alarm(alarm.entity, alarm.code, {**alarm_facts(alarm), "since": rfc3339(since_wall_ns)})


def alarm_cleared(entity: str, code: str) -> Outgoing:
    """Takes the retained alarm away."""
    return _alarm(entity, code, None)


def _alarm(entity: str, code: str, body: dict[str, Json] | None) -> Outgoing:
    return Outgoing(
        entity=entity,
        kind="a",
        type=code.replace(".", "-"),
        body=body,
        priority=Priority.ALARM,
        retain=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessView:
    """One witness's newest cosigned head of this log, None before the first."""

    name: str
    size: int | None
    at_s: int | None


def ledger_state(
    witnesses: Sequence[WitnessView],
    *,
    leaves: int,
    unwitnessed_leaves: int,
    unwitnessed_s: int,
    refused: int,
) -> Outgoing:
    """How much of the ledger no witness has seen, and for how long (retained)."""
    return Outgoing(
        entity="_",
        kind="state",
        type="ledger",
        body={
            "leaves": leaves,
            "unwitnessed_leaves": unwitnessed_leaves,
            "unwitnessed_s": unwitnessed_s,
            "answers_refused": refused,
            "witnesses": [
                {
                    "name": one.name,
                    "size": one.size,
                    "at": None if one.at_s is None else rfc3339(one.at_s * NS_PER_S),
                }
                for one in witnesses
            ],
        },
        priority=Priority.STATE,
        retain=True,
        coalesce=True,
    )


def ledger_head(note: bytes, paths: Paths) -> Outgoing:
    """The newest signed checkpoint, with the paths that show a witness that it continues what it knows."""
    return Outgoing(
        entity="_",
        kind="ckpt",
        type="head",
        body={"note": note.decode(), "consistency": paths_json(paths)},
        priority=Priority.STATE,
        retain=True,
        coalesce=True,
    )
