"""The segment writer: at every moment the sealed file on disk is at most two fragments behind what came in,
any prefix of it gives whole frames, and nothing in clear is ever in it.

Packets have the sizes of real streams from 128 kbit/s to 50 Mbit/s; they come at their pace on a fake clock.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import pytest
from av.packet import Packet

from agent.capture.boxes import count_frames_and_end, read_description, split_boxes
from agent.device.drivers import open_source
from agent.formats.age_v1 import CHUNK, TAG
from agent.model.errors import AgentError, Refuse, Retry
from agent.model.ids import RecordingId
from agent.model.media import Captured, Stored
from agent.model.source_settings import FileSettings, Pace, SyntheticSettings
from agent.runtime.segment_writer import FRAGMENT_NS, SegmentPlace, SegmentWriter
from agent.seal.age_reader import open_bytes, open_stream
from agent.seal.recording_key import KeyPair, new_key_pair
from agent.vault.recovery import LOSS_BOUND_NS
from tests.fakes.clips import write_clip
from tests.fakes.clock import FakeClock
from tests.unit.vault.conftest import small_disk as small_disk  # a fixture to use here

ONE = RecordingId("01a20b87-3fc9-73f8-8307-89737bba7342")
DESCRIPTION = b'{"v":1,"recording":"01a20b87-3fc9-73f8-8307-89737bba7342","number":0}'
MARK = b"clear picture, not to be found"
NS = 1_000_000_000
TICKS = 90_000
SECONDS = 6


@pytest.fixture(scope="module")
def template() -> object:
    settings = SyntheticSettings(width=160, height=128, pace=Pace.FAST, seconds=1)
    return open_source(settings, FakeClock()).template


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return new_key_pair(os.urandom)


def packets(
    bitrate_bps: int, rate: Fraction, seconds: float = SECONDS, *, count: int | None = None
) -> Iterator[Captured]:
    """A stream with a key frame each second, which is eight times as big as the others."""
    in_group = max(1, round(rate))
    unit = bitrate_bps / 8 / (in_group + 7)
    clock = FakeClock()
    for number in range(round(rate * Fraction(seconds)) if count is None else count):
        is_key = number % in_group == 0
        size = max(len(MARK) + 16, round(unit * (8 if is_key else 1)))
        noise = os.urandom(size).replace(b"\0", b"\1")  # no start code by chance
        body = MARK + noise[: size - len(MARK) - 5]
        packet = Packet(b"\0\0\0\1" + (b"\x65" if is_key else b"\x41") + body)
        packet.is_keyframe = is_key
        packet.time_base = Fraction(1, TICKS)
        packet.pts = packet.dts = round(number / rate * TICKS)
        at_ns = clock.mono_ns() + round(number / rate * NS)
        yield Captured(packet, at_ns, packet.pts, packet.dts, is_key, packet.size)


def new_writer(
    directory: Path,
    template: object,
    keys: KeyPair,
    mono_ns: Callable[[], int],
    *,
    number: int = 0,
    parameter_sets: bytes | None = None,
) -> SegmentWriter:
    return SegmentWriter(
        SegmentPlace(
            directory=directory,
            recording=ONE,
            number=number,
            recipient=keys.recipient,
            description=DESCRIPTION,
        ),
        template=template,
        parameter_sets=parameter_sets,
        random=os.urandom,
        mono_ns=mono_ns,
    )


@dataclass(slots=True)
class Moment:
    """What was on disk when the frame number `frame` had come in. Media times from the segment's start."""

    frame: int
    came_in_ns: int
    file_bytes: int
    synced_ns: int
    synced_frames: int


