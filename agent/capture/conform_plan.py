"""What has to be done to a stream before it may be recorded, decided from the spec and what comes (STD 6.2).

Guarantees: pure. What conforms is left alone (`None`), and so is what breaks the spec while the spec says
`record-and-flag`: the camera's own bits are recorded then. Raw pictures and JPEG, which can't be recorded as
they come, are encoded once, to the spec. Never enlarges, never changes the proportions, never adds pictures.
Leaves out doing it (`conform.py`, `encoder.py`). Why these numbers: docs/decisions/0019-conforming.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from agent.model.media import Change, PixelArea
from agent.model.spec import Codec, CollectionSpec, ColourRange, OnNonconforming

# Pictures that are not coded yet, or each for itself: a video codec has to be put to them.
UNCODED = (Codec.RAW, Codec.MJPEG)
# Picture checks look at key frames, and a segment is cut at one: no further apart than this.
LONGEST_GOP_S = 2.0
# Bits for each pixel where the spec has no limits: 5.2 Mbit/s for 1080p25, at which the encoder's pictures
# were 42 dB from their source.
BITS_PER_PIXEL = Fraction(1, 10)
_LEAST_BPS = 100_000
# A limit alone is aimed at from so far below, or above: means of single segments differ.
_BELOW_MAX, _ABOVE_MIN = Fraction(3, 4), Fraction(5, 4)
_PEAK = Fraction(3, 2)
# The least that all encoders take.
_LEAST_SIDE = 16
# Chroma has half the lines of luma; of an interlaced picture each field has half of both.
_EVEN, _EVEN_IN_FIELDS = 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What comes. `rate` is None until it is known, `pixel_aspect` when nobody says; unknown sides are 0."""

    codec: Codec
    width: int
    height: int
    rate: Fraction | None
    interlaced: bool = False
    pixel_aspect: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformPlan:
    """What is encoded. `crop` is the part of the delivered picture that is kept, in its pixels; `width` and
    `height` what that is scaled to. `keep_rate` is the rate that is decimated to, None for every picture."""

    changes: tuple[Change, ...]
    codec: Codec
    crop: PixelArea
    width: int
    height: int
    keep_rate: Fraction | None
    nominal_rate: Fraction
    bitrate_bps: int
    peak_bps: int
    gop_s: float
    colour_range: ColourRange | None
    pixel_aspect: Fraction
    interlaced: bool


def may_pass(spec: CollectionSpec, comes: Delivered) -> bool:
    """Whether a stream for which there is no plan may be recorded as it comes: not when it can't be recorded,
    nor when nobody knows which part of it the region is."""
    has_size = comes.width >= _LEAST_SIDE and comes.height >= _LEAST_SIDE
    return comes.codec not in UNCODED and (spec.region is None or has_size)


def make_plan(spec: CollectionSpec, comes: Delivered, *, slowed: bool = False) -> ConformPlan | None:
    """None: recorded as it comes. `slowed`: the rate is being reduced already, and stays so until it is
    clearly allowed, so that a source at the limit does not go back and forth."""
    if comes.width < _LEAST_SIDE or comes.height < _LEAST_SIDE:
        return None
    uncoded = comes.codec in UNCODED
    may_reduce = uncoded or spec.on_nonconforming is OnNonconforming.CONFORM
    # Fields of an interlaced picture must not be mixed by scaling; cutting keeps them apart.
    may_resize = may_reduce and not comes.interlaced
    lines = _EVEN_IN_FIELDS if comes.interlaced else _EVEN
    crop = _region(spec, comes, lines) if may_reduce else _whole(comes)
    uncut = _even(crop.width), _even(crop.height, lines)
    width, height = _fitted(spec, crop) if may_resize else uncut
    too_fast = may_reduce and _is_too_fast(spec, comes.rate, slowed=slowed)
    wanted = {
        Change.CODEC: uncoded,
        Change.REGION: crop != _whole(comes),
        Change.SIZE: may_resize and (crop.width > spec.width or crop.height > spec.height),
        Change.RATE: too_fast,
    }
    changes = tuple(change for change, is_wanted in wanted.items() if is_wanted)
    if not changes:
        return None
    bitrate_bps, peak_bps = _bitrate(spec, width * height)
    if (width, height) == uncut:
        crop = PixelArea(crop.x, crop.y, width, height)
    return ConformPlan(
        changes=changes,
        codec=_codec(spec, comes),
        crop=crop,
        width=width,
        height=height,
        keep_rate=spec.rate if too_fast else None,
        nominal_rate=spec.rate,
        bitrate_bps=bitrate_bps,
        peak_bps=peak_bps,
        gop_s=min(LONGEST_GOP_S, spec.gop_max_s or LONGEST_GOP_S),
        colour_range=spec.colour_range,
        pixel_aspect=comes.pixel_aspect or Fraction(1),
        interlaced=comes.interlaced,
    )


