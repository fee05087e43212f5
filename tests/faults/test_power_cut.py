"""A power cut at any moment of a segment loses at most one second of video, from 128 kbit/s to 50 Mbit/s.

The segment writer gets packets at their pace on a fake clock, and its disk keeps only what was synced. every
length that the file durably had, the moment just before the next sync is judged: what the custodian can open
and play of that length, against what the writer had been given by then.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.packet import Packet

from agent.capture.boxes import count_frames_and_end
from agent.device.drivers import open_source
from agent.model.errors import Refuse
from agent.model.ids import RecordingId
from agent.model.media import Captured
from agent.model.source_settings import Pace, SyntheticSettings
from agent.runtime.segment_writer import SegmentPlace, SegmentWriter
from agent.seal.age_reader import open_stream
from agent.seal.recording_key import new_key_pair
from agent.vault.layout import segment_name
from agent.vault.recovery import LOSS_BOUND_NS
from tests.fakes.clock import FakeClock
from tests.fakes.faulty_disk import SYNCS, Call, FaultyDisk

NS = 1_000_000_000
TICKS = 90_000
SECONDS = 5
RECORDING = RecordingId("01a20b87-3fc9-73f8-8307-89737bba7342")
BITRATES = (128_000, 1_000_000, 4_000_000, 20_000_000, 50_000_000)
RATES = (Fraction(25), Fraction(30_000, 1001), Fraction(10))


def _packets(bitrate_bps: int, rate: Fraction) -> Iterator[Captured]:
    """One key frame a second, eight times as big as the others, as cameras do it."""
    in_group = round(rate)
    unit = bitrate_bps / 8 / (in_group + 7)
    for number in range(round(SECONDS * rate)):
        is_key = number % in_group == 0
        noise = os.urandom(round(unit * (8 if is_key else 1))).replace(
            b"\0", b"\1"
        )  # no start code by chance
        packet = Packet(b"\0\0\0\1" + (b"\x65" if is_key else b"\x41") + noise)
        packet.is_keyframe = is_key
        packet.time_base = Fraction(1, TICKS)
        packet.pts = packet.dts = round(number / rate * TICKS)
        yield Captured(packet, 0, packet.pts, packet.dts, is_key, packet.size)


class _Cuts:
    """For each durable length of the file: how many frames had been given when it was longest so short."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.disk = FaultyDisk(folder, lambda: self.clock.now().wall_ns)
        self.disk.strike = self._before
        self.path = folder / segment_name(0)
        self.given = 0
        self.given_at: dict[int, int] = {}

    def _before(self, call: Call) -> None:
        if call.name in SYNCS and call.path == self.path.name:
            self.note()

    def note(self) -> None:
        self.given_at[len(self.disk.durable(self.path))] = self.given


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.2f} Hz")
@pytest.mark.parametrize("bitrate_bps", BITRATES, ids=lambda bitrate: f"{bitrate // 1000} kbit/s")
def test_a_power_cut_loses_at_most_a_second(tmp_path: Path, bitrate_bps: int, rate: Fraction) -> None:
    cuts = _Cuts(tmp_path)
    keys = new_key_pair(os.urandom)
    settings = SyntheticSettings(width=160, height=128, pace=Pace.FAST, seconds=1)
    with cuts.disk.installed():
        writer = SegmentWriter(
            SegmentPlace(
                directory=tmp_path,
                recording=RECORDING,
                number=0,
                recipient=keys.recipient,
                description=b"{}",
            ),
            template=open_source(settings, cuts.clock).template,
            parameter_sets=None,
            random=os.urandom,
            mono_ns=cuts.clock.mono_ns,
        )
        for captured in _packets(bitrate_bps, rate):
            cuts.given += 1
            writer.add(captured)
            cuts.note()
            cuts.clock.advance(float(1 / rate))
        writer.close()
    data = cuts.path.read_bytes()
    assert len(cuts.given_at) > SECONDS, "it was synced more than once a second"
    losses = {
        length: given - _playable_frames(data[:length], keys.identity)
        for length, given in cuts.given_at.items()
    }
    assert min(losses.values()) >= 0
    assert max(losses.values()) / rate <= Fraction(LOSS_BOUND_NS, NS), losses
    assert _playable_frames(data, keys.identity) == cuts.given


def _playable_frames(prefix: bytes, identity: str) -> int:
    """What a reader can do with a file that was cut off: its verified beginning, its whole fragments."""
    pieces: list[bytes] = []
    try:
        for piece in open_stream(io.BytesIO(prefix).read, [identity]):
            pieces.append(piece)  # noqa: PERF402 - what came before the refusal must be kept
    except Refuse as error:
        assert error.code == "seal.truncated"
    clear = b"".join(pieces)
    whole = count_frames_and_end(clear)
    if whole.frames == 0:
        return 0
    with av.open(io.BytesIO(clear[: whole.complete_bytes]), "r", format="mp4") as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)
