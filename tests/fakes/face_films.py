"""Films with a planted face, a detector that finds it by its colour, and whether any of it came out.

The face is the only thing with much red in it (its V samples are 230, all others 128), so that one sample of
it anywhere in a film is seen, wherever the codec moved it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from agent.deid.boxes import Box
from agent.deid.faces import Face
from agent.formats.deid_policy_v1 import DeidPolicy, parse
from agent.model.errors import Refuse

SIZE = (322, 182)  # no multiple of 16, which some tools would make of it
RED = 230
# What a codec at these settings may make of neutral samples beside a face.
NEUTRAL = 160
SIDE = 40
POLICY = """\
format = "edgeward-deid-policy-v1"
id = "test"
version = 1
purpose = "general"
detector = "careful"
users = ["teaching staff"]
text = false
text_absent = "drawn by a test"

[approved]
by = "data protection officer"
on = 2026-11-02
reference = "DPO-2026-17"

[mask]
kind = "fill"

[hold]
before_s = 0.4
after_s = 0.4
start_s = 1.0
"""
Rgb = NDArray[np.uint8]
Place = tuple[int, int] | None


def policy(text: str = POLICY) -> DeidPolicy:
    """The policy in `text`, which must be good."""
    found = parse(text)
    assert isinstance(found, DeidPolicy), found
    return found


def walking(number: int) -> tuple[int, int]:
    """The face's left upper corner on frame `number`: it walks to the right."""
    return 20 + 3 * number, 60


def late(number: int) -> Place:
    """It is there from frame 40 on."""
    return (100, 70) if number >= 40 else None


def picture(number: int, place: Place, size: tuple[int, int] = SIZE) -> VideoFrame:
    """A grey ramp that moves, and the face where `place` says."""
    width, height = size
    packed = np.full((height * 3 // 2, width), 128, np.uint8)
    packed[:height] = (np.arange(width)[None, :] + number * 5) % 120 + 60
    if place is not None:
        left, top = place
        rows, columns = np.mgrid[0:SIDE, 0:SIDE]
        packed[top : top + SIDE, left : left + SIDE] = 80 + (rows // 5 + columns // 5) % 2 * 20
        red = packed.reshape(-1)[width * height * 5 // 4 :].reshape(height // 2, width // 2)
        red[top // 2 : (top + SIDE) // 2, left // 2 : (left + SIDE) // 2] = RED
    frame = VideoFrame.from_ndarray(packed, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def write_film(
    path: Path,
    place: Callable[[int], Place] = walking,
    *,
    frames: int = 60,
    size: tuple[int, int] = SIZE,
    tags: dict[str, str] | None = None,
    audio: bool = False,
) -> Path:
    """A film of 25 frames per second; the container follows from the name."""
    options = {"preset": "ultrafast", "crf": "18", "x264-params": "keyint=20:min-keyint=20:scenecut=0"}
    with av.open(str(path), "w") as container:
        container.metadata.update(tags or {})
        video = container.add_stream("libx264", rate=25, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=48000) if audio else None
        for number in range(frames):
            container.mux(video.encode(picture(number, place(number), size)))
        container.mux(video.encode(None))
        if sound is not None:
            silence = AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts = 48000, 0
            container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
    return path


class RedDetector:
    """Finds what is red. On the calls in `broken` (counted from 0) it answers with `error`."""

    def __init__(
        self,
        broken: Sequence[int] = (),
        error: Exception | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        self.calls = 0
        self._broken = broken
        self._error = error or Refuse("deid.detector", "out of order", "none")
        self._then = then

    def find(self, rgb: Rgb) -> tuple[Face, ...]:
        """See `FaceDetector`."""
        call, self.calls = self.calls, self.calls + 1
        if self._then is not None:
            self._then()
        if call in self._broken:
            raise self._error
        red = (rgb[:, :, 0].astype(int) - rgb[:, :, 1]) > 80
        rows, columns = np.nonzero(red)
        if not rows.size:
            return ()
        box = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return (Face(box, 1.0),)


def samples(path: Path) -> list[NDArray[np.uint8]]:
    """The packed samples of every frame."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="yuv420p").astype(np.uint8) for frame in container.decode(video=0)]


def most_red(packed: NDArray[np.uint8]) -> int:
    """The largest V sample of a frame: above `NEUTRAL` a part of the face can be seen."""
    count = packed.size * 2 // 3
    return int(packed.reshape(-1)[count * 5 // 4 :].max())
