"""What the keeper writes of a channel: leaves, gaps with their causes, alarms; driven by messages."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.formats import ipc_v1 as ipc
from agent.formats.age_v1 import CHUNK
from agent.formats.ledger_v1 import LeafType
from agent.model.errors import Retry
from agent.model.ids import RecordingId
from agent.model.media import GapCause
from agent.model.times import NS_PER_S, from_rfc3339
from agent.runtime.channel_book import ChannelBook
from agent.runtime.unrecorded import Unrecorded
from agent.vault import store
from agent.vault.layout import segment_name
from agent.vault.recovery import LOSS_BOUND_NS
from tests.unit.runtime.vaults import Run, SmallBox, sha256

SPEC = (160, 128)
MEASURED = {
    "width": 160, "height": 128, "frames": 50, "expected_frames": 50, "duration_ns": 2 * NS_PER_S,
    "rate": "25", "bitrate_bps": 100_000, "gop_max_ns": NS_PER_S, "longest_gap_ns": 40_000_000, "gaps": 0,
    "lost": 0, "duplicates": 0, "jitter_p99_ns": 0,
}  # fmt: skip
LOST = ipc.SourceLost(
    code="source.lost", text="the camera went away", advice="check it", cause="source-lost", finished=False
)
OPENED = ipc.SourceOpened(codec="h264", width=160, height=128, has_audio=False)


class Channel:
    """A channel's book on a small box, spoken to as its channel process does."""

    def __init__(self, box: SmallBox, run: Run, end_wall_ns: int | None = None) -> None:
        [config] = box.config.channel
        self.box = box
        self.run = run
        self.number = 0
        self.book = ChannelBook(
            config,
            vault=box.vault,
            box=box.config.box.id,
            custodians=box.config.custodians,
            book=run.book,
            clock=box.clock,
            random=os.urandom,
            unrecorded=Unrecorded(end_wall_ns, GapCause.STOPPED),
        )

    def open_segment(self, size: tuple[int, int] = SPEC) -> None:
        now = self.box.clock.now()
        self.book.handle(
            ipc.SegmentOpened(
                number=self.number,
                start_wall_ns=now.wall_ns,
                start_mono_ns=now.mono_ns,
                start_ns=0,
                width=size[0],
                height=size[1],
            )
        )

    def close_segment(self, grade: str = "conforming") -> None:
        self.box.clock.advance(2)
        now = self.box.clock.now()
        finding = {"rule": "rate", "grade": grade, "measured": "10.000 Hz", "required": "25.000 Hz"}
        message = {
            "t": "segment-closed", "number": self.number, "name": segment_name(self.number), "size_bytes": 9,
            "sha256": "ab" * 32, "final": True, "synced": None, "reason": "length",
            "end_wall_ns": now.wall_ns, "end_mono_ns": now.mono_ns, "measured": MEASURED,
            "grade": grade, "findings": [finding], "dropped": 0,
        }  # fmt: skip
        self.book.handle(ipc.decode_from_channel(json.dumps(message).encode()))
        self.number += 1

    def leaves(self, kind: LeafType) -> list[dict[str, object]]:
        return [dict(leaf.body) for leaf in self.run.booted.ledger.leaves() if leaf.type is kind]

    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.run.book.alarms]


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    box = SmallBox(tmp_path)
    with box.running() as run:
        yield Channel(box, run)


def test_a_lost_source_is_an_alarm_at_once_and_a_gap_when_it_is_back(channel: Channel) -> None:
    channel.book.handle(OPENED)
    channel.open_segment()
    channel.close_segment()
    channel.book.handle(LOST)
    assert channel.alarms() == ["source.lost"]
    channel.box.clock.advance(30)
    channel.book.handle(OPENED)
    assert channel.alarms() == []
    assert channel.leaves(LeafType.GAP) == []
    channel.open_segment()
    [gap] = channel.leaves(LeafType.GAP)
    assert (gap["cause"], gap["duration_ms"]) == ("source-lost", 30_000)
    assert len(channel.leaves(LeafType.RECORDING_OPENED)) == 1, "the recording goes on"