def record(
    directory: Path, template: object, keys: KeyPair, bitrate_bps: int, rate: Fraction
) -> tuple[list[Moment], Stored]:
    """A segment at its pace, with a look at the file after every frame."""
    clock = FakeClock()
    writer = new_writer(directory, template, keys, clock.mono_ns)
    moments = []
    for frame, captured in enumerate(packets(bitrate_bps, rate), 1):
        clock.advance((captured.arrived_ns - clock.mono_ns()) / NS)
        writer.add(captured)
        moments.append(
            Moment(
                frame=frame,
                came_in_ns=round(frame / rate * NS),
                file_bytes=(directory / "00000000.mp4.age").stat().st_size,
                synced_ns=writer.durable_media_ns,
                synced_frames=writer.durable_frames,
            )
        )
        assert writer.size_bytes == moments[-1].file_bytes
    return moments, writer.close()


def header_bytes(data: bytes) -> int:
    """Everything before the first chunk: the age header and the payload's nonce."""
    return data.index(b"\n", data.index(b"\n---") + 1) + 1 + 16


RATES = [Fraction(25), Fraction(30000, 1001), Fraction(24), Fraction(10)]
STREAMS = [(bitrate, Fraction(25)) for bitrate in (128_000, 500_000, 2_000_000, 8_000_000, 50_000_000)]
STREAMS += [(bitrate, rate) for rate in RATES[1:] for bitrate in (128_000, 4_000_000)]
STREAM_NAMES = [f"{bitrate // 1000} kbit/s at {float(rate):.2f} Hz" for bitrate, rate in STREAMS]


@pytest.mark.parametrize(("bitrate_bps", "rate"), STREAMS, ids=STREAM_NAMES)
def test_what_is_on_disk_is_at_most_two_fragments_behind(
    tmp_path: Path, template: object, keys: KeyPair, bitrate_bps: int, rate: Fraction
) -> None:
    moments, stored = record(tmp_path, template, keys, bitrate_bps, rate)
    data = (tmp_path / stored.name).read_bytes()
    clear = open_bytes(data, [keys.identity])
    assert MARK in clear
    assert MARK not in data
    head = header_bytes(data)
    frames_in_fragment = ceil(Fraction(FRAGMENT_NS, NS) * rate)
    fragment_ns = ceil(frames_in_fragment / rate * NS)
    for moment in moments:
        chunks = max(0, moment.file_bytes - head) // (CHUNK + TAG)
        assert (moment.file_bytes - head) % (CHUNK + TAG) == 0, "a part of a chunk is on the disk"
        counted = count_frames_and_end(clear[: chunks * CHUNK])
        assert moment.came_in_ns - counted.end_ns <= 2 * fragment_ns + 1000, moment
        assert moment.frame - counted.frames <= 2 * frames_in_fragment, moment
        assert moment.came_in_ns - moment.synced_ns <= LOSS_BOUND_NS, moment
        assert moment.synced_frames <= counted.frames, "more is called durable than is on the disk"
        assert moment.synced_ns <= counted.end_ns + 1000
    assert rate != 25 or fragment_ns == FRAGMENT_NS


