"""What the keeper writes of a channel whose pictures are encoded anew: in the leaf, as an alarm, as a gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.formats import ipc_v1 as ipc
from agent.formats.ledger_v1 import LeafType
from agent.model.ids import RecordingId
from agent.model.times import NS_PER_S
from agent.vault.layout import segment_name
from tests.unit.runtime.test_channel_book import OPENED, Channel
from tests.unit.runtime.vaults import SmallBox

DONE = ipc.ConformedTold(
    changes=("size", "rate"), codec="h265", width=3840, height=2160, region=(0, 0, 1920, 2160),
    encoder="libx264",
)  # fmt: skip
MEASURED = ipc.Measured(
    width=160, height=128, frames=50, expected_frames=50, duration_ns=2 * NS_PER_S, rate="25",
    bitrate_bps=100_000, gop_max_ns=NS_PER_S, longest_gap_ns=40_000_000, gaps=0, lost=0, duplicates=0,
    jitter_p99_ns=0,
)  # fmt: skip
JPEG = replace(DONE, changes=("codec",), codec="mjpeg", region=None)
CAME = ipc.Delivered(
    frames=150, rate="60", bitrate_bps=16_000_000, left_out=90, undecoded=2, dropped=8
)  # fmt: skip


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    box = SmallBox(tmp_path)
    with box.running() as run:
        made = Channel(box, run)
        made.book.handle(OPENED)
        yield made


def begin(channel: Channel, done: ipc.ConformedTold | None) -> None:
    now = channel.box.clock.now()
    channel.book.handle(
        ipc.SegmentOpened(
            number=channel.number, start_wall_ns=now.wall_ns, start_mono_ns=now.mono_ns, start_ns=0,
            width=160, height=128, conformed=done,
        )
    )  # fmt: skip


def end(channel: Channel, came: ipc.Delivered | None) -> None:
    channel.box.clock.advance(2)
    now = channel.box.clock.now()
    channel.book.handle(
        ipc.SegmentClosed(
            number=channel.number, name=segment_name(channel.number), size_bytes=9, sha256="ab" * 32,
            final=True, synced=None, reason="length", end_wall_ns=now.wall_ns, end_mono_ns=now.mono_ns,
            measured=MEASURED, grade="conforming", findings=(), dropped=10, delivered=came,
        )
    )  # fmt: skip
    channel.number += 1


def test_the_leaf_says_what_was_done_and_what_came(channel: Channel) -> None:
    begin(channel, DONE)
    end(channel, CAME)
    [leaf] = channel.leaves(LeafType.SEGMENT)
    assert leaf["conformed"] == {
        "changes": ["size", "rate"],
        "encoder": "libx264",
        "delivered": {
            "codec": "h265", "width": 3840, "height": 2160, "region": [0, 0, 1920, 2160], "rate": "60",
            "bitrate_bps": 16_000_000, "frames": 150, "left_out": 90, "undecoded": 2, "dropped": 8,
        },
    }  # fmt: skip
    assert (leaf["frames"], leaf["dropped"]) == (50, 10)
    assert 150 == 50 + 90 + 2 + 8, "every picture that came"


def test_the_leaf_of_own_bits_says_so(channel: Channel) -> None:
    begin(channel, None)
    end(channel, None)
    [leaf] = channel.leaves(LeafType.SEGMENT)
    assert leaf["conformed"] is None


def test_a_segment_that_a_dead_process_left_is_not_taken_for_the_cameras_own_bits(channel: Channel) -> None:
    begin(channel, DONE)
    recording = channel.book.recording
    assert recording is not None
    channel.box.file(RecordingId(recording.recording), 0).write_bytes(bytes(100))
    channel.book.process_died("signal 9")
    [leaf] = channel.leaves(LeafType.SEGMENT)
    assert leaf["conformed"] == {
        "changes": ["size", "rate"],
        "encoder": "libx264",
        "delivered": {"codec": "h265", "width": 3840, "height": 2160, "region": [0, 0, 1920, 2160]},
    }


def test_a_source_that_gives_more_than_is_allowed_is_an_alarm_as_long_as_it_does(channel: Channel) -> None:
    for done, alarms in (
        (None, []),
        (JPEG, []),  # nothing is wrong with a source that can't be recorded as it comes
        (DONE, ["spec.excess"]),
        (DONE, ["spec.excess"]),
        (replace(DONE, width=2560), ["spec.excess"]),
        (JPEG, []),
    ):
        begin(channel, done)
        assert channel.alarms() == alarms
        end(channel, None)
    texts = [str(leaf["text"]) for leaf in channel.leaves(LeafType.ALARM_RAISED)]
    assert len(texts) == 2, "once for each text"
    assert "(size and rate)" in texts[0]
    assert "2560x2160" in texts[1]


def test_a_gap_for_want_of_time_inside_a_segment_has_this_cause(channel: Channel) -> None:
    begin(channel, DONE)
    now = channel.box.clock.now().mono_ns
    channel.book.handle(ipc.GapSeen(from_mono_ns=now, to_mono_ns=now + 3 * NS_PER_S, cause="overload"))
    [gap] = channel.leaves(LeafType.GAP)
    assert (gap["cause"], gap["duration_ms"]) == ("overload", 3000)


def test_a_gap_for_want_of_time_that_ends_a_segment_is_one_gap_of_this_cause(channel: Channel) -> None:
    begin(channel, DONE)
    end(channel, CAME)
    before = channel.box.clock.now().mono_ns
    channel.box.clock.advance(4)
    after = channel.box.clock.now().mono_ns
    channel.book.handle(ipc.GapSeen(from_mono_ns=before, to_mono_ns=after, cause="overload"))
    assert channel.leaves(LeafType.GAP) == [], "it is not over before something is recorded"
    begin(channel, DONE)
    [gap] = channel.leaves(LeafType.GAP)
    assert (gap["cause"], gap["duration_ms"]) == ("overload", 4000)


def test_the_longest_leaf_of_a_conformed_segment_fits(channel: Channel) -> None:
    """All rules broken with long texts, and everything told: under the ledger's limit."""
    begin(channel, replace(DONE, changes=("codec", "region", "size", "rate"), encoder="e" * 32))
    channel.box.clock.advance(2)
    now = channel.box.clock.now()
    finding = ipc.FindingText(rule="duplicates", grade="degraded", measured="m" * 150, required="r" * 150)
    channel.book.handle(
        ipc.SegmentClosed(
            number=0, name=segment_name(0), size_bytes=2**40, sha256="ab" * 32, final=True,
            synced=None, reason="length", end_wall_ns=now.wall_ns, end_mono_ns=now.mono_ns,
            measured=MEASURED, grade="degraded", findings=(finding,) * 20, dropped=2**52,
            delivered=ipc.Delivered(
                frames=2**52, rate="999999999999999/999999999999999", bitrate_bps=2**52, left_out=2**52,
                undecoded=2**52, dropped=2**52,
            ),
        )
    )  # fmt: skip
    [leaf] = channel.leaves(LeafType.SEGMENT)
    assert isinstance(leaf["conformed"], dict)