def test_a_stop_while_the_source_is_away_leaves_no_hole_in_the_account(channel: Channel) -> None:
    channel.book.handle(OPENED)
    channel.open_segment()
    channel.close_segment()
    end = channel.box.clock.now().wall_ns
    channel.book.handle(LOST)
    channel.box.clock.advance(7)
    channel.book.stopped()
    channel.book.stopped()
    [gap] = channel.leaves(LeafType.GAP)
    assert (gap["cause"], gap["duration_ms"]) == ("source-lost", 7000)
    [closing] = channel.leaves(LeafType.RECORDING_CLOSED)
    assert from_rfc3339(str(closing["end"])) == end // 1000 * 1000, "the end is that of the last picture"
    assert closing["gaps"] == 1


def changed(*findings: tuple[str, str]) -> ipc.FindingsChanged:
    """What a channel process says of its live stream: rule and grade of each broken rule."""
    told = [{"rule": rule, "grade": grade, "measured": "10", "required": "25"} for rule, grade in findings]
    worst = max(
        (grade for _, grade in findings), key=("degraded", "nonconforming").index, default="conforming"
    )
    message = ipc.decode_from_channel(
        json.dumps({"t": "findings-changed", "grade": worst, "findings": told}).encode()
    )
    assert isinstance(message, ipc.FindingsChanged)
    return message


def test_a_broken_spec_is_an_alarm_while_it_is_broken(channel: Channel) -> None:
    channel.book.handle(OPENED)
    for message, alarms in (
        (changed(), []),
        (changed(("lost", "degraded")), ["spec.degraded"]),
        (changed(("lost", "degraded"), ("rate", "nonconforming")), ["spec.degraded", "spec.nonconforming"]),
        (changed(("rate", "nonconforming")), ["spec.nonconforming"]),
        (changed(("rate", "nonconforming")), ["spec.nonconforming"]),
        (changed(), []),
        (changed(), []),
    ):
        channel.book.handle(message)
        assert channel.alarms() == alarms
    raised = channel.leaves(LeafType.ALARM_RAISED)
    assert [leaf["code"] for leaf in raised] == ["spec.degraded", "spec.nonconforming"]
    assert str(raised[1]["text"]).endswith("breaks the collection spec: rate: 10, required 25")


def test_an_alarm_never_names_rules_that_hold(channel: Channel) -> None:
    channel.book.handle(OPENED)
    channel.book.handle(changed(("size", "nonconforming")))
    channel.book.handle(changed(("rate", "nonconforming")))
    [alarm] = channel.run.book.alarms
    assert "rate: " in alarm.text
    assert "size: " not in alarm.text


def test_the_verdict_of_a_segment_that_is_over_raises_and_closes_nothing(channel: Channel) -> None:
    channel.book.handle(OPENED)
    channel.open_segment()
    channel.close_segment("nonconforming")
    assert channel.alarms() == []
    channel.book.handle(changed(("rate", "nonconforming")))
    channel.open_segment()
    channel.close_segment("conforming")
    assert channel.alarms() == ["spec.nonconforming"]


def test_a_process_that_dies_leaves_its_segment_entered_and_a_gap_that_covers_the_loss(
    channel: Channel,
) -> None:
    channel.book.handle(OPENED)
    recording = channel.book.recording
    assert recording is not None
    started = channel.box.clock.now().wall_ns
    channel.open_segment()
    channel.box.clock.advance(5)
    path = channel.box.file(RecordingId(recording.recording), 0)
    path.write_bytes(bytes(CHUNK))
    last_write = channel.box.clock.now().wall_ns
    os.utime(path, ns=(last_write, last_write))
    channel.box.clock.advance(0.2)
    channel.book.process_died("signal 9")
    [segment] = channel.leaves(LeafType.SEGMENT)
    assert (segment["final"], segment["size_bytes"], segment["frames"]) == (False, CHUNK, None)
    channel.box.clock.advance(1.8)
    channel.number = 1
    channel.open_segment()
    [gap] = channel.leaves(LeafType.GAP)
    assert gap["cause"] == "process-died"
    assert from_rfc3339(str(gap["from"])) == (last_write - LOSS_BOUND_NS) // 1000 * 1000
    assert last_write - LOSS_BOUND_NS > started
    assert gap["duration_ms"] == 3000
    assert channel.alarms() == [], "it records again"


