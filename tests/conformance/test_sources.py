"""One suite for every source: what `agent.model.ports.source` asks of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from fractions import Fraction
from io import BytesIO
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from agent.capture.fragment_mux import FragmentMux
from agent.device.drivers import open_source
from agent.host.clock import SystemClock
from agent.model.media import Accepted, Captured
from agent.model.ports.source import Source
from agent.model.source_settings import FileSettings, OnvifSettings, Pace, RtspSettings, SyntheticSettings
from agent.model.spec import Codec
from tests.fakes.clips import write_clip
from tests.fakes.onvif_camera import PASSWORD, USER, onvif_camera
from tests.fakes.rtsp import rtsp_server

Opener = Callable[[], AbstractContextManager[Source]]
COUNT = 40


@contextmanager
def _rtsp(codec: str, *, audio: bool = False) -> Iterator[Source]:
    with (
        rtsp_server(codec=codec, audio=audio) as server,
        closing(open_source(RtspSettings(url=server.url), SystemClock())) as source,
    ):
        yield source


@contextmanager
def _onvif() -> Iterator[Source]:
    with rtsp_server(user=USER, password=PASSWORD) as server, onvif_camera() as camera:
        camera.stream_uri = server.url
        settings = OnvifSettings(url=camera.url, username=USER, password=PASSWORD)
        with closing(open_source(settings, SystemClock())) as source:
            yield source


@contextmanager
def _file(path: Path, *, pace: Pace, codec: str = "h264", b_frames: int = 0) -> Iterator[Source]:
    write_clip(path, codec=codec, b_frames=b_frames)
    with closing(open_source(FileSettings(path=str(path), pace=pace), SystemClock())) as source:
        yield source


@contextmanager
def _synthetic(pace: Pace) -> Iterator[Source]:
    settings = SyntheticSettings(width=320, height=240, pace=pace, seconds=3)
    with closing(open_source(settings, SystemClock())) as source:
        yield source


_GST = pytest.mark.requires("gst-rtsp-server")
OPENERS: list[object] = [
    pytest.param(lambda _: _rtsp("h264"), Codec.H264, id="rtsp-h264", marks=_GST),
    pytest.param(lambda _: _rtsp("h265"), Codec.H265, id="rtsp-h265", marks=_GST),
    pytest.param(lambda _: _rtsp("h264", audio=True), Codec.H264, id="rtsp-with-audio", marks=_GST),
    pytest.param(lambda _: _onvif(), Codec.H264, id="onvif", marks=_GST),
    pytest.param(lambda p: _file(p / "a.mp4", pace=Pace.REAL_TIME), Codec.H264, id="file-real-time"),
    pytest.param(lambda p: _file(p / "a.mp4", pace=Pace.FAST), Codec.H264, id="file-fast"),
    pytest.param(lambda p: _file(p / "a.mp4", pace=Pace.FAST, b_frames=2), Codec.H264, id="file-b-frames"),
    pytest.param(lambda p: _file(p / "a.mkv", pace=Pace.FAST, codec="h265"), Codec.H265, id="file-h265"),
    pytest.param(lambda p: _file(p / "a.h264", pace=Pace.FAST), Codec.H264, id="file-without-times"),
    pytest.param(lambda _: _synthetic(Pace.FAST), Codec.H264, id="synthetic-fast"),
    pytest.param(lambda _: _synthetic(Pace.REAL_TIME), Codec.H264, id="synthetic-real-time"),
]


def _take(source: Source) -> list[Captured]:
    return list(islice(source.packets(), COUNT))


@pytest.mark.parametrize(("opener", "codec"), OPENERS)
def test_source(
    opener: Callable[[Path], AbstractContextManager[Source]], codec: Codec, tmp_path: Path
) -> None:
    """All properties on one opening, because opening a camera is what costs."""
    with opener(tmp_path) as source:
        facts = source.facts
        assert (facts.codec, facts.width, facts.height) == (codec, 320, 240)
        assert facts.declared_rate == 25
        assert facts.extradata
        taken = _take(source)
        pieces: list[Accepted] = []
        mux = FragmentMux(source.template, pieces.append, description=b"{}")
        for captured in taken:
            mux.add(captured)
        mux.close()

    assert len(taken) == COUNT
    assert taken[0].is_key, "the first group of pictures is lost"
    assert all(after.dts > before.dts for before, after in pairwise(taken)), "dts must grow"
    assert all(captured.pts >= captured.dts for captured in taken)
    assert all(after.arrived_ns >= before.arrived_ns for before, after in pairwise(taken))
    period = Fraction(1, 25) / facts.time_base
    steps = [after.dts - before.dts for before, after in pairwise(taken)]
    assert sum(steps) / len(steps) == pytest.approx(float(period), rel=0.05)
    with av.open(BytesIO(b"".join(piece.data for piece in pieces)), "r") as container:
        pictures = list(container.decode(video=0))
    assert len(pictures) == COUNT, "every packet must decode"


@pytest.mark.parametrize(("opener", "codec"), OPENERS)
def test_close_at_any_time(
    opener: Callable[[Path], AbstractContextManager[Source]], codec: Codec, tmp_path: Path
) -> None:
    with opener(tmp_path) as source:
        packets = source.packets()
        next(packets)
        source.close()
        source.close()
        assert list(packets) == []
