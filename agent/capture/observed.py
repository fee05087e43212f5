"""What was observed of a stretch of video, as the rules see it.

Guarantees: measured facts only, never declared ones; 0 or None stands for "could not be measured".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.capture.bitstream import PictureSize
from agent.capture.measure import Measurement
from agent.model.spec import Codec
from agent.model.times import NS_PER_S

# Rates over less video than this say more about where the segment was cut than about the source: one
# frame more or less in 2 s at 25 Hz is 2 %, and one key frame can be half of a segment's bytes. Such
# segments get no finding on rates. Everything else is judged at any length.
SHORTEST_JUDGED_NS = 2 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureNumbers:
    """What was measured of one picture. Luma 0 to 255 in full range, shares of the area 0 to 1.

    `luma`: mean. `dark_share`: pixels that are not over the spec's `black_luma`. `flat_share`: tiles
    without detail. `blur`: 0 sharp to 1 blurred, median over the tiles with detail; None when there are
    too few. `plain`: share of the pixels that are of the most frequent colour. `saturation`: mean distance
    from grey, None without chroma. `bars`: share of the area that has its column's commonest luma.
    `changed`: share of pixels that differ from the picture before, and `difference` the mean difference
    in luma; None for the first picture and after a change of size.
    """

    luma: float
    dark_share: float
    flat_share: float
    blur: float | None
    plain: float
    saturation: float | None
    bars: float
    changed: float | None
    difference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCheck:
    """One picture that was looked at. `at_ns` and `before_ns` (the picture before it) are arrivals."""

    at_ns: int
    before_ns: int | None
    numbers: PictureNumbers


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstCheck:
    """Pictures decoded one after the other: how many were compared while things moved, how many only
    repeat the one before."""

    at_ns: int
    compared: int
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One stretch's facts. Width and height come from the bitstream; 0 when it can't be read.

    `parameters` is what the newest parameter set says. `recording_ns` is how long the recording lasts so
    far. `pictures` may reach back before the stretch, which begins at `since_ns` (an arrival), so that a
    fault is measured whole; `bursts` are those of the stretch; `undecoded` counts its pictures that could
    not be decoded.
    """

    width: int
    height: int
    codec: Codec | None
    has_audio_in_output: bool
    measurement: Measurement
    source_has_audio: bool = False
    parameters: PictureSize | None = None
    recording_ns: int = 0
    since_ns: int = 0
    pictures: tuple[PictureCheck, ...] = ()
    bursts: tuple[BurstCheck, ...] = ()
    undecoded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """How long something lasted in nanoseconds, and the last picture that shows it; None for never."""

    duration_ns: int
    last: PictureNumbers | None


def longest_stretch(
    facts: Observed, holds: Callable[[PictureNumbers], bool], *, from_before: bool = False
) -> Stretch:
    """The longest run of pictures for which `holds`, from its first picture to its last.

    With `from_before` it begins at the picture before the first, for what is seen by comparing two. Only
    runs that reach into the stretch count, but with their whole length. It is a lower limit: what lies
    between the pictures was not looked at, so a run as long as a limit has surely passed it.
    """
    longest = Stretch(duration_ns=0, last=None)
    start_ns: int | None = None
    for check in facts.pictures:
        if not holds(check.numbers):
            start_ns = None
            continue
        if start_ns is None:
            start_ns = check.before_ns if from_before and check.before_ns is not None else check.at_ns
        lasted_ns = check.at_ns - start_ns
        if check.at_ns >= facts.since_ns and (longest.last is None or lasted_ns >= longest.duration_ns):
            longest = Stretch(duration_ns=lasted_ns, last=check.numbers)
    return longest
