"""What the mux writes plays: whole, cut off, filled up, after a change of size, in both codecs."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import av
import pytest

from agent.capture.bitstream import picture_size
from agent.capture.boxes import count_frames_and_end, free_box, read_description, split_boxes
from agent.capture.fragment_mux import FragmentMux, parameter_sets
from agent.device.drivers import open_source
from agent.model.errors import Refuse
from agent.model.media import Accepted
from agent.model.ports.source import Source
from agent.model.source_settings import Fault, FaultKind, FileSettings, Pace, SyntheticSettings
from tests.fakes.clips import write_clip
from tests.fakes.clock import FakeClock

DESCRIPTION = b'{"recording":"r"}'
SECOND = 1_000_000_000


def _synthetic(*script: Fault) -> Source:
    settings = SyntheticSettings(width=320, height=240, pace=Pace.FAST, seconds=4, script=tuple(script))
    return open_source(settings, FakeClock())


def _clip(path: Path, codec: str, b_frames: int = 0) -> Source:
    write_clip(path, codec=codec, frames=100, b_frames=b_frames)
    return open_source(FileSettings(path=str(path), pace=Pace.FAST), FakeClock())


def _mux(source: Source, fragment_ns: int = 200_000_000) -> list[bytes]:
    return [accepted.data for accepted in _accepted(source, fragment_ns)]


def _accepted(source: Source, fragment_ns: int = 200_000_000) -> list[Accepted]:
    pieces: list[Accepted] = []
    mux = FragmentMux(source.template, pieces.append, description=DESCRIPTION, fragment_ns=fragment_ns)
    for captured in source.packets():
        mux.add(captured)
    mux.close()
    return pieces


def _decoded(data: bytes) -> list[tuple[int, int]]:
    with av.open(BytesIO(data), "r") as container:
        return [(frame.width, frame.height) for frame in container.decode(video=0)]


def _packets_in(data: bytes) -> int:
    with av.open(BytesIO(data), "r") as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def test_pieces_are_whole_boxes_and_play() -> None:
    pieces = _mux(_synthetic())
    assert [kind for kind, _, _ in split_boxes(pieces[0])] == [b"ftyp", b"uuid", b"moov"]
    for piece in pieces[1:]:
        assert [kind for kind, _, _ in split_boxes(piece)] == [b"moof", b"mdat"]
        assert list(split_boxes(piece))[-1][2] == len(piece)
    data = b"".join(pieces)
    assert _decoded(data) == [(320, 240)] * 100
    assert read_description(data) == DESCRIPTION
    with av.open(BytesIO(data), "r") as container:
        assert [stream.start_time for stream in container.streams] == [0]
        assert container.duration == 4_000_000


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    ("codec", "b_frames", "tag"), [("h264", 0, "avc1"), ("h264", 2, "avc1"), ("h265", 0, "hvc1")]
)
def test_recorded_files_play(codec: str, b_frames: int, tag: str, suffix: str, tmp_path: Path) -> None:
    data = b"".join(_mux(_clip(tmp_path / f"a.{suffix}", codec, b_frames)))
    assert len(_decoded(data)) == 100
    with av.open(BytesIO(data), "r") as container:
        assert container.streams.video[0].codec_context.codec_tag == tag
    counted = count_frames_and_end(data)
    assert (counted.complete_bytes, counted.frames) == (len(data), 100)
    assert counted.end_ns == pytest.approx(4 * SECOND, abs=2_000_000)


def test_a_prefix_cut_anywhere_counts_right_and_plays() -> None:
    pieces = _mux(_synthetic())
    data = b"".join(pieces)
    per_fragment = [_packets_in(pieces[0] + piece) for piece in pieces[1:]]
    starts = [sum(map(len, pieces[: index + 1])) for index in range(len(pieces))]
    chance = random.Random(7)
    cuts = [0, 1, len(data)] + starts + [chance.randrange(len(data)) for _ in range(200)]
    for cut in cuts:
        counted = count_frames_and_end(data[:cut])
        whole = sum(1 for start in starts[1:] if start <= cut)
        assert counted.frames == sum(per_fragment[:whole])
        assert counted.complete_bytes <= cut
        assert counted.end_ns == counted.frames * SECOND // 25
    some = data[: count_frames_and_end(data[: len(data) // 2]).complete_bytes]
    assert len(_decoded(some)) == count_frames_and_end(some).frames > 20


def test_free_boxes_between_fragments_still_play() -> None:
    pieces = _mux(_synthetic())
    filled = b"".join(piece + free_box(8 + 37 * index) for index, piece in enumerate(pieces))
    assert len(_decoded(filled)) == 100
    assert count_frames_and_end(filled).frames == 100


@pytest.mark.parametrize("value", ["480x352", "160x128"])
def test_a_size_change_gives_segments_that_play_at_their_own_size(value: str) -> None:
    source = _synthetic(Fault(kind=FaultKind.SIZE_CHANGE, at_s=1.4, for_s=10, value=value))
    width, height = (int(part) for part in value.split("x"))
    segments: list[list[Accepted]] = [[]]
    mux = FragmentMux(source.template, segments[0].append, description=DESCRIPTION)
    current = (320, 240)
    for captured in source.packets():
        if captured.is_key:
            sets = parameter_sets(source.facts.codec, bytes(captured.packet))
            size = picture_size(source.facts.codec, sets)
            assert size is not None
            if (size.width, size.height) != current:
                current = (size.width, size.height)
                mux.close()
                segments.append([])
                mux = FragmentMux(
                    source.template, segments[-1].append, description=DESCRIPTION, parameter_sets=sets
                )
        mux.add(captured)
    mux.close()
    first, second = (b"".join(piece.data for piece in segment) for segment in segments)
    assert _decoded(first) == [(320, 240)] * 35
    assert _decoded(second) == [(width, height)] * 65
    with av.open(BytesIO(second), "r") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.start_time) == (width, height, 0)


def test_parameter_sets_of_h265(tmp_path: Path) -> None:
    source = _clip(tmp_path / "a.ts", "h265")
    key = next(source.packets())
    sets = parameter_sets(source.facts.codec, bytes(key.packet))
    assert [unit[0] >> 1 & 0x3F for unit in sets.split(b"\x00\x00\x00\x01")[1:]] == [32, 33, 34]
    size = picture_size(source.facts.codec, sets)
    assert size is not None
    assert (size.width, size.height) == (320, 240)
    pieces: list[Accepted] = []
    mux = FragmentMux(source.template, pieces.append, description=b"", parameter_sets=sets)
    mux.add(key)
    mux.close()
    assert len(_decoded(b"".join(piece.data for piece in pieces))) == 1


def test_new_parameter_sets_need_start_codes(tmp_path: Path) -> None:
    source = _clip(tmp_path / "a.mp4", "h264")
    with pytest.raises(Refuse) as caught:
        FragmentMux(source.template, lambda _: None, description=b"", parameter_sets=b"\x00\x00\x00\x01\x67")
    assert caught.value.code == "media.unmuxable"


def test_close_again_and_close_without_packets_write_nothing_bad() -> None:
    pieces: list[Accepted] = []
    mux = FragmentMux(_synthetic().template, pieces.append, description=DESCRIPTION)
    mux.close()
    mux.close()
    assert count_frames_and_end(b"".join(piece.data for piece in pieces)).frames == 0


def test_an_error_of_the_sink_comes_out_unchanged() -> None:
    def full(_: Accepted) -> None:
        raise Refuse("disk.full", "full", "free space")

    source = _synthetic()
    mux = FragmentMux(source.template, full, description=DESCRIPTION)
    with pytest.raises(Refuse, match=r"disk\.full"):
        for captured in source.packets():
            mux.add(captured)


def test_what_a_piece_says_is_what_is_in_it() -> None:
    data = b""
    for accepted in _accepted(_synthetic()):
        data += accepted.data
        counted = count_frames_and_end(data)
        assert (accepted.frames, accepted.media_end_ns) == (counted.frames, counted.end_ns)
    assert counted.frames == 100


def test_the_template_outlives_its_source(tmp_path: Path) -> None:
    """A segment may be opened for the last packets while the source is being closed."""
    source = _clip(tmp_path / "a.mp4", "h264")
    template, packets = source.template, source.packets()
    key = next(packets)
    source.close()
    pieces: list[Accepted] = []
    mux = FragmentMux(template, pieces.append, description=b"")
    mux.add(key)
    mux.close()
    assert _decoded(b"".join(piece.data for piece in pieces)) == [(320, 240)]


def test_fragment_length_is_kept() -> None:
    pieces = _mux(_synthetic(), fragment_ns=1_000_000_000)
    assert len(pieces) == 1 + 4
