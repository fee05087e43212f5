"""The table `[channel.spec]` of `agent.toml`: the collection spec of a channel (STD 6.2).

Guarantees: what passes here makes a `CollectionSpec`. A limit is not judged when it is `false` in the
file (TOML has no null) or when its default is none. What the defaults are based on: docs/spec-rules.md.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from agent.formats.config_model import Rate, StrictModel
from agent.model.spec import (
    Codec,
    CollectionSpec,
    ColourRange,
    OnNonconforming,
    PictureLimits,
    Region,
    Scan,
)

_ASPECT = re.compile(r"[1-9][0-9]{0,4}:[1-9][0-9]{0,4}")


def _aspect(text: str) -> str:
    if not _ASPECT.fullmatch(text):
        raise ValueError('write a pixel aspect as "1:1" or "16:11"')
    return text


def _off(value: bool) -> bool:
    if value:
        raise ValueError("write a number, or false for what is not judged")
    return value


PixelAspect = Annotated[str, AfterValidator(_aspect)]
# Seconds that a fault of the picture may last; `false` for "not judged".
Seconds = Annotated[float, Field(gt=0, le=86_400)]
# Not `Literal[False]`, which takes 0 and 0.0 too.
Off = Annotated[bool, AfterValidator(_off)]
Limit = Seconds | Off
# Shares written in decimals may add up to a little more than one.
_ROUNDING = 1e-9
Percent = Annotated[float, Field(ge=0, le=100)] | Off


class PictureConfig(StrictModel):
    """What a picture may show, and for how long. Judged on key frames only."""

    check_every_s: Limit = Field(default=1.0, description="At most one picture in so many seconds.")
    burst_every_s: Limit = Field(default=10.0, description="So often 16 pictures in a row are compared.")
    black_max_s: Limit = 10.0
    frozen_max_s: Limit = 10.0
    defocused_max_s: Limit = 30.0
    covered_max_s: Limit = 10.0
    no_signal_max_s: Limit = 5.0
    black_luma: float = Field(default=24.0, gt=0, lt=255, description="A pixel up to this is dark.")
    black_share: float = Field(default=0.98, gt=0.5, le=1, description="Black: so much of it is dark.")
    frozen_change: float = Field(default=0.0003, ge=0, lt=0.5, description="Frozen: no more of it changes.")
    frozen_difference: float = Field(default=0.5, ge=0, lt=255, description="Frozen: luma differs no more.")
    defocused_blur: float = Field(default=0.72, gt=0, lt=1, description="Defocused: blur from here on.")
    covered_flat_share: float = Field(default=0.85, gt=0.5, le=1, description="Covered: so much is flat.")
    card_share: float = Field(default=0.85, gt=0.5, le=1, description="Card: so much is one colour, or bars.")

    def to_limits(self) -> PictureLimits:
        """The same as a frozen model value."""
        return PictureLimits(
            check_every_s=self.check_every_s or None,
            burst_every_s=self.burst_every_s or None,
            black_max_s=self.black_max_s or None,
            frozen_max_s=self.frozen_max_s or None,
            defocused_max_s=self.defocused_max_s or None,
            covered_max_s=self.covered_max_s or None,
            no_signal_max_s=self.no_signal_max_s or None,
            black_luma=self.black_luma,
            black_share=self.black_share,
            frozen_change=self.frozen_change,
            frozen_difference=self.frozen_difference,
            defocused_blur=self.defocused_blur,
            covered_flat_share=self.covered_flat_share,
            card_share=self.card_share,
        )


class RegionConfig(StrictModel):
    """The part of the picture that may be collected, in shares of it from its upper left corner."""

    left: float = Field(default=0.0, ge=0, lt=1)
    top: float = Field(default=0.0, ge=0, lt=1)
    width: float = Field(default=1.0, ge=0.05, le=1)
    height: float = Field(default=1.0, ge=0.05, le=1)

    @model_validator(mode="after")
    def _inside(self) -> RegionConfig:
        if self.left + self.width > 1 + _ROUNDING or self.top + self.height > 1 + _ROUNDING:
            raise ValueError(
                "the region reaches beyond the picture: left + width and top + height are at most 1"
            )
        return self

    def to_region(self) -> Region:
        """The same as a frozen model value."""
        return Region(
            left=Fraction(str(self.left)),
            top=Fraction(str(self.top)),
            width=Fraction(str(self.width)),
            height=Fraction(str(self.height)),
        )


class SpecConfig(StrictModel):
    """The collection spec of a channel (STD 6.2)."""

    width: int = Field(ge=64, le=7680)
    height: int = Field(ge=64, le=4320)
    width_min: int | None = Field(default=None, ge=64, le=7680)
    height_min: int | None = Field(default=None, ge=64, le=4320)
    rate: Rate
    rate_tolerance_percent: float = Field(default=5.0, gt=0, le=50)
    codecs: tuple[Literal["h264", "h265"], ...] = Field(default=("h264", "h265"), min_length=1, strict=False)
    profiles: tuple[str, ...] | None = Field(default=None, min_length=1, strict=False)
    scan: Literal["progressive", "interlaced", "any"] = "progressive"
    pixel_aspect: PixelAspect | Literal["any"] = "1:1"
    colour_range: Literal["limited", "full", "any"] = "any"
    gop_max_s: float | None = Field(default=10.0, gt=0)
    bitrate_max_bps: int | None = Field(default=None, gt=0)
    bitrate_min_bps: int | None = Field(default=None, gt=0)
    gap_max_s: float = Field(default=2.0, gt=0)
    jitter_max_s: Limit = 0.25
    lost_max_percent: Percent = 1.0
    duplicate_max_percent: Percent = 5.0
    recording_max_s: float | None = Field(default=None, gt=0)
    region: RegionConfig | None = None
    picture: PictureConfig = PictureConfig()
    on_nonconforming: Literal["record-and-flag", "conform"] = "record-and-flag"

    @model_validator(mode="after")
    def _region_is_cut_out(self) -> SpecConfig:
        if self.region is not None and self.on_nonconforming != "conform":
            raise ValueError('a region is cut out only with on_nonconforming = "conform"')
        return self

    def to_spec(self) -> CollectionSpec:
        """The same as a frozen model value."""
        return CollectionSpec(
            width=self.width,
            height=self.height,
            width_min=self.width_min,
            height_min=self.height_min,
            rate=Fraction(self.rate),
            rate_tolerance=Fraction(str(self.rate_tolerance_percent)) / 100,
            codecs=tuple(Codec(name) for name in self.codecs),
            profiles=self.profiles,
            scan=None if self.scan == "any" else Scan(self.scan),
            pixel_aspect=_ratio(self.pixel_aspect),
            colour_range=None if self.colour_range == "any" else ColourRange(self.colour_range),
            gop_max_s=self.gop_max_s,
            bitrate_max_bps=self.bitrate_max_bps,
            bitrate_min_bps=self.bitrate_min_bps,
            gap_max_s=self.gap_max_s,
            jitter_max_s=self.jitter_max_s or None,
            lost_max=_share(self.lost_max_percent),
            duplicate_max=_share(self.duplicate_max_percent),
            recording_max_s=self.recording_max_s,
            region=None if self.region is None else self.region.to_region(),
            picture=self.picture.to_limits(),
            on_nonconforming=OnNonconforming(self.on_nonconforming),
        )


def _ratio(aspect: str) -> Fraction | None:
    return None if aspect == "any" else Fraction(aspect.replace(":", "/"))


def _share(percent: float | bool) -> Fraction | None:
    return None if percent is False else Fraction(str(percent)) / 100
