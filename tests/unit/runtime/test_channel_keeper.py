"""A channel's task obeys its plan and its operator: what starts, what is closed, what is never opened.

The channel process is played by the test over a real socket pair; nothing sleeps but the keeper's own
restart. Time is a fake clock's.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import pytest

from agent.formats import ipc_v1 as ipc
from agent.formats.config_v1 import ChannelConfig
from agent.formats.ledger_v1 import LeafType
from agent.model.media import GapCause
from agent.runtime.channel_book import ChannelBook
from agent.runtime.channel_keeper import ChannelKeeper
from agent.runtime.load_config import channel_settings
from agent.runtime.unrecorded import Unrecorded
from agent.runtime.zygote_client import Child, ZygoteClient
from tests.unit.runtime.vaults import Run, SmallBox

OPENED = ipc.SourceOpened(codec="h264", width=160, height=128, has_audio=False)
# FakeClock begins at 2026-11-24T00:00:00Z, a Tuesday.
MORNING = {"zone": "UTC", "hours": ["tue 08:00-12:00"]}
STRANGER = ipc.DeviceTold(
    manufacturer="Nobody", model="X", firmware="1", serial=None, clock_ahead_ms=None, media_profile=None,
    written=(), differences=(),
)  # fmt: skip


class Process:
    """The other end of one channel process."""

    def __init__(self, end: socket.socket, on_exit: Callable[[str], None]) -> None:
        self._end = end
        self._on_exit = on_exit

    async def hears(self) -> dict[str, object]:
        """The next message of the keeper; `t` says which."""
        data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._end, ipc.MAX_BYTES), 20)
        return cast(dict[str, object], json.loads(data))

    def says(self, message: ipc.FromChannel) -> None:
        self._end.send(ipc.encode(message))

    def leaves(self) -> None:
        self._end.send(ipc.encode(ipc.Stopped()))
        self._end.close()
        self._on_exit("exit 0")


class FakeZygote:
    """Implements the part of `ZygoteClient` that a channel's keeper uses."""

    def __init__(self) -> None:
        self.born: asyncio.Queue[Process] = asyncio.Queue()

    async def spawn(self, _channel: str, on_exit: Callable[[str], None]) -> Child:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        theirs.setblocking(False)
        self.born.put_nowait(Process(theirs, on_exit))
        return Child(pid=os.getpid(), pidfd=-1, end=ours, on_exit=on_exit)

    def kill(self, _child: Child) -> None:
        raise AssertionError("nothing hung")


class Ward:
    """One channel with its keeper running."""

    def __init__(
        self, box: SmallBox, run: Run, changes: dict[str, object], plan: dict[str, object] | None
    ) -> None:
        [channel] = box.config.channel
        table = {"scene": "imaging-diagnosis", "place": ["lab"], "responsible": "head", "policy": "1"}
        raw = channel.model_dump(exclude={"plan"})
        raw.update(changes, plan=None if plan is None else {**table, **plan})
        self.config = ChannelConfig.model_validate(raw)
        self.clock = box.clock
        self.run = run
        self.zygote = FakeZygote()
        book = ChannelBook(
            self.config,
            vault=box.vault,
            box=box.config.box.id,
            custodians=box.config.custodians,
            book=run.book,
            clock=box.clock,
            random=os.urandom,
            unrecorded=Unrecorded(None, GapCause.STOPPED),
        )
        self.keeper = ChannelKeeper(
            book,
            channel_settings(box.config, self.config),
            cast(ZygoteClient, self.zygote),
            run.book,
            box.clock,
            lambda _text: None,
        )

    def after(self, hours: float) -> None:
        """Time goes by, and the keeper's chore comes."""
        self.clock.advance(hours * 3600)
        self.keeper.look(self.clock.now())

    async def process(self) -> Process:
        """The next process, which has had its settings."""
        process = await asyncio.wait_for(self.zygote.born.get(), 20)
        assert "spec" in await process.hears()
        return process

    async def recording(self) -> Process:
        process = await self.process()
        process.says(OPENED)
        assert (await process.hears())["t"] == "start-recording"
        return process

    async def until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + 20
        while not holds():
            assert asyncio.get_running_loop().time() < deadline, f"never happened: {what}"
            await asyncio.sleep(0.01)  # the distance of two looks

    def of(self, kind: LeafType, key: str) -> list[object]:
        return [leaf.body[key] for leaf in self.run.booted.ledger.leaves() if leaf.type is kind]

    def idle(self) -> bool:
        return (
            self.keeper.child is None and self.keeper.channel.recording is None and self.zygote.born.empty()
        )


@asynccontextmanager
async def kept(ward: Ward) -> AsyncIterator[Ward]:
    task = asyncio.create_task(ward.keeper.run())
    try:
        yield ward
    finally:
        ward.keeper.ask_to_stop()
        while not task.done():
            with suppress(asyncio.QueueEmpty):
                ward.zygote.born.get_nowait().leaves()
            await asyncio.wait([task], timeout=0.01)
        await task


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[SmallBox, Run]]:
    box = SmallBox(tmp_path)
    with box.running() as run:
        yield box, run


