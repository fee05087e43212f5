"""Files of JPEG pictures, which can't be recorded as they are: encoded once by a real channel process."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from agent.capture.bitstream import picture_size
from agent.model.spec import Codec
from tests.fakes.agents import make_box
from tests.fakes.pictures import picture
from tests.integration.test_conforming import finished, grades, opened, segments

COUNT = 75


def jpeg_film(path: Path, size: tuple[int, int], *, audio: bool = False) -> Path:
    """A film of a grabber that delivers motion JPEG, or of an old camera."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mjpeg", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height = size
        video.pix_fmt = "yuvj420p"
        if audio:
            container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for number in range(COUNT):
            container.mux(video.encode(picture(number, size, "yuvj420p", number, Fraction(25))))
        container.mux(video.encode(None))
    return path


@pytest.mark.parametrize("kind", ["avi", "mkv"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_film_of_jpeg_pictures_becomes_video_that_plays(tmp_path: Path, kind: str, codec: str) -> None:
    film = jpeg_film(tmp_path / f"film.{kind}", (640, 480), audio=kind == "mkv")
    box = make_box(
        tmp_path,
        source=f'kind = "file"\npath = "{film}"\npace = "fast"\n',
        spec=f'width = 640\nheight = 480\nrate = "25"\ncodecs = ["{codec}"]\ngop_max_s = 1.0\n'
        "bitrate_min_bps = 200000\nbitrate_max_bps = 2000000\n",
    )
    finished(box)
    looked = opened(box)
    assert looked.codec == {"h264": "h264", "h265": "hevc"}[codec]
    assert (looked.size, looked.pictures, looked.audio, looked.b_frames) == ((640, 480), COUNT, 0, False)
    assert looked.rate == pytest.approx(25)
    bodies = segments(box)
    assert sum(body["frames"] for body in bodies) == COUNT
    for body in bodies:
        assert body["conformed"]["changes"] == ["codec"]
        assert body["conformed"]["delivered"]["codec"] == "mjpeg"
        found = grades(body)
        assert {found[rule] for rule in ("size", "codec", "scan", "aspect", "gop")} == {"conforming"}
        assert body["dropped"] == 0


def test_jpeg_pictures_in_real_time_are_cut_into_segments_with_full_range_said(tmp_path: Path) -> None:
    film = jpeg_film(tmp_path / "film.avi", (320, 240))
    box = make_box(
        tmp_path,
        source=f'kind = "file"\npath = "{film}"\n',
        spec='width = 320\nheight = 240\nrate = "25"\ncolour_range = "full"\ngop_max_s = 1.0\n',
    )
    finished(box)
    bodies = segments(box)
    assert len(bodies) == 3
    assert {grades(body)["colour-range"] for body in bodies} == {"conforming"}
    assert opened(box).pictures == COUNT
    with av.open(str(tmp_path / "out.mp4"), "r") as container:
        said = picture_size(Codec.H264, container.streams.video[0].codec_context.extradata or b"")
    assert said is not None
    assert (said.full_range, said.sar) == (True, Fraction(1))
