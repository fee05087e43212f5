"""Beside `deface` 1.5.0: processor time, faces covered by width, picture masked; one run, the same films.

Run: `python -m tests.bench.deid_peer MEDIA --models DIR`; MEDIA holds the films of `tests/data/faces`. It
makes a virtual environment with the peer in a temporary directory and removes it (the network is needed, so
it never runs in CI). Each of both runs on one processor, the peer at its defaults from its own command, with
a recorder around two of its functions that takes down where it draws.

Guarantees: processor time is user and system time of the process and its children (the peer decodes and
encodes in child processes), from after the imports to the finished file, model loading included, divided by
the frames of the film. Coverage is computed for both by `agent/deid/measure.py` on the same annotation; the
peer's blurred ellipses count as covered, though a blur can be undone in part. Leaves out judging: it prints.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.deid.detector_profiles import DETECTOR_PROFILES, DetectorProfile
from agent.deid.faces import CenterFace
from agent.deid.measure import WIDTHS, Cover, Measurement, Tally
from agent.deid.measure_film import measure_film
from agent.deid.models import load
from agent.deid.offline import deidentify
from agent.formats.face_annotation_v1 import FaceAnnotation, parse
from tests.bench.report import Table, as_text
from tests.fakes.face_films import POLICY, policy

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "faces"
FILMS = ("street_faces", "people_one_by_one", "laparoscopy")
# deface asks for the other OpenCV, so it comes without what it asks for; onnx makes it choose onnxruntime.
PEER = "deface==1.5.0"
NEEDED = (
    "onnx",
    "onnxruntime",
    "opencv-python-headless",
    "imageio",
    "imageio-ffmpeg",
    "scikit-image",
    "tqdm",
)
RECORDER = """
import json, resource, sys
import deface.deface as peer
import onnx, onnxruntime
film, output, backend, record = sys.argv[1:]
frames = []
draw, anonymize = peer.draw_det, peer.anonymize_frame
def drawn(frame, score, index, x1, y1, x2, y2, **options):
    frames[-1].append([int(x1), int(y1), int(x2), int(y2)])
    return draw(frame, score, index, x1, y1, x2, y2, **options)
def anonymized(*arguments, **options):
    frames.append([])
    return anonymize(*arguments, **options)
peer.draw_det, peer.anonymize_frame = drawn, anonymized
def spent():
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in found)
before = spent()
sys.argv = ["deface", film, "--output", output, "--backend", backend]
peer.main()
json.dump({"seconds": spent() - before, "frames": frames}, open(record, "w"))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One tool on one film. `ms`: processor time per frame."""

    film: str
    name: str
    ms: float
    found: Measurement


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("media", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--films", nargs="+", choices=FILMS, default=FILMS)
    parser.add_argument("--backends", nargs="+", choices=("auto", "opencv"), default=("auto",))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found: list[Contender] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = peer_environment(folder / "peer")
        model = load(arguments.models)
        for film in arguments.films:
            path, annotation = arguments.media / f"{film}.mp4", parse((DATA / f"{film}.json").read_bytes())
            found += [ours(path, annotation, model, profile, folder) for profile in DETECTOR_PROFILES]
            found += [theirs(path, annotation, python, backend, folder) for backend in arguments.backends]
    print(as_text([as_table(found)]))  # noqa: T201  # a bench prints


def peer_environment(folder: Path) -> Path:
    """A Python that has the peer."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    for wanted in (("--no-deps", PEER), NEEDED):
        subprocess.run((python, "-m", "pip", "install", "--quiet", *wanted), check=True, stdout=sys.stderr)
    return python


def ours(
    film: Path, annotation: FaceAnnotation, model: bytes, profile: DetectorProfile, folder: Path
) -> Contender:
    """This engine off line, end to end."""
    rules = policy(POLICY.replace('"careful"', f'"{profile.name}"'))
    output = folder / f"{film.stem}-{profile.name}.mp4"
    before = time.process_time()
    done = deidentify(film, output, rules, CenterFace(model, profile))
    seconds = time.process_time() - before
    found = measure_film(film, annotation, rules, CenterFace(model, profile), profile).found
    return Contender(
        film=film.stem, name=f"edgeward {profile.name}", ms=1000 * seconds / len(done.plan.masks), found=found
    )


def theirs(film: Path, annotation: FaceAnnotation, python: Path, backend: str, folder: Path) -> Contender:
    """The peer at its defaults, end to end."""
    record = folder / f"{film.stem}-{backend}.json"
    command = (python, "-c", RECORDER, film, folder / f"{film.stem}-{backend}.mp4", backend, record)
    subprocess.run(command, check=True, stdout=sys.stderr)
    recorded = json.loads(record.read_text(encoding="utf-8"))
    tally = Tally()
    for frame in annotation.frames:
        tally.add(frame, ellipses(recorded["frames"][frame.number], (annotation.width, annotation.height)))
    return Contender(
        film=film.stem,
        name=f"deface 1.5.0 ({'onnxruntime' if backend == 'auto' else backend})",
        ms=1000 * recorded["seconds"] / len(recorded["frames"]),
        found=tally.result(),
    )


def ellipses(boxes: Iterable[Sequence[int]], size: tuple[int, int]) -> Cover:
    """What the peer draws over: the ellipse in each of its boxes."""
    width, height = size
    cover = np.zeros((height, width), np.bool_)
    for left, top, right, bottom in boxes:
        down, across = max(1, (bottom - top) // 2), max(1, (right - left) // 2)
        rows = (np.arange(bottom - top) - down) / down
        columns = (np.arange(right - left) - across) / across
        inside = rows[:, None] ** 2 + columns[None, :] ** 2 < 1
        cover[top:bottom, left:right] |= inside
    return cover


def as_table(found: Sequence[Contender]) -> Table:
    """One row for each tool and film."""
    ends = [*(f" to {end}" for end in WIDTHS[2:]), " and more"]
    rows = [
        [
            one.film,
            one.name,
            f"{one.ms:.0f}",
            *(
                f"{part.missed} of {part.faces} ({part.covered:.1%})" if part.faces else "-"
                for part in one.found.classes[1:]
            ),
            f"{one.found.missed_share(32):.1%}",
            f"{one.found.area:.1%}",
        ]
        for one in found
    ]
    return Table(
        title="Faces masked off line, beside deface",
        how="Each on one processor, end to end. Missed face-frames (mean part of the face covered), by the "
        "face's width in pixels of the film; `tests/data/faces/README.md` says how they were annotated.",
        head=(
            "film", "tool", "CPU ms/frame",
            *(f"{low}{end} px" for low, end in zip(WIDTHS[1:], ends, strict=True)),
            "missed from 32 px", "picture masked",
        ),
        rows=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
