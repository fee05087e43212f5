"""How often the picture rules are wrong on real pictures: false alarms on good ones, misses on spoilt ones.

    python -m tests.bench.picture_rules DIRECTORY [--every SECONDS]

Takes every video and still of a directory, as it is and spoilt in known ways, each encoded again by x264 as
a camera would, and prints one JSON object per file: pictures looked at, how many each rule takes for its
fault, and the same for spoilt ones. Nothing of the pictures is kept. The figures in docs/spec-rules.md come
from here; the pictures themselves are not part of the project.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from agent.capture import picture
from agent.capture.observed import PictureNumbers
from agent.capture.picture import Plane
from agent.capture.rules.black import is_black
from agent.capture.rules.covered import is_covered
from agent.capture.rules.defocused import is_defocused
from agent.capture.rules.frozen import is_frozen
from agent.capture.rules.no_signal import is_card
from agent.device.drivers.picture import Painter
from agent.model.spec import PictureLimits

LIMITS = PictureLimits()
RULES: dict[str, Callable[[PictureLimits, PictureNumbers], bool]] = {
    "black": is_black, "no-signal": is_card, "frozen": is_frozen, "covered": is_covered,
    "defocused": is_defocused,
}  # fmt: skip
CAMERA = {"preset": "veryfast", "tune": "zerolatency", "bf": "0", "sc_threshold": "0"}
BIT_RATES = ("2000000", "6000000")
FREEZES = 12
BURST = 16


def videos(path: Path) -> Iterator[Plane]:
    with av.open(str(path)) as container:
        assert isinstance(container, InputContainer)
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)


def still(path: Path) -> Plane:
    colour = cv2.imread(str(path))
    if colour is None:
        raise SystemExit(f"{path} can't be read")
    height, width = colour.shape[0] & ~1, colour.shape[1] & ~1
    return np.asarray(cv2.cvtColor(colour[:height, :width], cv2.COLOR_BGR2YUV_I420), np.uint8)


def rate_of(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        return container.streams.video[0].average_rate or Fraction(25)


def through_camera(pictures: list[Plane], gop: int, bit_rate: str) -> Iterator[tuple[Plane, Plane, Plane]]:
    """Each picture after encoding and decoding, as its three planes."""
    height, width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
    encoder = av.CodecContext.create("libx264", "w")
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(encoder, VideoCodecContext)
    assert isinstance(decoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.thread_count = Fraction(1, 25), Fraction(25), 1
    # Intra only costs a camera that shows one key frame per second about ten times as much per picture.
    scaled = str(int(bit_rate) * (4 if gop == 1 else 1))
    encoder.options = {**CAMERA, "g": str(gop), "b": scaled, "maxrate": scaled, "bufsize": scaled}
    decoder.thread_count = 1
    for number, planes in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        for packet in encoder.encode(frame):
            for decoded in decoder.decode(packet):
                yield planes_of(np.asarray(decoded.to_ndarray(format="yuv420p"), np.uint8))


def planes_of(whole: Plane) -> tuple[Plane, Plane, Plane]:
    height, width = whole.shape[0] * 2 // 3, whole.shape[1]
    chroma = whole[height:].reshape(2, height // 2, width // 2)
    return whole[:height], chroma[0], chroma[1]


def numbers(pictures: list[Plane], bit_rate: str) -> list[PictureNumbers]:
    found: list[PictureNumbers] = []
    before: Plane | None = None
    for luma, u, v in through_camera(pictures, 1, bit_rate):
        small = picture.small_luma(luma, full_range=False)
        chroma = (picture.small_chroma(u, small.shape), picture.small_chroma(v, small.shape))
        found.append(picture.measure(small, chroma, before, LIMITS.black_luma))
        before = small
    return found


def counted(found: list[PictureNumbers]) -> dict[str, int]:
    return {
        "pictures": len(found),
        **{name: sum(is_so(LIMITS, n) for n in found) for name, is_so in RULES.items()},
    }


def spoilt(pictures: list[Plane]) -> dict[str, list[Plane]]:
    """The same pictures with one fault each."""
    height, width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
    painter = Painter(width, height)
    noise = np.random.default_rng(1)

    def noisy(whole: Plane) -> Plane:
        grain = noise.normal(0, 2, whole.shape)
        return np.clip(whole + grain, 16, 235).astype(np.uint8)

    def defocused(whole: Plane, thousandths: int) -> Plane:
        changed = whole.copy()
        spread = width * thousandths / 1000
        changed[:height] = cv2.GaussianBlur(whole[:height], (0, 0), spread)
        return noisy(changed)

    count = len(pictures)
    return {
        "black": [noisy(painter.black()) for _ in range(count)],
        "blue card": [painter.card("blue")] * count,
        "white card": [painter.card("white")] * count,
        "bars card": [painter.card("bars")] * count,
        "covered": [noisy(painter.covered(20 * number)) for number in range(count)],
        "defocused 3/1000": [defocused(each, 3) for each in pictures],
        "defocused 5/1000": [defocused(each, 5) for each in pictures],
        "defocused 10/1000": [defocused(each, 10) for each in pictures],
        "frozen": [pictures[-1]] * FREEZES,
    }


def bursts(pictures: list[Plane], every: int, bit_rate: str) -> dict[str, int]:
    """Pictures in a row; with `every`, each picture of so many only repeats the one before."""
    shown = [
        pictures[number - 1] if every and number and number % every == 0 else each
        for number, each in enumerate(pictures)
    ]
    small = [picture.small_luma(luma, full_range=False) for luma, _, _ in through_camera(shown, 50, bit_rate)]
    results = [picture.repeats(small[at : at + BURST]) for at in range(0, len(small) - BURST + 1, BURST)]
    return {
        "bursts": len(results),
        "with motion": sum(compared > 0 for compared, _ in results),
        "taken for a pattern": sum(repeats >= 2 for _, repeats in results),
    }


def examine(path: Path, every_s: float) -> dict[str, object]:
    if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        pictures, row = [still(path)], []
    else:
        row = list(videos(path))[:300]
        step = max(1, round(every_s * rate_of(path)))
        pictures = [each for number, each in enumerate(videos(path)) if number % step == 0]
    report: dict[str, object] = {"file": path.name}
    for bit_rate in BIT_RATES:
        report[f"good at {bit_rate}"] = counted(numbers(pictures, bit_rate))
        report[f"spoilt at {bit_rate}"] = {
            name: counted(numbers(changed, bit_rate)) for name, changed in spoilt(pictures[:30]).items()
        }
        if row:
            report[f"bursts at {bit_rate}"] = {
                name: bursts(row, every, bit_rate) for name, every in (("good", 0), ("every 5th", 5))
            }
    return report


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--every", type=float, default=0.2, help="seconds of video between two pictures")
    chosen = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    kinds = (".mp4", ".mkv", ".mov", ".jpg", ".jpeg", ".png")
    for path in sorted(chosen.directory.rglob("*")):
        if path.suffix.lower() in kinds:
            sys.stdout.write(json.dumps(examine(path, chosen.every)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