def _codec(spec: CollectionSpec, comes: Delivered) -> Codec:
    """The spec's first one. The encoders of H.265 can't say that pictures are interlaced."""
    if comes.interlaced:
        return Codec.H264
    return next((codec for codec in spec.codecs if codec not in UNCODED), Codec.H264)


def _is_too_fast(spec: CollectionSpec, rate: Fraction | None, *, slowed: bool) -> bool:
    tolerance = spec.rate_tolerance / 2 if slowed else spec.rate_tolerance
    return rate is not None and rate > spec.rate * (1 + tolerance)


def _whole(comes: Delivered) -> PixelArea:
    return PixelArea(0, 0, comes.width, comes.height)


def _region(spec: CollectionSpec, comes: Delivered, lines: int) -> PixelArea:
    """The spec's region in the pixels of what comes, on pixels that have chroma of their own."""
    if spec.region is None:
        return _whole(comes)
    left, width = _side(spec.region.left, spec.region.width, comes.width, _EVEN)
    top, height = _side(spec.region.top, spec.region.height, comes.height, lines)
    return PixelArea(left, top, width, height)


def _side(begin: Fraction, share: Fraction, whole: int, step: int) -> tuple[int, int]:
    """Beginning and length of one side; all of it keeps its odd pixel."""
    if share == 1:
        return 0, whole
    length = max(_LEAST_SIDE, _even(round(share * whole), step))
    return _even(min(int(begin * whole), whole - length), step), length


def _fitted(spec: CollectionSpec, crop: PixelArea) -> tuple[int, int]:
    """The largest even size in the spec's that has the proportions of `crop`, and is not larger than it."""
    scale = min(Fraction(1), Fraction(spec.width, crop.width), Fraction(spec.height, crop.height))
    width, height = (max(2, _even(round(side * scale))) for side in (crop.width, crop.height))
    return width, height


def _even(side: int, step: int = _EVEN) -> int:
    return side - side % step


def _bitrate(spec: CollectionSpec, pixels: int) -> tuple[int, int]:
    """Mean and peak in bit/s: the middle of the spec's range, or what its one limit or the size suggests."""
    low, high = spec.bitrate_min_bps, spec.bitrate_max_bps
    usual = max(_LEAST_BPS, int(BITS_PER_PIXEL * pixels * spec.rate))
    if low is not None and high is not None:
        mean = (low + high) // 2
    elif high is not None:
        mean = int(high * _BELOW_MAX)
    else:
        mean = usual if low is None else max(usual, int(low * _ABOVE_MIN))
    return mean, int(mean * _PEAK) if high is None else max(mean, high)


# Tried in this order; the last one is always there. Hardware that takes pictures from ordinary memory only:
# PyAV's build has no VA-API encoder.
_ENCODERS = {
    Codec.H264: ("h264_nvenc", "h264_qsv", "h264_v4l2m2m", "libx264"),
    Codec.H265: ("hevc_nvenc", "hevc_qsv", "hevc_v4l2m2m", "libx265"),
}


def encoders(codec: Codec, *, failed: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """FFmpeg's names, best first, without the ones that failed; the software encoder stays in any case."""
    *hardware, software = _ENCODERS[codec]
    return (*(name for name in hardware if name not in failed), software)
