"""Small recorded files, made with PyAV when a test asks for one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_ENCODERS = {
    "h264": ("libx264", {"preset": "ultrafast", "x264-params": "keyint=25:min-keyint=25:scenecut=0"}),
    "h265": (
        "libx265",
        {"preset": "ultrafast", "x265-params": "keyint=25:min-keyint=25:log-level=none"},
    ),
}


def write_clip(
    path: Path, *, codec: str = "h264", frames: int = 50, size: tuple[int, int] = (320, 240),
    b_frames: int = 0, audio: bool = False,
) -> Path:  # fmt: skip
    """A clip of `frames` pictures at 25 frames/s; the container follows from the file name."""
    name, options = _ENCODERS[codec]
    options = options | {"bf": str(b_frames)}
    with av.open(str(path), "w") as container:
        video = container.add_stream(name, rate=25, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=48000) if audio else None
        for number in range(frames):
            container.mux(video.encode(_frame(number, size)))
        container.mux(video.encode(None))
        if sound is not None:
            silence = AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 48000
            silence.pts = 0
            container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
    return path


def _frame(number: int, size: tuple[int, int]) -> VideoFrame:
    width, height = size
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = (np.arange(width)[None, :] + number * 5) % 220 + 16
    frame = VideoFrame.from_ndarray(picture, format="yuv420p")
    frame.pts = number
    frame.time_base = Fraction(1, 25)
    return frame
