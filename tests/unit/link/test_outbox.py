"""The outbox: numbers that add up, an order, bounds, and rows that survive a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.formats import mqtt_v1
from agent.link.outbox import MAX_REPLACES, Limits, Outbox
from agent.link.outbox_db import Transaction
from agent.link.outbox_loss import merge_ranges
from agent.model.errors import Halt, Refuse, Retry
from agent.model.outgoing import Outgoing, Priority
from tests.fakes.clock import FakeClock

ROOT = Path(__file__).parents[3]
CLOCK = FakeClock()
SMALL = Limits(
    total_bytes=3000,
    class_bytes=MappingProxyType({each: 1200 if each is Priority.MEASUREMENT else 2600 for each in Priority}),
)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Outbox]]:
    opened: list[Outbox] = []

    def open_(limits: Limits | None = None) -> Outbox:
        opened.append(Outbox.open(tmp_path / "outbox.db", "box-1", "boot-a", limits))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def message(priority: Priority, type_: str = "x", *, coalesce: bool = False, body: Any = None) -> Outgoing:
    kinds = {Priority.CRITICAL: "e", Priority.ALARM: "a", Priority.EVENT: "e", Priority.STATE: "state"}
    return Outgoing(
        entity="ch0",
        kind=kinds.get(priority, "m"),
        type=type_,
        body=body or {"n": 1},
        priority=priority,
        coalesce=coalesce,
        retain=priority is Priority.STATE,
    )


def put(box: Outbox, *args: Any, **more: Any) -> int:
    return box.put(message(*args, **more), CLOCK.now())


def bodies(box: Outbox, limit: int = 100, **more: Any) -> list[dict[str, Any]]:
    return [mqtt_v1.decode(row.payload) for row in box.claim(limit, **more)]


def test_the_important_goes_first_and_each_class_in_order(make: Callable[..., Outbox]) -> None:
    box = make()
    for priority in (*reversed(Priority), *Priority):
        put(box, priority)
    assert [row.id for row in box.claim(100)] == [5, 6, 4, 7, 3, 8, 2, 9, 1, 10]
    assert box.claim(100) == []


def test_live_measurements_pass_the_backlog_and_events_never_do(make: Callable[..., Outbox]) -> None:
    box = make()
    for _ in range(3):
        put(box, Priority.EVENT)
        put(box, Priority.MEASUREMENT)
    live_from = box.last_seq() + 1
    put(box, Priority.EVENT)
    put(box, Priority.MEASUREMENT)
    assert [row.id for row in box.claim(9, live_from=live_from, backlog_limit=2)] == [1, 3, 8]
    assert [row.id for row in box.claim(9, live_from=live_from, backlog_limit=0)] == []
    assert [row.id for row in box.claim(9, live_from=live_from, backlog_limit=9)] == [5, 7, 2, 4, 6]


def test_only_critical_when_saying_goodbye(make: Callable[..., Outbox]) -> None:
    box = make()
    put(box, Priority.ALARM)
    critical = put(box, Priority.CRITICAL)
    assert [row.id for row in box.claim(9, worst=Priority.CRITICAL)] == [critical]


def test_an_unsent_state_hands_on_its_number(make: Callable[..., Outbox]) -> None:
    box = make()
    assert [put(box, Priority.STATE, coalesce=True, body={"n": n}) for n in range(5)] == [1] * 5
    (told,) = bodies(box)
    assert (told["seq"], told["n"], "replaces" in told) == (1, 4, False)


def test_a_state_that_may_have_been_sent_is_named_in_replaces(make: Callable[..., Outbox]) -> None:
    box = make()
    put(box, Priority.STATE, coalesce=True)
    box.claim(1)
    assert put(box, Priority.STATE, coalesce=True) == 2  # the first is in hand: both go
    box.release_all()
    box.claim(2)
    box.release_all()
    assert put(box, Priority.STATE, coalesce=True) == 3
    assert [(told["seq"], told.get("replaces")) for told in bodies(box)] == [(1, None), (3, [2])]


def test_replaces_has_an_end(make: Callable[..., Outbox]) -> None:
    box = make()
    for _ in range(MAX_REPLACES + 2):
        put(box, Priority.STATE, coalesce=True)
        box.claim(9)
        box.release_all()
    told = bodies(box)
    assert [len(each.get("replaces", [])) for each in told] == [MAX_REPLACES, 0]


def test_overflow_drops_the_lowest_and_oldest_and_tells_each_number(make: Callable[..., Outbox]) -> None:
    box = make(SMALL)
    events = [put(box, Priority.EVENT) for _ in range(5)]
    figures = [put(box, Priority.MEASUREMENT) for _ in range(40)]
    told = bodies(box)
    loss = told[0]
    assert (loss["cause"], loss["classes"]) == ("overflow", {"measurement": loss["count"]})
    lost = {seq for low, high in loss["ranges"] for seq in range(low, high + 1)}
    assert len(lost) == loss["count"]
    kept = {each["seq"] for each in told[1:]}
    assert kept >= set(events)
    assert kept | lost == set(events) | set(figures)
    assert not kept & lost
    assert max(lost) < max(figures)
    assert sum(each.get("cause") is not None for each in told) == 1


def test_overflow_of_one_class_alone_drops_its_oldest(make: Callable[..., Outbox]) -> None:
    box = make(SMALL)
    for _ in range(60):
        put(box, Priority.EVENT)
    depth = box.depth(CLOCK.now())
    assert depth.bytes <= 3000
    assert bodies(box)[0]["classes"].keys() == {"event"}


def test_the_second_refusal_is_quarantine_and_is_told_once(make: Callable[..., Outbox]) -> None:
    box = make()
    bad = put(box, Priority.EVENT)
    assert [box.claim(1)[0].id, box.refuse(bad, CLOCK.now())] == [bad, False]
    assert [box.claim(1)[0].id, box.refuse(bad, CLOCK.now())] == [bad, True]
    (told,) = bodies(box)
    assert (told["cause"], told["count"], told["ranges"]) == ("refused", 1, [[bad, bad]])
    for _ in range(2):  # a refused data_loss ends in quarantine and says nothing more
        box.refuse(told["seq"], CLOCK.now())
    depth = box.depth(CLOCK.now())
    assert (depth.total_rows, depth.quarantined) == (0, 2)


def test_a_lost_message_takes_those_it_replaced_into_the_account(make: Callable[..., Outbox]) -> None:
    box = make()
    put(box, Priority.STATE, coalesce=True)
    box.claim(1)
    box.release_all()
    newer = put(box, Priority.STATE, coalesce=True)
    for _ in range(2):
        box.claim(1)
        box.refuse(newer, CLOCK.now())
    (told,) = bodies(box)
    assert (told["count"], told["ranges"]) == (1, [[1, 2]])


def test_depth_and_age(make: Callable[..., Outbox]) -> None:
    box = make()
    clock = FakeClock()
    assert box.depth(clock.now()).oldest_age_s is None
    box.put(message(Priority.EVENT), clock.now())
    clock.advance(90)
    depth = box.depth(clock.now())
    assert (depth.oldest_age_s, depth.rows[Priority.EVENT], depth.total_rows) == (90, 1, 1)
    clock.step_wall(-1000)
    assert box.depth(clock.now()).oldest_age_s == 0


def test_a_refused_encoding_costs_no_number(make: Callable[..., Outbox]) -> None:
    box = make()
    for body, code in (
        ({"x": float("nan")}, "mqtt.unencodable"),
        ({"x": "y" * 300_000}, "mqtt.too-big"),
        ({"seq": 1}, "mqtt.unencodable"),
    ):
        with pytest.raises(Refuse) as caught:
            put(box, Priority.EVENT, body=body)
        assert caught.value.code == code
    assert put(box, Priority.EVENT) == 1


def test_what_the_broker_forgot_is_sent_again_under_its_number(make: Callable[..., Outbox]) -> None:
    box = make()
    put(box, Priority.STATE, "channel", coalesce=True)
    put(box, Priority.STATE, "disk", coalesce=True)
    box.done(*(row.id for row in box.claim(9)))
    put(box, Priority.STATE, "disk", coalesce=True)
    box.resurrect()
    assert [row.id for row in box.claim(9)] == [1, 3]
    box.resurrect()
    box.release_all()
    assert put(box, Priority.STATE, "channel", coalesce=True) == 4


def test_a_cleared_topic_is_not_resurrected(make: Callable[..., Outbox]) -> None:
    box = make()
    for body in ({"severity": "warning"}, None):
        box.put(
            Outgoing(
                entity="_",
                kind="a",
                type="disk",
                body=body,
                priority=Priority.ALARM,
                retain=True,
                coalesce=True,
            ),
            CLOCK.now(),
        )
        (row,) = box.claim(1)
        assert row.clear is (body is None)
        box.done(row.id)
    box.resurrect()
    assert box.claim(9) == []


_CHILD = """
import os, signal, sys
from pathlib import Path
from agent.link.outbox import Outbox
from tests.unit.link.test_outbox import CLOCK, message
from agent.model.outgoing import Priority
box = Outbox.open(Path(sys.argv[1]), "box-1", "boot-a")
print(box.next_session(), [box.put(message(priority), CLOCK.now()) for priority in Priority], flush=True)
box.claim(2)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_rows_and_counters_survive_kill_9(make: Callable[..., Outbox], tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for turn in (1, 2):
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, str(path)], cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert child.returncode == -signal.SIGKILL, child.stderr
        assert child.stdout == f"{turn} {[turn * 5 - 4 + each for each in range(5)]}\n"
    box = make()
    assert [row.id for row in box.claim(100)] == [3, 8, 4, 9, 5, 10]  # four were in the dead one's hands
    box.release_all()
    assert len(box.claim(100)) == 10
    assert path.stat().st_mode & 0o777 == 0o600


