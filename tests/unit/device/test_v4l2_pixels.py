"""Raw pictures without padding, and key frames of coded ones. FFmpeg says how long a picture is."""

from __future__ import annotations

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from agent.device.v4l2_coded import is_key_frame
from agent.device.v4l2_pixels import KINDS, without_padding
from agent.device.v4l2_structs import Field, PixelFormat
from agent.model.spec import Codec

RAW = sorted(code for code, kind in KINDS.items() if kind.planes)


def shape(fourcc: str, width: int, height: int, line: int = 0) -> PixelFormat:
    return PixelFormat(width=width, height=height, fourcc=fourcc, field=Field.NONE, bytes_per_line=line)


@pytest.mark.parametrize("fourcc", RAW)
@pytest.mark.parametrize("size", [(64, 48), (720, 576)], ids=["small", "pal"])
def test_ffmpeg_decodes_what_is_handed_on(fourcc: str, size: tuple[int, int]) -> None:
    data = without_padding(memoryview(bytes(4 * size[0] * size[1])), shape(fourcc, *size))
    assert data is not None
    decoder = av.CodecContext.create("rawvideo", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.width, decoder.height = size
    decoder.pix_fmt = KINDS[fourcc].name
    (frame,) = decoder.decode(av.Packet(data))
    assert (frame.width, frame.height) == size


def test_padding_of_lines_is_left_out() -> None:
    padded = b"".join(bytes([row]) * 8 + b"....." for row in range(4))
    assert without_padding(memoryview(padded), shape("YUYV", 4, 4, 13)) == b"".join(
        bytes([row]) * 8 for row in range(4)
    )


def test_padding_of_planes_is_left_out() -> None:
    # Lines of 8 bytes for 4 pixels, 4 bytes for the halved planes.
    planes = [b"Y" * 4 + b"...."] * 4 + [b"U" * 2 + b".."] * 2 + [b"V" * 2 + b".."] * 2
    found = without_padding(memoryview(b"".join(planes)), shape("YU12", 4, 4, 8))
    assert found == b"Y" * 16 + b"U" * 4 + b"V" * 4


def test_what_lies_behind_the_picture_is_left_out() -> None:
    assert without_padding(memoryview(b"x" * 32 + b"behind"), shape("YUYV", 4, 4)) == b"x" * 32


@pytest.mark.parametrize(
    ("fourcc", "length"), [("YUYV", 31), ("NV12", 23), ("YU12", 0), ("MJPG", 0), ("H264", 0)]
)
def test_a_picture_that_is_not_whole_is_none(fourcc: str, length: int) -> None:
    assert without_padding(memoryview(bytes(length)), shape(fourcc, 4, 4)) is None


def test_a_padded_picture_without_the_last_padding_is_whole() -> None:
    assert without_padding(memoryview(bytes(3 * 13 + 8)), shape("YUYV", 4, 4, 13)) == bytes(32)


def test_a_coded_picture_is_taken_as_it_is() -> None:
    assert without_padding(memoryview(b"jpeg"), shape("MJPG", 4, 4)) == b"jpeg"


@pytest.mark.parametrize(
    ("codec", "data", "is_key"),
    [
        (Codec.RAW, b"", True),
        (Codec.MJPEG, b"\xff\xd8", True),
        (Codec.H264, b"\0\0\0\1\x67a\0\0\0\1\x68b\0\0\1\x65c", True),
        (Codec.H264, b"\0\0\1\x09\xf0\0\0\1\x41c", False),
        (Codec.H264, b"\0\0\1\x67a\0\0\1\x41c\0\0\1\x65c", False),
        (Codec.H264, b"\0\0\1\x67a", False),
        (Codec.H264, b"\0\0\1", False),
        (Codec.H265, b"\0\0\1\x40\1a\0\0\1\x26\1c", True),
        (Codec.H265, b"\0\0\1\x02\1c", False),
        (Codec.H265, b"no start code", False),
    ],
    ids=[
        "raw", "jpeg", "h264-idr", "h264-other", "first-slice-decides", "no-slice", "cut-off", "h265-idr",
        "h265-other", "nothing",
    ],
)  # fmt: skip
def test_key_frames(codec: Codec, data: bytes, is_key: bool) -> None:
    assert is_key_frame(codec, data) is is_key