@pytest.mark.parametrize("bitrate_bps", [128_000, 2_000_000, 20_000_000])
def test_any_prefix_of_the_file_gives_whole_frames(
    tmp_path: Path, template: object, keys: KeyPair, bitrate_bps: int
) -> None:
    moments, stored = record(tmp_path, template, keys, bitrate_bps, Fraction(25))
    data = (tmp_path / stored.name).read_bytes()
    lengths = sorted({moment.file_bytes for moment in moments})
    step = max(1, len(lengths) // 8)
    frames = []
    for length in [*lengths[::step], *(length + 1000 for length in lengths[:2])]:
        clear, error = opened_prefix(data[:length], keys)
        assert error == "seal.truncated"
        counted = count_frames_and_end(clear)
        assert counted.end_ns == pytest.approx(counted.frames * 40_000_000, abs=2)
        if counted.frames:
            assert playable_packets(clear[: counted.complete_bytes]) == counted.frames
        frames.append(counted.frames)
    assert max(frames) > 50
    whole, error = opened_prefix(data, keys)
    assert error is None
    assert count_frames_and_end(whole).frames == SECONDS * 25


def opened_prefix(data: bytes, keys: KeyPair) -> tuple[bytes, str | None]:
    """The verified clear text, and the code of the refusal behind it."""
    pieces: list[bytes] = []
    try:
        for piece in open_stream(io.BytesIO(data).read, [keys.identity]):
            pieces.append(piece)  # noqa: PERF402 - what came before the refusal must be kept
    except Refuse as error:
        return b"".join(pieces), error.code
    return b"".join(pieces), None


def playable_packets(media: bytes) -> int:
    with av.open(io.BytesIO(media), "r", format="mp4") as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def test_a_closed_file_is_whole_and_says_what_it_is(tmp_path: Path, template: object, keys: KeyPair) -> None:
    moments, stored = record(tmp_path, template, keys, 2_000_000, Fraction(25))
    assert (stored.recording, stored.number, stored.name) == (ONE, 0, "00000000.mp4.age")
    assert stored.final
    data = (tmp_path / stored.name).read_bytes()
    assert stored.size_bytes == len(data)
    clear = open_bytes(data, [keys.identity])
    assert read_description(clear) == DESCRIPTION
    counted = count_frames_and_end(clear)
    assert (counted.frames, counted.complete_bytes) == (len(moments), len(clear))
    kinds = [kind for kind, _, _ in split_boxes(clear)]
    assert kinds[:3] == [b"ftyp", b"uuid", b"moov"]
    assert set(kinds[3:]) <= {b"moof", b"mdat", b"free"}
    assert playable_packets(clear) == len(moments)


@pytest.mark.parametrize("frames", [1, 2, 5, 6, 10, 11, 12])
def test_a_short_segment_is_whole_too(tmp_path: Path, template: object, keys: KeyPair, frames: int) -> None:
    writer = new_writer(tmp_path, template, keys, FakeClock().mono_ns)
    for captured in packets(500_000, Fraction(25), count=frames):
        writer.add(captured)
    stored = writer.close()
    clear = open_bytes((tmp_path / stored.name).read_bytes(), [keys.identity])
    assert count_frames_and_end(clear).frames == frames


@pytest.mark.parametrize("room", range(-3, 18))
def test_a_chunk_that_is_almost_or_just_full_is_filled_well(
    tmp_path: Path, template: object, keys: KeyPair, room: int
) -> None:
    """Header and first fragment leave less room in the chunk than the smallest box needs, none, or enough."""
    sized = tmp_path / "sized"
    sized.mkdir()
    writer = new_writer(sized, template, keys, FakeClock().mono_ns)
    for captured in with_key_frame(10_000)[:5]:
        writer.add(captured)
    clear = open_bytes((sized / writer.close().name).read_bytes(), [keys.identity])
    taken = sum(end - start for kind, start, end in split_boxes(clear) if kind != b"free")
    writer = new_writer(tmp_path, template, keys, FakeClock().mono_ns)
    frames = with_key_frame(10_000 + CHUNK - taken - room)
    for captured in frames[:6]:
        writer.add(captured)
    prefix, _ = opened_prefix((tmp_path / "00000000.mp4.age").read_bytes(), keys)
    assert count_frames_and_end(prefix).frames == (5 if room >= 0 else 0)
    for captured in frames[6:]:
        writer.add(captured)
    clear = open_bytes((tmp_path / writer.close().name).read_bytes(), [keys.identity])
    assert count_frames_and_end(clear).frames == len(frames)


def with_key_frame(size: int) -> list[Captured]:
    """A second of frames whose sizes are known but for the first one's."""
    found = list(packets(128_000, Fraction(25), 1))
    packet = Packet(b"\0\0\0\1\x65" + b"\1" * (size - 5))
    packet.is_keyframe, packet.time_base, packet.pts, packet.dts = True, Fraction(1, TICKS), 0, 0
    return [Captured(packet, found[0].arrived_ns, 0, 0, True, packet.size), *found[1:]]


def test_an_abandoned_file_keeps_its_prefix_and_is_not_final(
    tmp_path: Path, template: object, keys: KeyPair
) -> None:
    writer = new_writer(tmp_path, template, keys, FakeClock().mono_ns)
    for captured in packets(500_000, Fraction(25), 2):
        writer.add(captured)
    stored = writer.abandon()
    assert not stored.final
    data = (tmp_path / stored.name).read_bytes()
    assert len(data) == stored.size_bytes
    clear, error = opened_prefix(data, keys)
    assert error == "seal.truncated"
    assert 40 <= count_frames_and_end(clear).frames < 50


def test_nothing_in_clear_is_in_the_file_at_any_moment(
    tmp_path: Path, template: object, keys: KeyPair
) -> None:
    writer = new_writer(tmp_path, template, keys, FakeClock().mono_ns)
    path = tmp_path / "00000000.mp4.age"
    for captured in packets(2_000_000, Fraction(25), 1.5):
        writer.add(captured)
        data = path.read_bytes()
        for needle in (MARK, DESCRIPTION[:20], b"ftypiso", b"moov", keys.identity.encode()):
            assert needle not in data
    writer.close()
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_no_recipient_no_file(tmp_path: Path, template: object, keys: KeyPair) -> None:
    bad = KeyPair(recipient="age1nobody", identity=keys.identity)
    with pytest.raises(Refuse) as caught:
        new_writer(tmp_path, template, bad, FakeClock().mono_ns)
    assert caught.value.code == "seal.bad-recipient"
    assert list(tmp_path.iterdir()) == []


@contextmanager
def filled(disk: Path, *, leave: int) -> Iterator[None]:
    """All but `leave` bytes of the disk are taken."""
    status = os.statvfs(disk)
    path = disk.parent / "link-to-filler"
    filler = disk / "filler"
    filler.write_bytes(b"\1" * (status.f_bavail * status.f_frsize - leave))
    path.touch()
    yield
    filler.unlink()


def test_a_full_disk_in_the_middle_keeps_the_prefix(
    small_disk: Path, template: object, keys: KeyPair
) -> None:
    writer = new_writer(small_disk, template, keys, FakeClock().mono_ns)
    with pytest.raises(Retry) as caught:
        for captured in packets(2_000_000, Fraction(25)):
            writer.add(captured)
    assert caught.value.code == "disk.full"
    stored = writer.abandon()
    clear, error = opened_prefix((small_disk / stored.name).read_bytes(), keys)
    assert error in ("seal.truncated", "seal.corrupt")
    assert count_frames_and_end(clear).frames >= 5


def test_a_segment_that_could_not_begin_does_not_stand_in_the_way_of_the_next_try(
    small_disk: Path, template: object, keys: KeyPair
) -> None:
    clock = FakeClock()
    with filled(small_disk, leave=0):
        with pytest.raises(Retry) as caught:
            new_writer(small_disk, template, keys, clock.mono_ns)
        assert caught.value.code == "disk.full"
    writer = new_writer(small_disk, template, keys, clock.mono_ns)
    for captured in packets(128_000, Fraction(25), 1):
        writer.add(captured)
    assert writer.close().final


def test_a_stream_that_can_not_be_packed_leaves_no_file(tmp_path: Path, keys: KeyPair) -> None:
    """As when an imported file changes its parameters: the next try has the same number."""
    clip = write_clip(tmp_path / "clip.mp4", frames=5)
    source = open_source(FileSettings(path=str(clip), pace=Pace.FAST), FakeClock())
    directory = tmp_path / "recording"
    directory.mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(Refuse) as caught:
        new_writer(
            directory, source.template, keys, FakeClock().mono_ns, parameter_sets=b"\0\0\0\1\x67\0\0\0\1\x68"
        )
    assert caught.value.code == "media.unmuxable"
    assert list(directory.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_is_there_is_an_error_of_the_agents_family(
    tmp_path: Path, template: object, keys: KeyPair
) -> None:
    (tmp_path / "00000000.mp4.age").write_bytes(b"old")
    with pytest.raises(AgentError) as caught:
        new_writer(tmp_path, template, keys, FakeClock().mono_ns)
    assert caught.value.code == "vault.occupied"
    assert (tmp_path / "00000000.mp4.age").read_bytes() == b"old"
