"""The V4L2 driver on a device that a script speaks for: who it is, how it is set, what it delivers."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from agent.capture.fragment_mux import FragmentMux
from agent.device.drivers.v4l2 import V4l2Source
from agent.device.v4l2_structs import Request
from agent.model.device_report import Why
from agent.model.errors import Refuse, Retry
from agent.model.media import Accepted
from agent.model.source_settings import V4l2Settings
from agent.model.spec import Codec
from tests.fakes.clock import FakeClock
from tests.fakes.video_nodes import FakeDevice, Shot
from tests.unit.device.v4l2_sources import HD, PATH, VGA, camera, opened, refusal, spec, take


def test_a_camera_is_identified_set_and_read() -> None:
    device = camera()
    source = opened(device, spec())
    facts = source.facts
    assert (facts.codec, facts.width, facts.height, facts.declared_rate) == (
        Codec.RAW,
        640,
        480,
        Fraction(25),
    )
    assert facts.device is not None
    assert (facts.device.model, facts.device.differences) == ("USB Camera", ())
    assert facts.device.written == ("pixel format", "size", "rate")
    assert facts.device.media_profile == "Input 0: YUYV 640x480"
    assert (device.shape, device.rate) == (("YUYV", VGA), (1, 25))

    taken = take(source, 5)
    assert [c.dts * facts.time_base for c in taken] == [Fraction(n, 25) for n in range(5)]
    assert all(c.is_key and c.pts == c.dts and c.size == 2 * 640 * 480 for c in taken)
    assert all(c.packet.pts == c.pts for c in taken)
    decoder = source.template
    assert isinstance(decoder, VideoCodecContext)
    for captured in taken:
        assert isinstance(captured.packet, av.Packet)
        (frame,) = decoder.decode(captured.packet)
        assert isinstance(frame, VideoFrame)
        assert (frame.format.name, frame.pts) == ("yuyv422", captured.pts)
    assert device.open_nodes == 0


def test_a_picture_stays_when_its_buffer_is_used_again() -> None:
    device = camera()
    device.shots.extend(Shot(data=bytes([n]) * (2 * 640 * 480)) for n in range(20))
    taken = take(opened(device, spec()), 20)
    assert [bytes(c.packet)[0] for c in taken] == list(range(20))


def test_padding_never_reaches_the_decoder() -> None:
    device = camera(padding=64)
    assert {c.size for c in take(opened(device, spec()), 3)} == {2 * 640 * 480}


@pytest.mark.parametrize(("quantization", "luma"), [(0, 1), (1, 2)], ids=["limited", "full"])
def test_the_decoder_knows_the_range_of_luma(quantization: int, luma: int) -> None:
    source = opened(camera(quantization=quantization), spec())
    (captured,) = take(source, 1)
    assert isinstance(source.template, VideoCodecContext)
    assert isinstance(captured.packet, av.Packet)
    (frame,) = source.template.decode(captured.packet)
    assert isinstance(frame, VideoFrame)
    assert frame.color_range == luma


def test_without_a_spec_the_device_is_left_as_it_is() -> None:
    device = camera(shape=("YUYV", (320, 240)))
    source = opened(device, None)
    assert (source.facts.width, source.facts.height) == (320, 240)
    assert source.facts.device is not None
    assert source.facts.device.differences == ()


def test_without_a_spec_an_unknown_format_is_changed() -> None:
    device = camera(shape=("Z16 ", VGA))
    assert opened(device, None).facts.codec is Codec.RAW
    assert device.shape == ("YUYV", VGA)


# --- what the device makes of it ---


def test_what_is_not_offered_is_told_and_recorded_all_the_same() -> None:
    facts = opened(camera(), spec(HD, "60")).facts
    assert facts.device is not None
    assert [(d.setting, d.asked, d.got, d.why) for d in facts.device.differences] == [
        ("size", "1280x720", "640x480", Why.NOT_OFFERED),
        ("rate", "60 frames/s", "25 frames/s", Why.NOT_OFFERED),
    ]


def test_a_size_that_the_driver_changes_is_told() -> None:
    device = camera()
    device.adjust[Request.S_FMT] = lambda room: room.__setitem__(slice(8, 12), (320).to_bytes(4, "little"))
    facts = opened(device, spec()).facts
    assert facts.width == 320
    assert facts.device is not None
    assert [(d.setting, d.why) for d in facts.device.differences] == [("size", Why.CHANGED)]
    assert "size" not in facts.device.written


def test_a_rate_that_the_driver_refuses_is_told() -> None:
    device = camera(refuse={Request.S_PARM: errno.EINVAL})
    facts = opened(device, spec()).facts
    assert facts.declared_rate == 5
    assert facts.device is not None
    assert [(d.setting, d.got, d.why) for d in facts.device.differences] == [
        ("rate", "5 frames/s", Why.REFUSED)
    ]
    assert Request.S_PARM in device.asked


def test_a_format_that_turns_into_an_unknown_one_is_refused() -> None:
    device = camera()
    device.adjust[Request.S_FMT] = lambda room: room.__setitem__(slice(16, 20), b"Z16 ")
    assert refusal(device).code == "source.no-format"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"formats": {"Z16 ": {VGA: (25,)}}}, "source.no-format"),
        ({"capabilities": 0x84A00000}, "source.no-capture"),
        ({"refuse": {Request.S_FMT: errno.EBUSY}}, "source.busy"),
        ({"refuse": {Request.S_FMT: errno.EINVAL}}, "source.refused"),
        ({"refuse": {Request.QUERYCAP: errno.ENODEV}}, "source.lost"),
        ({"refuse": {Request.QUERYCAP: errno.EIO}}, "source.lost"),
        ({"plugged": False}, "source.missing"),
    ],
    ids=[
        "no-known-format",
        "metadata-node",
        "busy",
        "format-refused",
        "unplugged-now",
        "broken",
        "not-there",
    ],
)
def test_what_can_not_be_opened(changes: dict[str, Any], code: str) -> None:
    device = camera()
    for name, value in changes.items():
        setattr(device, name, value)
    assert refusal(device).code == code


def test_a_node_that_may_not_be_opened() -> None:
    def refuse(_path: str) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(Retry) as failed:
        V4l2Source(V4l2Settings(device=PATH), FakeClock(), refuse)
    assert failed.value.code == "source.forbidden"
    assert "group video" in failed.value.advice


@pytest.mark.parametrize("path", ["video0", "/etc/passwd", ""])
def test_a_device_is_named_below_dev(path: str) -> None:
    with pytest.raises(Refuse) as refused:
        V4l2Settings(device=path)
    assert refused.value.code == "source.settings"


# --- what a camera has coded itself ---


def coded(name: str, count: int) -> Iterator[bytes]:
    """Pictures of 320x240 with a key frame every ten."""
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = 320, 240
    encoder.pix_fmt = "yuvj422p" if name == "mjpeg" else "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {} if name == "mjpeg" else {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
    for number in range(count):
        frame = VideoFrame(320, 240, encoder.pix_fmt)
        for plane in frame.planes:
            plane.update(bytes([16 + number]) * plane.buffer_size)
        frame.pts = number
        for packet in encoder.encode(frame):
            yield bytes(packet)


def coding_camera(fourcc: str, pictures: list[bytes]) -> FakeDevice:
    formats: dict[str, dict[tuple[int, int], tuple[int, ...]]]
    formats = {"YUYV": {(320, 240): (5,)}, fourcc: {(320, 240): (25,)}}
    device = FakeDevice(clock=FakeClock(), formats=formats)
    device.shots.extend(Shot(data=data) for data in pictures)
    return device


def test_jpeg_is_handed_out_with_its_decoder() -> None:
    device = coding_camera("MJPG", list(coded("mjpeg", 5)))
    source = opened(device, spec((320, 240)))
    taken = take(source, 5)
    assert source.facts.codec is Codec.MJPEG
    assert isinstance(source.template, VideoCodecContext)
    for captured in taken:
        assert isinstance(captured.packet, av.Packet)
        (frame,) = source.template.decode(captured.packet)
        assert isinstance(frame, VideoFrame)
        assert (frame.width, captured.is_key) == (320, True)


def test_h264_passes_through_from_its_key_frames_on() -> None:
    pictures = list(coded("libx264", 31))
    device = coding_camera("H264", pictures)
    source = opened(device, spec((320, 240)))
    assert source.facts.codec is Codec.H264
    assert b"\x67" in source.facts.extradata
    taken = take(source, 30)
    assert [c.is_key for c in taken] == [number % 10 == 9 for number in range(30)]
    pieces: list[Accepted] = []
    mux = FragmentMux(source.template, pieces.append, description=b"{}")
    for captured in taken[9:]:
        mux.add(captured)
    mux.close()
    with av.open(BytesIO(b"".join(piece.data for piece in pieces)), "r") as container:
        assert len(list(container.decode(video=0))) == 21


def test_a_coding_camera_without_a_key_frame_is_stalled() -> None:
    pictures = [data for number, data in enumerate(coded("libx264", 100)) if number % 10]
    assert refusal(coding_camera("H264", pictures), spec((320, 240))).code == "source.stalled"
