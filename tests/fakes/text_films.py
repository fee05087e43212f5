"""Films with planted writing beside the planted face, and a detector that finds it by its colour.

The writing is the only thing with much blue in it (its U samples are 230, all others 128).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from agent.deid.boxes import Box
from agent.model.errors import Refuse
from tests.fakes.face_films import POLICY, SIZE, Place, Rgb, picture, walking

BLUE = 230
WIDE, HIGH = 60, 16
TEXT_POLICY = POLICY.replace(
    'text = false\ntext_absent = "drawn by a test"\n', 'text = true\ntext_devices = ["test/known"]\n'
)


def still(_: int) -> tuple[int, int]:
    """Writing that stands all the time."""
    return 200, 140


def write_text_film(
    path: Path,
    text: Callable[[int], Place] = still,
    face: Callable[[int], Place] = walking,
    *,
    frames: int = 60,
) -> Path:
    """A film of 25 frames per second with a face and writing where the functions say."""
    options = {"preset": "ultrafast", "crf": "18", "x264-params": "keyint=20:min-keyint=20:scenecut=0"}
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        for number in range(frames):
            packed = picture(number, face(number)).to_ndarray(format="yuv420p").astype(np.uint8)
            written(packed, text(number))
            frame = VideoFrame.from_ndarray(packed, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def written(packed: NDArray[np.uint8], place: Place) -> None:
    """Writes into the planes."""
    width, height = SIZE
    if place is None:
        return
    left, top = place
    blue = packed.reshape(-1)[width * height : width * height * 5 // 4].reshape(height // 2, width // 2)
    blue[top // 2 : (top + HIGH) // 2, left // 2 : (left + WIDE) // 2] = BLUE


class BlueDetector:
    """Finds what is blue. On the calls in `broken` (counted from 0) it answers with `error`."""

    def __init__(self, broken: Sequence[int] = (), error: Exception | None = None) -> None:
        self.calls = 0
        self._broken = broken
        self._error = error or Refuse("deid.text-detector", "out of order", "none")

    def find(self, rgb: Rgb) -> tuple[Box, ...]:
        """See `TextDetector`."""
        call, self.calls = self.calls, self.calls + 1
        if call in self._broken:
            raise self._error
        red, green, blue = (rgb[:, :, colour].astype(int) for colour in range(3))
        rows, columns = np.nonzero((blue - green > 30) & (blue - red > 60))  # the face is red
        if not rows.size:
            return ()
        return (Box(columns.min() - 2, rows.min() - 2, columns.max() + 3, rows.max() + 3),)


def most_blue(packed: NDArray[np.uint8]) -> int:
    """The largest U sample of a frame: above `NEUTRAL` a part of the writing can be seen."""
    count = packed.size * 2 // 3
    return int(packed.reshape(-1)[count : count * 5 // 4].max())
