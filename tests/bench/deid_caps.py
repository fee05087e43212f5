"""Faces with a painted surgical mask and cap: how many the engine misses, on the annotated street film.

Run: `python -m tests.bench.deid_caps MEDIA --models DIR`. On every annotated face of at least 32 pixels the
part below the nose is painted light blue, and the part above the brows with what lies over it green, as flat
ellipses; the film is encoded again and measured like any other. Guarantees: same annotation, same masks as
`edgeward deid`. Leaves out judging. Painted cloth has no folds and strings: real rooms differ.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from agent.deid.detector_profiles import DETECTOR_PROFILES
from agent.deid.faces import CenterFace
from agent.deid.measure import table
from agent.deid.measure_film import measure_film
from agent.deid.models import load
from agent.formats.face_annotation_v1 import AnnotatedFrame, parse
from tests.bench.deid_peer import DATA
from tests.fakes.face_films import policy

_NAME = "street_faces"
_LEAST = 32
_MASK, _CAP = (205, 180, 150), (120, 150, 90)  # blue, green, red


def main() -> None:
    """Prints a table for each profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("media", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    arguments = parser.parse_args()
    annotation = parse((DATA / f"{_NAME}.json").read_bytes())
    model = load(arguments.models)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "painted.mp4"
        repaint(arguments.media / f"{_NAME}.mp4", film, {one.number: one for one in annotation.frames})
        digest = hashlib.sha256(film.read_bytes()).hexdigest()
        painted = annotation.model_copy(update={"film_sha256": digest})
        for profile in DETECTOR_PROFILES:
            found = measure_film(film, painted, policy(), CenterFace(model, profile), profile)
            print("\n".join(table(profile.name, found.found)))  # noqa: T201  # a bench prints


def repaint(source: Path, target: Path, frames: dict[int, AnnotatedFrame]) -> None:
    """Writes the film anew with mask and cap on the faces of `frames`."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        video = write.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "18"})
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 1920, 1080, "yuv420p"
        for number, frame in enumerate(read.decode(video=0)):
            picture = np.ascontiguousarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            for face in frames[number].faces:
                if face.box[2] - face.box[0] >= _LEAST:
                    paint(picture, face.box)
            write.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        write.mux(video.encode(None))


def paint(picture: NDArray[np.uint8], box: tuple[float, float, float, float]) -> None:
    """A cap down to the brows and a mask from the nose down, both a little wider than the face."""
    left, top, right, bottom = (round(value) for value in box)
    width, height = right - left, bottom - top
    shape = np.zeros(picture.shape[:2], np.uint8)
    middle = ((left + right) // 2, (top + bottom) // 2)
    cv2.ellipse(shape, middle, (round(width * 0.56), round(height * 0.7)), 0, 0, 360, 255, -1)
    cap, mask = top + round(height * 0.28), top + round(height * 0.55)
    picture[:cap][shape[:cap] > 0] = _CAP
    picture[mask:][shape[mask:] > 0] = _MASK


if __name__ == "__main__":
    main()
