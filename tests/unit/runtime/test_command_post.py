"""The post between the link's thread and the desk: everything is judged, nobody else's turn is taken."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from agent.control.desk import Origin
from agent.formats.ledger_v1 import LeafType
from agent.link.inbox import MAX_MESSAGES, Inbox
from agent.link.wire import Inbound
from agent.model.commands import Answer, CommandType, Status
from agent.model.errors import Halt, Refuse
from agent.runtime.command_post import BATCH, CommandPost, inbox_for
from tests.unit.control.desks import BOX, DeskBox
from tests.unit.runtime.vaults import SmallBox

TOPIC = f"edgeward/v1/{BOX}/_/cmd/identify/019ab3a1-0400-7abc-8def-0123456789ab"


class StubHandlers:
    """Nothing to do."""

    def __init__(self) -> None:
        self.windows: list[int] = []

    def spread_birth(self, window_s: int) -> float:
        if self.windows:
            raise Refuse("rebirth.too-often", "again", "wait")
        self.windows.append(window_s)
        return 0.0

    def tick(self) -> None: ...
    def restore(self, *, maintenance: bool) -> None: ...


class QuietBook:
    """No alarm was raised."""

    alarms = ()

    def close_alarms(self, entity: str, prefix: str) -> None: ...


def post_of(box: DeskBox, folder: Path) -> tuple[CommandPost, asyncio.Event]:
    arrived = asyncio.Event()
    inbox = inbox_for(asyncio.get_running_loop(), arrived)
    post = CommandPost(
        desk=box.desk,
        handlers=StubHandlers(),  # type: ignore[arg-type] # only two of its methods are used
        inbox=inbox,
        arrived=arrived,
        book=QuietBook(),  # type: ignore[arg-type] # only for alarms
        box=BOX,
        runtime_dir=folder,
    )
    return post, arrived


def test_what_another_thread_puts_is_judged_in_order_and_the_loop_lives(tmp_path: Path) -> None:
    box = DeskBox(tmp_path / "ledger")
    turns: list[int] = []

    async def story() -> None:
        post, _ = post_of(box, tmp_path)
        judged: list[bytes] = []
        done = asyncio.Event()

        def receive(data: bytes, origin: Origin) -> Answer:
            assert origin.address is not None
            judged.append(data)
            if len(judged) == MAX_MESSAGES:
                done.set()
            return Answer(status=Status.REJECTED)

        box.desk.receive = receive  # type: ignore[method-assign,assignment] # counts
        for number in range(MAX_MESSAGES):
            post._inbox._waiting.append(Inbound(TOPIC, b"%d" % number, False))
        loop = asyncio.get_running_loop()

        def turn() -> None:
            turns.append(len(judged))
            if not done.is_set():
                loop.call_soon(turn)

        task = asyncio.create_task(post.run())
        loop.call_soon(turn)
        one = Inbound(TOPIC, b"last", False)
        thread = threading.Thread(target=post._inbox.put, args=(one,))
        thread.start()
        await asyncio.wait_for(done.wait(), 10)
        thread.join()
        task.cancel()
        assert judged[:MAX_MESSAGES] == [b"%d" % number for number in range(MAX_MESSAGES)]

    asyncio.run(story())
    steps = [later - earlier for earlier, later in pairwise(turns)]
    assert max(steps) <= BATCH, "others had their turn between two batches"


def test_a_failed_ledger_ends_the_task_so_that_the_keeper_stops(tmp_path: Path) -> None:
    box = DeskBox(tmp_path / "ledger")
    note = box.office.write(CommandType.IDENTIFY, "li")

    async def story() -> None:
        post, _ = post_of(box, tmp_path)
        box.crash()
        post._inbox.put(Inbound(f"{TOPIC[:-36]}{box.office.last_id}", note, False))
        await asyncio.wait_for(post.run(), 10)

    with pytest.raises(Halt) as caught:
        asyncio.run(story())
    assert caught.value.code == "ledger.failed"


def test_open_answers_what_was_left_and_close_tells_what_was_counted(tmp_path: Path) -> None:
    box = DeskBox(tmp_path / "ledger")

    async def story() -> None:
        post, _ = post_of(box, tmp_path)
        await post.open(maintenance=False)
        assert (tmp_path / "control.sock").exists()
        assert post.birth_facts()["cmd_nonce"] == box.office.nonce
        for _ in range(MAX_MESSAGES + 3):
            post._inbox.put(Inbound(TOPIC, b"x", False))
        post.drain()
        post.tick()
        await post.close()
        await post.close()

    asyncio.run(story())
    assert not (tmp_path / "control.sock").exists()
    last = box.leaves(LeafType.COMMAND_DENIED)[-1]
    assert last.body["reasons"] == {"command.queue-full": 3}


def test_a_wish_for_births_is_done_once_and_what_is_refused_is_counted(tmp_path: Path) -> None:
    box = DeskBox(tmp_path / "ledger")
    good = b'{"v":1,"window_s":30}'

    async def story() -> list[int]:
        post, _ = post_of(box, tmp_path)
        for payload, retained in ((good, True), (b"x", False), (good, False), (good, False)):
            post._inbox.put(Inbound("edgeward/v1/ctl/rebirth", payload, retained))
        post.drain()
        await post.close()
        handlers = post._handlers
        assert isinstance(handlers, StubHandlers)
        return handlers.windows

    assert asyncio.run(story()) == [30]
    [leaf] = box.leaves(LeafType.COMMAND_DENIED)
    assert leaf.body["reasons"] == {"rebirth.bad": 1, "rebirth.retained": 1, "rebirth.too-often": 1}


def test_a_topic_that_is_no_commands_is_refused_whatever_it_brings(tmp_path: Path) -> None:
    box = DeskBox(tmp_path / "ledger")

    async def story() -> None:
        post, _ = post_of(box, tmp_path)
        note = box.office.write(CommandType.IDENTIFY, "li")
        for topic in ("", "x/y", f"{TOPIC}/z", TOPIC.replace(BOX, "or-4"), f"{TOPIC[:-36]}nobody"):
            post._inbox.put(Inbound(topic, note, False))
        post.drain()

    asyncio.run(story())
    assert [leaf.body["reason"] for leaf in box.leaves()] == ["command.other-topic"] * 5
    assert not box.done


def test_a_deaf_box_has_an_alarm_until_it_hears(tmp_path: Path) -> None:
    small = SmallBox(tmp_path)
    desk_box = DeskBox(tmp_path / "ledger")
    why: list[str | None] = ["mqtt.suback-87"]
    with small.running() as run:

        async def story() -> None:
            arrived = asyncio.Event()
            post = CommandPost(
                desk=desk_box.desk,
                handlers=StubHandlers(),  # type: ignore[arg-type] # only two of its methods are used
                inbox=inbox_for(asyncio.get_running_loop(), arrived),
                arrived=arrived,
                book=run.book,
                box=BOX,
                runtime_dir=tmp_path,
                deaf=lambda: why[0],
            )
            post.tick()
            post.tick()
            [alarm] = run.book.alarms
            assert alarm.code == "commands.deaf"
            assert "mqtt.suback-87" in alarm.text
            why[0] = None
            post.tick()
            assert not run.book.alarms

        asyncio.run(story())


def test_a_late_message_for_an_ended_loop_does_no_harm() -> None:
    async def story() -> Inbox:
        return inbox_for(asyncio.get_running_loop(), asyncio.Event())

    inbox = asyncio.run(story())
    inbox.put(Inbound(TOPIC, b"x", False))
    assert len(inbox) == 1