def play(
    small: tuple[SmallBox, Run],
    story: Callable[[Ward], Awaitable[None]],
    plan: dict[str, object] | None,
    **changes: object,
) -> Ward:
    """Runs `story` with a ward whose channel has `plan`, nothing of it left out when None."""

    async def all_of_it() -> Ward:
        async with kept(Ward(*small, changes, plan)) as ward:
            await story(ward)
        return ward

    return asyncio.run(asyncio.wait_for(all_of_it(), 60))


@pytest.mark.parametrize(
    ("plan", "code"),
    [(None, "plan.missing"), ({"place": ["bathroom"]}, "plan.place-forbidden")],
)
def test_what_the_plan_refuses_has_no_process_at_all(
    small: tuple[SmallBox, Run], plan: dict[str, object] | None, code: str
) -> None:
    async def story(ward: Ward) -> None:
        await ward.until("refused", lambda: ward.of(LeafType.REFUSED, "code") == [code])
        for _ in range(5):
            ward.after(1)
        assert ward.idle()

    ward = play(small, story, plan)
    assert ward.of(LeafType.REFUSED, "code") == [code], "once, and not once a tick"
    assert ward.of(LeafType.RECORDING_OPENED, "recording") == []


def test_the_schedule_begins_and_ends_a_recording(small: tuple[SmallBox, Run]) -> None:
    async def story(ward: Ward) -> None:
        await ward.until("refused", lambda: len(ward.of(LeafType.REFUSED, "code")) == 1)
        assert ward.idle()
        ward.after(8)
        process = await ward.recording()
        ward.after(3.9)
        assert ward.keeper.channel.recording is not None
        ward.after(0.1)
        assert (await process.hears())["t"] == "stop-channel"
        process.leaves()
        await ward.until("closed", ward.idle)
        ward.after(24 * 7 - 4)
        again = await ward.recording()
        again.leaves()

    ward = play(small, story, {"schedule": MORNING})
    assert ward.of(LeafType.REFUSED, "code") == ["plan.outside-schedule"] * 2
    assert ward.of(LeafType.RECORDING_CLOSED, "cause")[0] == "not-scheduled"
    assert ward.of(LeafType.GAP, "cause")[0] == "not-scheduled"
    assert len(ward.of(LeafType.RECORDING_OPENED, "recording")) == 2


def test_a_pause_and_the_schedule_are_independent(small: tuple[SmallBox, Run]) -> None:
    async def story(ward: Ward) -> None:
        ward.after(9)
        process = await ward.recording()
        ward.keeper.switch(False)
        assert (await process.hears())["t"] == "stop-channel"
        process.leaves()
        await ward.until("closed", ward.idle)
        ward.after(1)
        assert ward.idle(), "the plan would allow it, and the operator's word stands"
        ward.after(3)
        ward.keeper.switch(True)
        ward.after(0)
        assert ward.idle(), "the operator would allow it, and the plan's word stands"
        ward.after(24 * 7 - 4)
        (await ward.recording()).leaves()

    ward = play(small, story, {"schedule": MORNING})
    assert ward.of(LeafType.RECORDING_CLOSED, "cause")[0] == "stopped"
    assert len(ward.of(LeafType.RECORDING_OPENED, "recording")) == 2


def test_a_source_that_opens_when_it_is_too_late_opens_no_recording(small: tuple[SmallBox, Run]) -> None:
    async def story(ward: Ward) -> None:
        ward.after(11)
        process = await ward.process()
        ward.after(1)
        assert (await process.hears())["t"] == "stop-channel"
        process.says(OPENED)
        process.leaves()
        await ward.until("rests", ward.idle)

    ward = play(small, story, {"schedule": MORNING})
    assert ward.of(LeafType.RECORDING_OPENED, "recording") == []


def test_a_device_whose_profile_forbids_the_level_is_let_go_before_a_recording(
    small: tuple[SmallBox, Run],
) -> None:
    async def story(ward: Ward) -> None:
        process = await ward.process()
        process.says(ipc.SourceOpened(codec="h264", width=160, height=128, has_audio=False, device=STRANGER))
        assert (await process.hears())["t"] == "stop-channel"
        process.leaves()
        await ward.until("rests", ward.idle)
        ward.after(1)
        again = await ward.process()
        again.says(OPENED)
        assert (await again.hears())["t"] == "stop-channel", "it can't be asked, so it is unknown"
        again.leaves()
        await ward.until("rests", ward.idle)

    ward = play(small, story, {}, level=3, source={"kind": "onvif", "url": "http://127.0.0.1"})
    assert ward.of(LeafType.RECORDING_OPENED, "recording") == []
    assert ward.of(LeafType.REFUSED, "code") == ["plan.device-forbids"], "nothing has changed in between"


def test_a_recording_that_has_become_too_long_is_closed_and_another_begins(
    small: tuple[SmallBox, Run],
) -> None:
    async def story(ward: Ward) -> None:
        process = await ward.recording()
        ward.after(0)
        ward.after(59 / 3600)
        assert ward.of(LeafType.RECORDING_CLOSED, "cause") == []
        ward.after(1 / 3600)
        ward.after(1 / 3600)
        assert (await process.hears())["t"] == "stop-channel"
        process.leaves()
        (await ward.recording()).leaves()

    ward = play(small, story, {"longest_s": 60.0})
    assert ward.of(LeafType.RECORDING_CLOSED, "cause")[0] == "recording-limit"
    first, second, *_ = ward.of(LeafType.RECORDING_OPENED, "recording")
    assert first != second
    assert ward.of(LeafType.REFUSED, "code") == []