def test_keeper_and_link_work_at_the_same_time(make: Callable[..., Outbox]) -> None:
    keeper, link = make(), make()
    thread = threading.Thread(target=lambda: [put(keeper, Priority.EVENT) for _ in range(300)])
    thread.start()
    seen: list[int] = []
    while len(seen) < 300:
        rows = link.claim(16)
        link.done(*(row.id for row in rows))
        seen += [row.id for row in rows]
    thread.join()
    assert seen == list(range(1, 301))


def test_a_long_spool_is_not_loaded(make: Callable[..., Outbox]) -> None:
    box = make()
    for _ in range(10_000):
        put(box, Priority.MEASUREMENT, body={"x": "y" * 500})
    tracemalloc.start()
    try:
        assert len(box.claim(16, live_from=10**9, backlog_limit=16)) == 16
        box.depth(CLOCK.now())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000


def test_a_damaged_file_halts_and_an_unreachable_one_is_tried_again(tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Halt) as halted:
        Outbox.open(bad, "box-1", "boot-a")
    assert halted.value.code == "outbox.damaged"
    with pytest.raises(Retry) as later:
        Outbox.open(tmp_path / "absent" / "outbox.db", "box-1", "boot-a")
    assert later.value.code == "outbox.write"


def test_merged_ranges() -> None:
    assert merge_ranges([(5, 6), (1, 2), (3, 3), (9, 9), (5, 5)]) == [(1, 3), (5, 6), (9, 9)]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(Priority), st.booleans(), st.integers(0, 2)),
        st.tuples(st.sampled_from(["claim", "done", "release", "refuse", "resurrect"]), st.integers(1, 6)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_each_number_is_accounted_for(steps: list[tuple[Any, ...]]) -> None:
    """Delivered, waiting, named in `replaces`, or in a data_loss range: no number is a riddle."""
    with tempfile.TemporaryDirectory() as folder:
        box = Outbox.open(Path(folder) / "outbox.db", "box-1", "boot-a", SMALL)
        told: list[dict[str, Any]] = []
        hand: list[Any] = []
        seen: dict[int, bytes] = {}
        for step in steps:
            match step:
                case ("put", priority, coalesce, size):
                    put(box, priority, f"t{size}", coalesce=coalesce, body={"x": "y" * (100 * size)})
                case ("claim", number):
                    hand += box.claim(number)
                case ("release", _):
                    box.release_all()
                    hand.clear()
                case ("resurrect", _):
                    box.resurrect()
                case (name, number):
                    for row in hand[:number]:
                        if name == "refuse":
                            # A refused data_loss is the contract's one exception.
                            if not row.topic.endswith("/data_loss"):
                                box.refuse(row.id, CLOCK.now())
                            continue
                        # One number, one content: also when it is delivered twice.
                        assert seen.setdefault(row.id, row.payload) == row.payload
                        told.append(mqtt_v1.decode(row.payload))
                        box.done(row.id)
                    del hand[:number]
        box.release_all()
        while rows := box.claim(50):
            told += [mqtt_v1.decode(row.payload) for row in rows]
            box.done(*(row.id for row in rows))
        accounted = {each["seq"] for each in told}
        for each in told:
            accounted.update(each.get("replaces", []))
            for low, high in each.get("ranges", []):
                accounted.update(range(low, high + 1))
        missing = set(range(1, box.last_seq() + 1)) - accounted
        box.close()
        assert not missing


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each transaction asked for an fsync at its end, as they come."""
    seen: list[bool] = []

    class Spy(Transaction):
        def __init__(self, db: Any, *, full: bool) -> None:
            seen.append(full)
            super().__init__(db, full=full)

    monkeypatch.setattr("agent.link.outbox.Transaction", Spy)
    return seen


def test_a_backlog_of_events_costs_one_fsync_and_not_one_for_each_window(
    make: Callable[..., Outbox], synced: list[bool]
) -> None:
    box = make()
    for _ in range(8):
        put(box, Priority.EVENT)
        put(box, Priority.MEASUREMENT)
    synced.clear()
    while rows := box.claim(4):
        box.done(*[row.id for row in rows])
    assert synced.count(True) == 1


def test_no_number_leaves_before_it_is_on_the_disk(make: Callable[..., Outbox], synced: list[bool]) -> None:
    keeper, link = make(), make()
    put(keeper, Priority.MEASUREMENT)
    for _ in range(3):
        link.claim(9)
        put(keeper, Priority.MEASUREMENT)
        synced.clear()
        (row,) = link.claim(9)
        assert synced == [True], "a measurement is stored without an fsync, so its claim needs one"
        link.done(row.id)
        put(keeper, Priority.MEASUREMENT)


def test_what_may_change_under_its_number_is_marked_as_sent_durably(
    make: Callable[..., Outbox], synced: list[bool]
) -> None:
    box = make(SMALL)
    put(box, Priority.STATE, coalesce=True)
    put(box, Priority.EVENT)
    for _ in range(40):
        put(box, Priority.MEASUREMENT)  # until some are dropped, which a data_loss tells
    box.claim(1, worst=Priority.CRITICAL)
    box.release_all()
    for worst, expected in ((Priority.CRITICAL, True), (Priority.EVENT, False), (Priority.STATE, True)):
        synced.clear()
        assert len(box.claim(1, worst=worst)) == 1
        assert synced[-1] is expected, worst
