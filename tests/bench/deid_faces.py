"""Processor time per frame of the de-identification off line, by step, with the real face model.

Run: `python -m tests.bench.deid_faces FILM --models DIR` (after `edgeward models install --models DIR`). It
prints milliseconds of processor time (all threads) per frame of the film. Only figures that are printed
count; it judges nothing. Times vary with what else the machine does: the smallest of three runs is given.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.deid.detector_profiles import DETECTOR_PROFILES, DetectorProfile
from agent.deid.faces import CenterFace
from agent.deid.models import load
from agent.deid.offline import deidentify
from agent.deid.offline_plan import look
from agent.deid.pictures import PictureReader
from tests.fakes.face_films import POLICY, policy


def main() -> None:
    """Prints one row for each step and profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("--models", type=Path, required=True)
    arguments = parser.parse_args()
    frames = decode(arguments.film)
    show("decode once", frames, least(lambda: decode(arguments.film)))
    model = load(arguments.models)
    for profile in DETECTOR_PROFILES:
        measure(arguments.film, model, profile, frames)


def measure(film: Path, model: bytes, profile: DetectorProfile, frames: int) -> None:
    """The first pass, and both."""
    detector = CenterFace(model, profile)
    rules = policy(POLICY.replace('"careful"', f'"{profile.name}"'))
    show(f"{profile.name}: first pass", frames, least(lambda: look(film, rules, detector, profile)))

    def both() -> None:
        with tempfile.TemporaryDirectory() as folder:
            deidentify(film, Path(folder) / "out.mp4", rules, detector)

    show(f"{profile.name}: end to end", frames, least(both))


def decode(film: Path) -> int:
    """Decodes all; how many frames."""
    with PictureReader(film) as reader:
        return sum(1 for _ in reader.pictures())


def least(work: Callable[[], object]) -> float:
    """The smallest processor time of three runs, in seconds."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def show(step: str, frames: int, seconds: float) -> None:
    """One row of a table in Markdown."""
    print(f"| {step} | {seconds * 1000 / frames:.1f} |", flush=True)  # noqa: T201  # a bench prints


if __name__ == "__main__":
    main()
