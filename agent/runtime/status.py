"""The box's status as a file in the runtime directory (RAM), for `edgeward status`.

Guarantees: replaced whole once a second, holds no secret; its age tells whether the keeper lives.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from agent.host.files import translate
from agent.model.errors import Retry
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, Instant, rfc3339
from agent.runtime import telemetry
from agent.runtime.book import Book
from agent.runtime.channel_keeper import ChannelKeeper

STATUS_NAME = "status.json"


def snapshot(
    box: str,
    boot: int,
    book: Book,
    keepers: Sequence[ChannelKeeper],
    now: Instant,
    link: dict[str, Json] | None,
    *,
    running: bool,
) -> dict[str, Json]:
    """What a person wants to know at a glance."""
    return {
        "v": 1,
        "box": box,
        "boot": boot,
        "running": running,
        "pid": os.getpid(),
        "wall": rfc3339(now.wall_ns),
        "mono_ns": now.mono_ns,
        "clock": now.quality.value,
        "leaves": book.leaves,
        "outbox_failures": book.outbox_failures,
        "link": link,
        "channels": [channel_row(keeper, now) for keeper in keepers],
        "alarms": [telemetry.alarm_facts(alarm) for alarm in book.alarms],
    }


def channel_row(keeper: ChannelKeeper, now: Instant) -> dict[str, Json]:
    """One channel. Unknown is null."""
    channel = keeper.channel
    view, measured = channel.view, channel.view.measured
    age_ns = None if view.durable_mono_ns is None else now.mono_ns - view.durable_mono_ns
    return {
        "id": channel.config.id,
        "signal": view.signal.value,
        "recording": channel.recording.recording if channel.recording else None,
        "pid": keeper.child.pid if keeper.child else None,
        "width": measured.width if measured else None,
        "height": measured.height if measured else None,
        "rate": measured.rate if measured else None,
        "bitrate_bps": measured.bitrate_bps if measured else None,
        "jitter_p99_ms": measured.jitter_p99_ns // telemetry.NS_PER_MS if measured else None,
        "verdict": view.grade,
        "picture": view.coarse,
        "segments": channel.totals.segments,
        "size_bytes": channel.totals.size_bytes,
        "gaps": channel.totals.gaps,
        "restarts": view.restarts,
        "last_durable_age_s": None if age_ns is None else round(age_ns / NS_PER_S, 1),
    }


def write(directory: Path, status: dict[str, Json]) -> None:
    """Replaces the file. It lives in RAM and is gone at boot: no fsync. Raises `AgentError` `disk.*`."""
    temporary = directory / (STATUS_NAME + ".new")
    try:
        temporary.write_text(json.dumps(status, ensure_ascii=False), encoding="utf-8")
        temporary.replace(directory / STATUS_NAME)
    except OSError as error:
        raise translate(error, temporary, "writing the status to") from None


def read(directory: Path) -> dict[str, Json]:
    """What the keeper last wrote. Raises `Retry` `status.none`."""
    try:
        parsed = json.loads((directory / STATUS_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        parsed = None
    if not isinstance(parsed, dict):
        raise Retry(
            "status.none",
            "no agent has written a status here",
            "start it: systemctl start edgeward, or edgeward run -c …",
            after_s=1.0,
        )
    return parsed
