"""The collection spec (STD 6.2): what a channel may and must deliver.

Guarantees: frozen values, rates, shares and aspects as exact fractions, sizes in pixels, bit rates in
bit/s, durations in seconds. Leaves out how it is measured (`capture/measure.py`, `capture/picture.py`)
and judged (`capture/rules/`). Where the defaults come from: docs/spec-rules.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Codec(StrEnum):
    """What pictures are coded with: two that are recorded as they come, and two that are encoded first."""

    H264 = "h264"
    H265 = "h265"
    RAW = "rawvideo"
    MJPEG = "mjpeg"


class AudioRule(StrEnum):
    """STD 6.2 minimum necessary: audio is forbidden unless the plan says otherwise."""

    FORBID = "forbid"


class Scan(StrEnum):
    """Whether a picture is taken at one time or as two fields."""

    PROGRESSIVE = "progressive"
    INTERLACED = "interlaced"


class ColourRange(StrEnum):
    """Whether luma runs from 16 to 235 or from 0 to 255."""

    LIMITED = "limited"
    FULL = "full"


class OnNonconforming(StrEnum):
    """What to do when the spec is not met. Care goes on by default (STD 4 c).

    `conform` reduces what is more than the spec allows, and flags what can't be changed.
    """

    RECORD_AND_FLAG = "record-and-flag"
    CONFORM = "conform"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """What a picture may show. A `None` limit in seconds is not judged; `check_every_s` None: no picture is.

    Luma is 0 to 255 after a limited range was stretched; shares are of the picture's area, 0 to 1. What
    each number means is said where it is measured (`capture/picture.py`).
    """

    check_every_s: float | None = 1.0
    burst_every_s: float | None = 10.0
    black_max_s: float | None = 10.0
    frozen_max_s: float | None = 10.0
    defocused_max_s: float | None = 30.0
    covered_max_s: float | None = 10.0
    no_signal_max_s: float | None = 5.0
    black_luma: float = 24.0
    black_share: float = 0.98
    frozen_change: float = 0.0003
    frozen_difference: float = 0.5
    defocused_blur: float = 0.72
    covered_flat_share: float = 0.85
    card_share: float = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """The part of the picture that may be collected, in shares of its width and height."""

    left: Fraction
    top: Fraction
    width: Fraction
    height: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSpec:
    """What must be delivered. A `None` limit is not judged.

    Width and height are exact, or the largest allowed when `width_min` or `height_min` opens a range; of
    the `region` when there is one.
    `lost_max` and `duplicate_max` are shares of the frames.
    """

    width: int
    height: int
    rate: Fraction
    width_min: int | None = None
    height_min: int | None = None
    rate_tolerance: Fraction = Fraction(1, 20)
    codecs: tuple[Codec, ...] = (Codec.H264, Codec.H265)
    profiles: tuple[str, ...] | None = None
    scan: Scan | None = Scan.PROGRESSIVE
    pixel_aspect: Fraction | None = Fraction(1)
    colour_range: ColourRange | None = None
    gop_max_s: float | None = 10.0
    bitrate_max_bps: int | None = None
    bitrate_min_bps: int | None = None
    gap_max_s: float = 2.0
    jitter_max_s: float | None = 0.25
    lost_max: Fraction | None = Fraction(1, 100)
    duplicate_max: Fraction | None = Fraction(1, 20)
    recording_max_s: float | None = None
    region: Region | None = None
    picture: PictureLimits = PictureLimits()
    audio: AudioRule = AudioRule.FORBID
    on_nonconforming: OnNonconforming = OnNonconforming.RECORD_AND_FLAG
