"""The video that all measurements use: 1080p25 H.264 at 4 Mbit/s with real motion and noise.

Guarantees: the bit rate is that of the file, not of the setting (`Clip.bitrate_bps`); a key frame every
two seconds; no B-frames, as cameras send; the first and last picture join, so that it can be looped.
Frames also lie in `frames`, each behind its length, for the RTSP server. Made anew for each run in the
caller's directory; takes about ten seconds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

RATE = 25
GOP_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One encoded clip in two forms: `mp4` for file sources, `frames` (length, access unit)* for RTSP."""

    mp4: Path
    frames: Path
    width: int
    height: int
    seconds: int
    bitrate_bps: int


def make_clip(folder: Path, *, size: tuple[int, int], bitrate_bps: int, seconds: int) -> Clip:
    """Encodes `seconds` of video at `bitrate_bps`, held within 2 % of it by x264's own rate control."""
    width, height = size
    mp4, frames = folder / f"clip-{height}.mp4", folder / f"clip-{height}.frames"
    options = {
        "preset": "veryfast", "tune": "zerolatency", "g": str(GOP_S * RATE), "bf": "0", "sc_threshold": "0",
        "maxrate": str(bitrate_bps), "bufsize": str(bitrate_bps), "nal-hrd": "cbr",
    }  # fmt: skip
    total = 0
    with av.open(str(mp4), "w") as container, frames.open("wb") as raw:
        video = container.add_stream("libx264", rate=RATE, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt, video.bit_rate = width, height, "yuv420p", bitrate_bps
        # Parameter sets in front of each key frame, as cameras send them and as `frames` needs them.
        video.codec_context.flags &= ~av.codec.context.Flags.global_header.value
        scene = _scene(width, height)
        for number in range(seconds * RATE):
            for packet in video.encode(_frame(scene, number, seconds * RATE, size)):
                data = bytes(packet)
                raw.write(struct.pack(">I", len(data)) + data)
                total += len(data)
                container.mux(packet)
    return Clip(
        mp4=mp4, frames=frames, width=width, height=height, seconds=seconds,
        bitrate_bps=total * 8 // seconds,
    )  # fmt: skip


def _scene(width: int, height: int) -> NDArray[np.uint8]:
    """A still scene with texture, one and a half planes high, that the picture moves over."""
    dice = np.random.default_rng(1)
    coarse = dice.integers(40, 200, (height // 16 + 1, width // 16 + 1), np.uint8)
    luma = np.kron(coarse, np.ones((16, 16), np.uint8))[:height, :width]
    return np.concatenate([luma, np.full((height // 2, width), 128, np.uint8)])


def _frame(scene: NDArray[np.uint8], number: int, count: int, size: tuple[int, int]) -> VideoFrame:
    """The scene moved once around in `count` pictures, a rotating bar, and sensor noise."""
    width, height = size
    picture = np.roll(scene, number * width // count, axis=1)
    dice = np.random.default_rng(number)
    picture[:height] += dice.integers(0, 12, (height, width), np.uint8)
    x = (number * 5 * width // count) % (width - width // 8)
    picture[height // 3 : height // 2, x : x + width // 8] = 230
    frame = VideoFrame.from_ndarray(picture, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame
