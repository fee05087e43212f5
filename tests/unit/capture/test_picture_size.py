"""Parameter sets from real encoders against FFmpeg's decoder, hand-made ones, and hostile bytes."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import pytest
from av.container import InputContainer, OutputContainer
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.capture.bitstream import PictureSize, h264, h265, level_name, picture_size, profile_name
from agent.model.errors import Refuse
from agent.model.spec import Codec

START = b"\x00\x00\x00\x01"
FORMAT = {Codec.H264: ("libx264", "h264"), Codec.H265: ("libx265", "hevc")}


@dataclass(frozen=True)
class Encode:
    """One way of encoding two frames."""

    codec: Codec
    width: int
    height: int
    pixels: str = "yuv420p"
    params: str = ""
    sar: Fraction | None = None


def encodes() -> Iterator[Encode]:
    for codec in FORMAT:
        for size in ((176, 144), (640, 360), (1280, 720), (1366, 768), (1920, 1080), (720, 576), (258, 194)):
            yield Encode(codec, *size)
        for pixels in ("yuv422p", "yuv444p", "yuv422p10le", "gray", "yuvj420p"):
            yield Encode(codec, 198, 146, pixels)
        yield Encode(codec, 720, 576, sar=Fraction(16, 11))
        yield Encode(codec, 720, 480, sar=Fraction(1213, 1107))  # not in the table
        yield Encode(codec, 320, 240, params="aud=1")
    yield Encode(Codec.H264, 1920, 1080, params="interlaced=1")
    yield Encode(Codec.H264, 720, 578, "yuv422p10le", "interlaced=1")
    yield Encode(Codec.H264, 720, 576, params="cqm=jvt:8x8dct=1")
    yield Encode(Codec.H264, 722, 574, "yuv444p", "cqm8=" + ",".join(str(16 + n) for n in range(64)))
    yield Encode(Codec.H264, 640, 480, params="fullrange=on")
    yield Encode(Codec.H265, 1366, 768, params="range=full:scaling-list=default:bframes=4:ref=5")
    yield Encode(Codec.H265, 1366, 768, params="range=limited:temporal-layers=2:bframes=4:b-pyramid=1")
    yield Encode(Codec.H265, 1920, 1080, params="interlace=tff")


@cache
def encoded(how: Encode, container: str = "") -> bytes:
    encoder, raw = FORMAT[how.codec]
    buffer = io.BytesIO()
    quiet = "log-level=none:" if how.codec is Codec.H265 else ""
    option = encoder.removeprefix("lib") + "-params"
    with av.open(buffer, "w", format=container or raw) as output:
        assert isinstance(output, OutputContainer)
        stream = output.add_stream(
            encoder, rate=25, options={option: quiet + how.params, "preset": "ultrafast"}
        )
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = how.width, how.height, how.pixels
        if how.sar is not None:
            stream.codec_context.sample_aspect_ratio = how.sar
        frame = av.VideoFrame(how.width, how.height, how.pixels)
        for plane in frame.planes:  # fresh frames hold any bytes; 10-bit x264 aborts on impossible samples
            plane.update(bytes(plane.buffer_size))
        for number in range(12):
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize("how", list(encodes()), ids=str)
def test_a_real_encode_agrees_with_the_decoder(how: Encode) -> None:
    data = encoded(how)
    size = picture_size(how.codec, data)
    assert size is not None
    with av.open(io.BytesIO(data), format=FORMAT[how.codec][1]) as source:
        assert isinstance(source, InputContainer)
        frame = next(source.decode(video=0))
        context = source.streams.video[0].codec_context
        assert (size.width, size.height) == (frame.width, frame.height) == (how.width, how.height)
        assert size.sar == (context.sample_aspect_ratio or None)
        assert (size.full_range is True) == (context.color_range == ColorRange.JPEG)


@pytest.mark.parametrize(
    ("how", "interlaced", "profile"),
    [
        (Encode(Codec.H264, 1920, 1080), False, "baseline"),
        (Encode(Codec.H264, 1920, 1080, params="interlaced=1"), True, "main"),
        (Encode(Codec.H264, 198, 146, "yuv422p10le"), False, "high-422"),
        (Encode(Codec.H265, 1920, 1080), False, "main"),
        (Encode(Codec.H265, 1920, 1080, params="interlace=tff"), True, "main"),
    ],
    ids=str,
)
def test_scan_profile_and_level_of_real_encodes(how: Encode, interlaced: bool, profile: str) -> None:
    size = picture_size(how.codec, encoded(how))
    assert size is not None
    assert size.interlaced is interlaced
    assert profile_name(how.codec, size.profile_idc) == profile
    assert level_name(how.codec, size.level_idc) in ("4.0", "4.1", "1.1", "1.2", "1.3")


def test_names_of_profiles_and_levels() -> None:
    assert profile_name(Codec.H264, 251) == "profile-251"
    assert level_name(Codec.H264, 31) == "3.1"
    assert level_name(Codec.H265, 123) == "4.1"


@pytest.mark.parametrize("codec", FORMAT)
def test_extradata_and_packets_of_a_container_say_the_same(codec: Codec) -> None:
    """An MP4 has a configuration record and length-prefixed packets without parameter sets."""
    how = Encode(codec, 1366, 768)
    with av.open(io.BytesIO(encoded(how, "mp4"))) as source:
        assert isinstance(source, InputContainer)
        stream = source.streams.video[0]
        extradata = stream.codec_context.extradata
        assert extradata is not None
        assert extradata[0] == 1
        size = picture_size(codec, extradata)
        assert size == picture_size(codec, encoded(how))
        assert size is not None
        assert (size.width, size.height) == (1366, 768)
        packets = [bytes(packet) for packet in source.demux(stream) if packet.size]
    assert packets
    assert [picture_size(codec, packet) for packet in packets[1:]] == [None] * (len(packets) - 1)


def units(data: bytes) -> list[bytes]:
    """An Annex B stream cut at its start codes, by the obvious way."""
    return [unit.rstrip(b"\x00") for unit in data.split(b"\x00\x00\x01")[1:]]


@pytest.mark.parametrize("codec", FORMAT)
def test_both_packings_and_anything_in_front(codec: Codec) -> None:
    all_units = units(encoded(Encode(codec, 640, 360)))
    other = {Codec.H264: b"\x06\x05\x01", Codec.H265: b"\x4e\x01\x05"}[codec] + b"\xaa" * 9000  # a long SEI
    want = picture_size(codec, encoded(Encode(codec, 640, 360)))
    assert want is not None
    for listed in (all_units, [other, *all_units], [other, other, *all_units]):
        assert picture_size(codec, b"".join(START + unit for unit in listed)) == want
        assert picture_size(codec, b"".join(START[1:] + unit for unit in listed)) == want
        prefixed = b"".join(len(unit).to_bytes(4, "big") + unit for unit in listed)
        assert picture_size(codec, prefixed) == want


def test_lengths_that_look_like_start_codes() -> None:
    """A picture of 0x167 bytes: its length reads as a start code and an SPS header."""
    picture = b"\x41" + b"\xab" * (0x167 - 1)
    assert h264.picture_size(b"\x00\x00\x01\x67" + picture) is None


def test_nothing_in_it() -> None:
    for codec in FORMAT:
        for data in (b"", b"\x00", START, START * 3, b"\x01", b"\x01" * 7, b"hello", bytes(100_000)):
            assert picture_size(codec, data) is None


def test_a_parameter_set_after_the_picture_is_the_next_ones() -> None:
    sps = units(encoded(Encode(Codec.H264, 640, 360)))
    only = next(unit for unit in sps if unit[0] & 0x1F == 7)
    assert h264.picture_size(START + b"\x65" + b"\xaa" * 50 + START + only) is None


class Bits:
    """Writes the bits of a parameter set by hand."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, count: int, value: int) -> Bits:
        self.text += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> Bits:
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def unit(self, header: bytes) -> bytes:
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        raw = int(text, 2).to_bytes(len(text) // 8, "big")
        out, zeros = bytearray(), 0
        for byte in raw:
            if zeros == 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return START + header + bytes(out)


def sps_264(width_mbs: int, height_mbs: int, crop: tuple[int, int, int, int]) -> Bits:
    """Baseline with picture order type 1, which common encoders don't write."""
    bits = Bits().u(8, 66).u(8, 0).u(8, 31).ue(0, 0, 1).u(1, 0).ue(5, 6, 3, 9, 9, 9, 1).u(1, 0)
    return bits.ue(width_mbs - 1, height_mbs - 1).u(1, 1).u(1, 1).u(1, 1).ue(*crop)


def test_order_type_one_and_cropping_on_all_sides() -> None:
    data = sps_264(80, 45, (1, 2, 3, 4)).u(1, 0).unit(b"\x67")
    assert h264.picture_size(data) == PictureSize(1280 - 6, 720 - 14, 66, 31, None, None, False)


def test_emulation_prevention_inside_the_aspect() -> None:
    data = (
        sps_264(80, 45, (0, 0, 0, 0)).u(1, 1).u(1, 1).u(8, 255).u(16, 0x8000).u(16, 1).u(3, 0).unit(b"\x67")
    )
    assert b"\x00\x00\x03" in data
    size = h264.picture_size(data)
    assert size is not None
    assert size.sar == 0x8000


def test_an_aspect_of_zero_is_unknown_and_a_broken_vui_keeps_the_size() -> None:
    zero = sps_264(80, 45, (0, 0, 0, 0)).u(1, 1).u(1, 1).u(8, 255).u(16, 0).u(16, 1).u(3, 0).unit(b"\x67")
    broken = sps_264(80, 45, (0, 0, 0, 0)).u(1, 1).u(1, 1).u(8, 255).unit(b"\x67")
    for data in (zero, broken):
        size = h264.picture_size(data)
        assert size is not None
        assert (size.width, size.height, size.sar) == (1280, 720, None)


def test_h265_layers_lists_and_predicted_reference_sets() -> None:
    bits = Bits().u(4, 0).u(3, 1).u(1, 1).u(8, 1).u(80, 0).u(8, 93).u(2, 3).u(14, 0).u(96, 0)
    bits.ue(0, 1, 1280, 720).u(1, 1).ue(1, 1, 2, 2).ue(0, 0, 4).u(1, 0).ue(4, 2, 0).ue(0, 1, 0, 3, 0, 0)
    bits.u(1, 1).u(1, 1)  # scaling lists: the first is sent, the others are copies
    bits.u(1, 1).ue(*[0] * 16)
    for _ in range(19):
        bits.u(1, 0).ue(0)
    bits.u(2, 0).u(1, 1).u(8, 0x77).ue(0, 0).u(1, 0)  # PCM
    bits.ue(3).ue(1, 1).ue(0).u(1, 1).ue(0).u(1, 1)  # three sets: one before and one after
    bits.u(1, 1).u(1, 0).ue(0).u(1, 1).u(2, 0b01).u(2, 0b00)  # predicted: 1, then use_delta 1, then none
    bits.u(1, 1).u(1, 0).ue(0).u(3, 0b111)  # predicted from two pictures
    bits.u(1, 1).ue(1).u(9, 0).u(2, 0).u(1, 1)  # one long-term picture, then the VUI
    bits.u(1, 1).u(8, 14).u(1, 0).u(1, 1).u(3, 5).u(1, 1).u(1, 0)
    assert h265.picture_size(bits.unit(b"\x42\x01")) == PictureSize(
        1276, 712, 1, 93, Fraction(4, 3), True, None
    )


@pytest.mark.parametrize(
    "data",
    [
        START + b"\x67",
        START + b"\x67\x42\x00",
        START + b"\x67\x42\x00\x1f" + b"\x00\x00\x03" * 1300,
        sps_264(80, 45, (320, 320, 0, 0)).u(1, 0).unit(b"\x67"),
        sps_264(80, 45, (0, 10**6, 0, 0)).u(1, 0).unit(b"\x67"),
        sps_264(5000, 45, (0, 0, 0, 0)).u(1, 0).unit(b"\x67"),
    ],
)
def test_a_bad_parameter_set_is_refused(data: bytes) -> None:
    with pytest.raises(Refuse, match=r"media\.bad-sps"):
        h264.picture_size(data)


def test_a_good_one_after_a_bad_one_counts() -> None:
    good = sps_264(80, 45, (0, 0, 0, 0)).u(1, 0).unit(b"\x67")
    size = h264.picture_size(START + b"\x67\x42" + good)
    assert size is not None
    assert size.width == 1280


def attempt(codec: Codec, data: bytes) -> None:
    try:
        size = picture_size(codec, data)
    except Refuse as error:
        assert error.code == "media.bad-sps"
    else:
        assert size is None or (0 < size.width <= 32768 and 0 < size.height <= 32768)


HEADS = st.sampled_from(
    [b"", START, START + b"\x67", START + b"\x67\x64\x00\x28", START + b"\x42\x01", b"\x01", b"\x00\x00\x00"]
)


@settings(max_examples=400)
@given(st.sampled_from(list(FORMAT)), HEADS, st.binary(max_size=300))
def test_hostile_bytes_are_refused_or_nothing(codec: Codec, head: bytes, tail: bytes) -> None:
    attempt(codec, head + tail)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(FORMAT)), st.booleans(), st.data())
