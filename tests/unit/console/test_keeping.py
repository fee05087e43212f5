"""The database: what is durable when, a full disk, the audit record's chain, bounded tables."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.console import history, rows
from agent.console.audit import FIRST, Entry, broken_at, chained
from agent.console.effects import Answered
from agent.console.orders import (
    GRACE_NS,
    Order,
    Orders,
    answered,
    from_row,
    overtaken,
    sending,
    taken,
    withdrawn,
)
from agent.console.writer import Reader, Statement, Writer
from agent.model.errors import Halt, Refuse, Retry
from agent.model.times import NS_PER_S


def entry(number: int) -> Entry:
    return Entry(at=f"t{number}", action="login", account="li", detail="x" * 900)


def played(path: Path, play: Callable[[Writer], Awaitable[None]]) -> None:
    async def run() -> None:
        writer = Writer(path, lambda: None)
        try:
            await play(writer)
        finally:
            await writer.close()

    asyncio.run(run())


def verified(path: Path) -> dict[str, object]:
    async def run() -> dict[str, object]:
        reader = Reader(path)
        try:
            return {**await reader.read(history.audit_chain)}
        finally:
            reader.close()

    return asyncio.run(run())


def test_a_full_database_does_nothing_half_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "db"

    async def play(writer: Writer) -> None:
        await writer.must(entry(1))
        pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
        writer._db.execute(f"PRAGMA max_page_count = {pages}")
        many = [entry(number) for number in range(2, 60)]
        writer.put(rows.box("or-3", 5))
        with pytest.raises(Retry, match=r"console\.database"):
            await writer.must(*many)
        assert writer.failing is not None
        assert writer.waiting == 1  # what was put waits; what had to be durable at once was refused
        writer._db.execute("PRAGMA max_page_count = 100000")
        assert await writer.flush()
        assert writer.failing is None
        await writer.must(entry(60))

    played(path, play)
    told = verified(path)
    assert (told["ok"], told["records"]) == (True, 2)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT * FROM boxes").fetchall() == [("or-3", 5)]


def test_what_finds_no_room_in_memory_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.console.writer.MOST_WAITING", 3)

    async def play(writer: Writer) -> None:
        writer.put(*(rows.box(f"or-{number}", 1) for number in range(5)))
        assert (writer.waiting, writer.dropped) == (3, 2)

    played(tmp_path / "db", play)


def test_a_row_that_no_database_can_hold_stops_nothing(tmp_path: Path) -> None:
    async def play(writer: Writer) -> None:
        await writer.must(rows.box("or-1", 1 << 64), rows.box("\ud800", 1), rows.box("or-2", 1), entry(1))
        assert writer.dropped == 2

    played(tmp_path / "db", play)
    with sqlite3.connect(tmp_path / "db") as db:
        assert db.execute("SELECT box FROM boxes").fetchall() == [("or-2",)]


def test_the_chain_goes_on_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "db"
    for number in range(3):
        played(path, lambda writer, number=number: writer.must(entry(number)))  # type: ignore[misc] # bound
    told = verified(path)
    assert (told["ok"], told["records"]) == (True, 3)


@pytest.mark.parametrize("fault", ["changed", "removed", "moved", "added"])
def test_a_chain_that_was_touched_is_broken_there(fault: str) -> None:
    head, made = FIRST, []
    for number in range(1, 6):
        head = chained(head, number, entry(number).values())
        made.append((number, entry(number).values(), head))
    assert broken_at(made) == (5, head, None)
    if fault == "changed":
        made[2] = (3, entry(33).values(), made[2][2])
    elif fault == "removed":
        del made[2]
    elif fault == "moved":
        made[2], made[3] = made[3], made[2]
    else:
        made.insert(2, (3, entry(33).values(), "0" * 64))
    assert broken_at(made)[2] in (3, 4)


def test_a_file_that_is_no_database_ends_the_console(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"no database" * 1000)
    with pytest.raises(Halt, match=r"console\.database-damaged"):
        asyncio.run(_opened(tmp_path / "db"))
    with pytest.raises(Retry, match=r"console\.database"):
        asyncio.run(_opened(tmp_path / "nowhere" / "db"))


async def _opened(path: Path) -> None:
    Writer(path, lambda: None)


def test_old_history_goes_and_the_audit_record_stays(tmp_path: Path) -> None:
    path, day_ns = tmp_path / "db", 86_400 * NS_PER_S
    insert = "INSERT INTO metrics (box, entity, width, start, n, n_rate) VALUES ('or-3', '_', 60, ?, 1, 1)"

    async def play(writer: Writer) -> None:
        await writer.must(entry(1), *(Statement(insert, (day * 86_400,)) for day in range(100)))
        await writer.must(*rows.pruned(days=10, rows=1000, wall_ns=100 * day_ns))
        await writer.must(*rows.pruned(days=10, rows=4, wall_ns=100 * day_ns))

    played(path, play)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT COUNT(*) FROM metrics").fetchone()[0] == 4
        assert db.execute("SELECT COUNT(*) FROM audit").fetchone()[0] == 1


ORDER = Order(
    cmd_id="c1", type="identify", box="or-3", by="li", key="k", args={}, issued_ns=0, not_after_ns=100,
    counter=7, nonce=None, note="n", needed=1, signers=(("li", "li", "t"),), created="t", state="queued",
)  # fmt: skip


def said(status: str, **changes: str) -> Answered:
    body = {"type": "identify", "status": status, "reason": None, "text": None, "advice": None,
            "result": None, "leaf": 1, "cmd_id": "c1"}  # fmt: skip
    return Answered(**{"box": "or-3", "at": "t", "body": body, **changes})  # type: ignore[arg-type] # named


def test_an_answer_that_nobody_asked_for_is_not_believed() -> None:
    assert answered(ORDER, said("succeeded")) is None  # it was never sent
    out = sending(ORDER, "t1")
    assert answered(out, said("succeeded", box="evil-1")) is None
    done = answered(out, said("succeeded"))
    assert done is not None
    assert done.state == "succeeded"
    assert answered(done, said("failed")) is None


def test_what_was_sent_can_not_be_withdrawn() -> None:
    assert withdrawn(ORDER).state == "withdrawn"
    with pytest.raises(Refuse, match=r"command\.state"):
        withdrawn(sending(ORDER, "t"))
    with pytest.raises(Refuse, match=r"command\.state"):
        withdrawn(taken(sending(ORDER, "t")))


@pytest.mark.parametrize(
    ("order", "nonce", "counter", "wall_ns", "state"),
    [
        (ORDER, None, 7, 0, None),
        (ORDER, None, 7, 101 + GRACE_NS, "stale"),
        (sending(ORDER, "t"), None, 7, 101 + GRACE_NS, "unanswered"),
        (sending(ORDER, "t"), None, 7, 100 + GRACE_NS, None),
        (replace(ORDER, nonce="a"), "b", 7, 0, "stale"),
        (replace(ORDER, nonce="a"), "a", 7, 0, None),
        (replace(ORDER, nonce="a"), None, 7, 0, None),
        (replace(ORDER, state="waiting"), None, 8, 0, "stale"),
        (replace(sending(ORDER, "t"), nonce="a"), "b", 7, 0, None),
    ],
    ids=[
        "young",
        "too old",
        "no answer",
        "grace",
        "another birth",
        "this birth",
        "unknown",
        "overtaken",
        "out",
    ],
)
def test_what_time_does_to_a_command(
    order: Order, nonce: str | None, counter: int, wall_ns: int, state: str | None
) -> None:
    found = overtaken(order, nonce, counter, wall_ns)
    assert (None if found is None else found.state) == state


def test_counters_rise_though_the_clock_goes_back() -> None:
    book = Orders()
    first = book.next_counter("k", "or-3", 10_000 * NS_PER_S)
    second = book.next_counter("k", "or-3", 5_000 * NS_PER_S)
    book.count("k", "or-3", 99_000_000)
    assert first < second < 99_000_000 < book.next_counter("k", "or-3", 0)


def test_an_order_comes_back_from_its_row() -> None:
    assert from_row(sending(ORDER, "t").row()) == sending(ORDER, "t")
