"""The collection spec (STD 6.2): what a channel may and must deliver.

Guarantees: frozen values, rates as exact fractions, sizes in pixels, bit rates in bit/s, durations in
seconds. Leaves out how it is measured (`capture/measure.py`) and judged (`capture/rules/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Codec(StrEnum):
    """Video codecs that are recorded without being encoded again."""

    H264 = "h264"
    H265 = "h265"


class AudioRule(StrEnum):
    """STD 6.2 minimum necessary: audio is forbidden unless the plan says otherwise."""

    FORBID = "forbid"


class OnNonconforming(StrEnum):
    """What to do when the spec is not met. Care goes on by default (STD 4 c)."""

    RECORD_AND_FLAG = "record-and-flag"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSpec:
    """What must be delivered. A `None` limit is not judged."""

    width: int
    height: int
    rate: Fraction
    rate_tolerance: Fraction = Fraction(1, 20)
    codecs: tuple[Codec, ...] = (Codec.H264, Codec.H265)
    gop_max_s: float | None = 10.0
    bitrate_max_bps: int | None = None
    bitrate_min_bps: int | None = None
    gap_max_s: float = 2.0
    audio: AudioRule = AudioRule.FORBID
    on_nonconforming: OnNonconforming = OnNonconforming.RECORD_AND_FLAG
