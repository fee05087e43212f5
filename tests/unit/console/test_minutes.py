"""Measurements gathered into minutes: merged in the database, bounded, whatever a box says."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

from agent.console.effects import Measured
from agent.console.minutes import HOUR, MINUTE, Minutes
from agent.console.writer import Writer
from agent.model.times import NS_PER_S, rfc3339
from tests.fakes.clock import START_WALL_NS
from tests.fakes.voices import M_BOX, M_CHANNEL


def seen(at_ns: int, entity: str = "ch0", mono_ms: int = 0, **changes: float) -> Measured:
    body = {**(M_BOX if entity == "_" else M_CHANNEL), **changes}
    return Measured(box="or-3", entity=entity, at=rfc3339(at_ns), boot="b", mono_ms=mono_ms, body=body)


def stored(path: Path, *groups: list[Measured]) -> list[tuple[Any, ...]]:
    """n, rate_min, rate_sum, cpu_sum of each minute, after each group was written by itself."""

    now_ns = START_WALL_NS + 1800 * NS_PER_S

    async def run() -> None:
        writer, minutes = Writer(path, lambda: None), Minutes()
        for group in groups:
            for one in group:
                minutes.take(one, now_ns)
            writer.put_measurements(minutes.due(now_ns, all_=True))
            await writer.flush()
        await writer.close()

    asyncio.run(run())
    with sqlite3.connect(path) as db:
        sql = "SELECT n, rate_min, rate_sum, cpu_sum FROM metrics WHERE width = 60 ORDER BY start"
        return db.execute(sql).fetchall()


def test_what_comes_late_joins_its_minute(tmp_path: Path) -> None:
    first = [seen(START_WALL_NS), seen(START_WALL_NS + 5 * NS_PER_S, rate_num=20)]
    late = [seen(START_WALL_NS + 10 * NS_PER_S, rate_num=30)]
    assert stored(tmp_path / "db", first, late) == [(3, 20.0, 75.0, None)]


def test_a_moment_that_no_clock_can_mean_counts_at_its_arrival(tmp_path: Path) -> None:
    future = START_WALL_NS + 400 * 86_400 * NS_PER_S
    rows = stored(tmp_path / "db", [seen(future), seen(0)])
    assert [row[0] for row in rows] == [2]


def test_the_largest_numbers_a_box_can_say_are_stored(tmp_path: Path) -> None:
    large = (1 << 63) - 1
    many = [seen(START_WALL_NS, bitrate_bps=large, lost=large, rate_num=large) for _ in range(5000)]
    assert stored(tmp_path / "db", many, many)[0][0] == 10_000


def test_the_processor_share_needs_two_of_one_boot(tmp_path: Path) -> None:
    three = [
        seen(START_WALL_NS, "_", 1000, cpu_s=1.0), seen(START_WALL_NS, "_", 11_000, cpu_s=3.0),
        seen(START_WALL_NS, "_", 5_000, cpu_s=9.0),
    ]  # fmt: skip
    assert stored(tmp_path / "db", three)[0][3] == 0.2


def test_open_buckets_are_few() -> None:
    minutes = Minutes()
    for number in range(600):
        minutes.take(seen(START_WALL_NS + number * 5 * NS_PER_S), START_WALL_NS + number * 5 * NS_PER_S)
        minutes.due(START_WALL_NS + number * 5 * NS_PER_S)
    assert {width for _, _, width, _ in minutes._open} == {MINUTE, HOUR}
    assert len(minutes._open) <= 4