def test_damaged_real_streams_are_refused_or_read(codec: Codec, in_mp4: bool, data: st.DataObject) -> None:
    how = Encode(codec, 198, 146, "yuv444p")
    if in_mp4:
        with av.open(io.BytesIO(encoded(how, "mp4"))) as source:
            whole = source.streams.video[0].codec_context.extradata or b""
    else:
        whole = encoded(how)[:400]
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for at in data.draw(st.lists(st.integers(0, max(0, len(damaged) - 1)), max_size=8)):
        if damaged:
            damaged[at] = data.draw(st.integers(0, 255))
    attempt(codec, bytes(damaged))


@pytest.mark.parametrize("codec", FORMAT)
@pytest.mark.parametrize(
    "data",
    [
        bytes(4_000_000),
        b"\x00\x00\x01\x06" * 1_000_000,
        b"\x00\x00\x01\x67" * 1_000_000,
        b"\x00\x00\x01\x42\x01" * 800_000,
        b"\x00\x00\x00\x01\x09" * 800_000,
        START + b"\x67\x64\x00\x28" + b"\xff" * 4_000_000,
        START + b"\x42\x01" + b"\xff" * 4_000_000,
        b"\x01" + b"\xff" * 4_000_000,
        b"\x01" + b"\x00" * 21 + b"\xff" + b"\x00" * 4_000_000,
    ],
    ids=range(9),
)
def test_four_megabytes_of_anything_end_soon(codec: Codec, data: bytes) -> None:
    before = time.process_time()
    attempt(codec, data)
    assert time.process_time() - before < 2
