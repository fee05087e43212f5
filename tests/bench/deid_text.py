"""How much of burned-in writing the text detector covers, by size, and what an OCR still reads afterwards.

Run: `python -m tests.bench.deid_text --models DIR [--overlays 300]` after `edgeward models install` (Debian:
tesseract-ocr, tesseract-ocr-chi-sim).

Each overlay is one line on a 1080p picture (`tests/fakes/overlays.py`),
looked at and masked as `edgeward deid` does it. Prints one row for each size: overlays, the mean share of the
letters' pixels that is covered, overlays of which nothing is left out, and for sizes from 24 pixels how many
tesseract reads before and after. Read means: a run of two Chinese characters or of three letters and digits
of the line. The OCR is not the detector: it knows nothing of its model.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.deid.boxes import aligned
from agent.deid.masks import MaskKind, MaskStyle, apply, planes_of
from agent.deid.models import load
from agent.deid.text import PpOcr
from agent.deid.text_model import TEXT, TEXT_PROFILES, TextProfile
from agent.deid.text_watch import TextSettings, TextWatch
from tests.fakes.overlays import HEIGHT, WIDTH, Overlay, Rgb, overlay

READ_FROM = 24
_FILL = MaskStyle(kind=MaskKind.FILL, colour=(16, 128, 128))
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`covered`: share of the letters' pixels, 0 to 1; what was read; None: not tried."""

    size: int
    covered: float
    area: float
    before: bool | None
    after: bool | None


class Still:
    """A picture that stands still."""

    readable = True

    def __init__(self, picture: Rgb) -> None:
        self._picture = picture

    def rgb(self, size: tuple[int, int]) -> Rgb:
        """See `Seen`."""
        return np.asarray(cv2.resize(self._picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def main() -> None:
    """Prints a table for each profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--overlays", type=int, default=300)
    arguments = parser.parse_args()
    detector = PpOcr(load(arguments.models, TEXT))
    for profile in TEXT_PROFILES:
        start = time.process_time()
        results = [measured(overlay(number), detector, profile) for number in range(arguments.overlays)]
        seconds = (time.process_time() - start) / arguments.overlays
        show(profile, results, seconds)


def measured(one: Overlay, detector: PpOcr, profile: TextProfile) -> Result:
    """Looks at `one`, masks it, and lets the OCR read."""
    settings = TextSettings(sides=profile.sides, every=1, before=1, after=1, both_ways=True)
    watch = TextWatch(detector, (WIDTH, HEIGHT), settings)
    watch.look(0, Still(one.picture))
    boxes = watch.boxes(0) or ()
    hidden = np.zeros((HEIGHT, WIDTH), bool)
    for box in boxes:
        if (area := aligned(box, (WIDTH, HEIGHT))) is not None:
            hidden[area.top : area.bottom, area.left : area.right] = True
    packed = np.asarray(cv2.cvtColor(one.picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
    apply(planes_of(packed, (WIDTH, HEIGHT)), (), boxes, _FILL)
    masked = np.asarray(cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420), np.uint8)
    tried = one.size >= READ_FROM
    return Result(
        size=one.size,
        covered=float(hidden[one.ink].mean()),
        area=float(hidden.mean()),
        before=reads(one.picture, one) if tried else None,
        after=reads(masked, one) if tried else None,
    )


def reads(picture: Rgb, one: Overlay) -> bool:
    """Whether tesseract reads a part of the line on `picture`."""
    rows, columns = np.nonzero(one.ink)
    top, bottom = max(0, rows.min() - 30), rows.max() + 30
    left, right = max(0, columns.min() - 30), columns.max() + 30
    part = cv2.resize(picture[top:bottom, left:right, ::-1], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return any(same_run(one.text, read(np.asarray(tone, np.uint8))) for tone in (part, 255 - part))


def read(bgr: NDArray[np.uint8]) -> str:
    """What tesseract says, as it is and with light letters made dark."""
    _, png = cv2.imencode(".png", bgr)
    command = ("tesseract", "stdin", "stdout", "--psm", "6", "-l", "chi_sim+eng")
    done = subprocess.run(command, input=png.tobytes(), capture_output=True, check=True, timeout=60)
    return done.stdout.decode("utf-8")


def same_run(text: str, said: str) -> bool:
    """True when `said` holds two Chinese characters, or three letters and digits, of `text` in one run."""
    wanted, heard = (re.sub(r"\W", "", part).casefold() for part in (text, said))
    runs = {wanted[place : place + 2] for place in range(len(wanted) - 1)}
    chinese = {run for run in runs if len(_CHINESE.findall(run)) == 2}
    latin = {wanted[place : place + 3] for place in range(len(wanted) - 2)}
    plain = {run for run in latin if not _CHINESE.search(run)}
    return any(run in heard for run in chinese | plain)


def show(profile: TextProfile, results: list[Result], seconds: float) -> None:
    """One table in Markdown."""
    by_size = defaultdict(list)
    for result in results:
        by_size[result.size].append(result)
    lines = [
        f"{profile.name}: sides {profile.sides}, {seconds:.2f} s of processor time each, drawing included",
        "| pixels | overlays | covered | all covered | read before | read after |",
        "|---|---|---|---|---|---|",
    ]
    for size, row in sorted(by_size.items()):
        covered = 100 * sum(one.covered for one in row) / len(row)
        whole = sum(one.covered > 0.999 for one in row)
        tried = row[0].before is not None
        before = str(sum(one.before is True for one in row)) if tried else "–"
        after = str(sum(one.after is True for one in row)) if tried else "–"
        lines.append(f"| {size} | {len(row)} | {covered:.1f} % | {whole} | {before} | {after} |")
    area = 100 * sum(one.area for one in results) / len(results)
    lines.append(f"masked on average: {area:.2f} % of a picture")
    print("\n".join(lines), flush=True)  # noqa: T201  # a bench prints


if __name__ == "__main__":
    main()