def test_a_file_that_we_were_not_told_of_is_entered_and_does_not_block_its_number(channel: Channel) -> None:
    channel.book.handle(OPENED)
    recording = channel.book.recording
    assert recording is not None
    channel.open_segment()
    channel.close_segment()
    channel.box.file(RecordingId(recording.recording), 1).write_bytes(b"only a header")
    channel.book.process_died("signal 9")
    assert [leaf["number"] for leaf in channel.leaves(LeafType.SEGMENT)] == [0, 1]
    order = channel.book.handle(OPENED)
    assert order is not None
    assert order.next_number == 2


@pytest.mark.parametrize("room", [True, False])
def test_a_segment_that_the_disk_cut_short_counts_as_far_as_it_surely_is(
    channel: Channel, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is written again; without room for that, the leaf says up to where it had been synced."""
    channel.book.handle(OPENED)
    recording = channel.book.recording
    assert recording is not None
    channel.open_segment()
    started = channel.box.clock.now()
    path = channel.box.file(RecordingId(recording.recording), 0)
    path.write_bytes(b"more than the process knows of")
    channel.box.clock.advance(2)
    synced = {"size_bytes": 4, "sha256": hashlib.sha256(b"more").hexdigest()}

    def full(_path: Path) -> None:
        raise Retry("disk.full", "no room", "make room", after_s=1.0)

    if not room:
        monkeypatch.setattr(store, "write_again", full)
    message = {
        "t": "segment-closed", "number": 0, "name": segment_name(0), "size_bytes": 9, "sha256": "ab" * 32,
        "final": False, "synced": synced, "reason": "disk", "end_wall_ns": started.wall_ns + NS_PER_S,
        "end_mono_ns": started.mono_ns + NS_PER_S, "measured": MEASURED, "grade": "conforming",
        "findings": [], "dropped": 0,
    }  # fmt: skip
    channel.book.handle(ipc.decode_from_channel(json.dumps(message).encode()))
    [segment] = channel.leaves(LeafType.SEGMENT)
    assert (segment["final"], segment["duration_ms"]) == (False, 1000)
    assert (segment["size_bytes"], segment["sha256"]) == (path.stat().st_size, sha256(path))
    said = (segment["synced_bytes"], segment["synced_sha256"])
    assert said == ((None, None) if room else (4, synced["sha256"]))
    channel.book.handle(ipc.Trouble(code="disk.error", text="a bad disk", advice="check it"))
    channel.number = 1
    channel.open_segment()
    [gap] = channel.leaves(LeafType.GAP)
    assert (gap["cause"], gap["duration_ms"]) == ("disk", 1000)


def test_a_file_that_the_process_could_not_take_away_again_blocks_nothing(channel: Channel) -> None:
    channel.book.handle(OPENED)
    recording = channel.book.recording
    assert recording is not None
    channel.open_segment()
    channel.close_segment()
    channel.box.file(RecordingId(recording.recording), 1).write_bytes(b"only a header")
    order = channel.book.handle(ipc.Trouble(code="vault.occupied", text="it is there", advice="none"))
    assert order is not None
    assert order.next_number == 2
    assert [leaf["number"] for leaf in channel.leaves(LeafType.SEGMENT)] == [0, 1]


def test_a_full_disk_is_a_gap_of_that_cause(channel: Channel) -> None:
    channel.book.handle(OPENED)
    channel.open_segment()
    channel.close_segment()
    channel.book.handle(ipc.Trouble(code="disk.full", text="no room", advice="make room"))
    assert channel.alarms() == ["disk.full"]
    channel.box.clock.advance(60)
    channel.book.handle(OPENED)
    channel.open_segment()
    [gap] = channel.leaves(LeafType.GAP)
    assert (gap["cause"], gap["duration_ms"]) == ("disk", 60_000)
    assert channel.alarms() == []


def test_an_earlier_run_ended_long_ago(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    with box.running() as run:
        channel = Channel(box, run, end_wall_ns=box.clock.now().wall_ns - 3600 * NS_PER_S)
        channel.book.handle(LOST)
        box.clock.advance(10)
        channel.book.handle(OPENED)
        channel.open_segment()
        gaps = [(gap["cause"], gap["duration_ms"]) for gap in channel.leaves(LeafType.GAP)]
    assert gaps == [("stopped", 3_600_000), ("source-lost", 10_000)]


def test_a_report_for_a_segment_that_was_never_opened_is_ignored(channel: Channel) -> None:
    channel.book.handle(OPENED)
    channel.close_segment()
    assert channel.leaves(LeafType.SEGMENT) == []
