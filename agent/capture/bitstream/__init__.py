"""What an encoded stream says about itself, read from its parameter sets.

Guarantees: `picture_size` returns the size a decoder would show, or None when `data` holds no sequence
parameter set; it raises only `Refuse("media.bad-sps")`. Works on packets and on extradata.
Leaves out decoding of pictures.
"""

from __future__ import annotations

from typing import assert_never

from agent.capture.bitstream import h264, h265
from agent.capture.bitstream.bits import PictureSize
from agent.model.spec import Codec

__all__ = ["PictureSize", "h264", "h265", "level_name", "picture_size", "profile_name"]

# profile_idc: ITU-T H.264 annex A, H.265 annex A. Constrained Baseline counts as Baseline.
_PROFILES = {
    Codec.H264: {
        66: "baseline", 77: "main", 88: "extended", 100: "high", 110: "high-10", 122: "high-422",
        244: "high-444",
    },
    Codec.H265: {1: "main", 2: "main-10", 3: "main-still", 4: "range-extensions"},
}  # fmt: skip
# level_idc is the level times so much.
_LEVEL_UNITS = {Codec.H264: 10, Codec.H265: 30}


def picture_size(codec: Codec, data: bytes) -> PictureSize | None:
    """The picture size in a packet or extradata of `codec`; None when no parameter set is in it."""
    match codec:
        case Codec.H264:
            return h264.picture_size(data)
        case Codec.H265:
            return h265.picture_size(data)
        case Codec.RAW | Codec.MJPEG:
            return None
        case _:
            assert_never(codec)


def profile_name(codec: Codec, profile_idc: int) -> str:
    """The profile's name as a spec writes it; `profile-N` for one without a name here."""
    return _PROFILES[codec].get(profile_idc, f"profile-{profile_idc}")


def level_name(codec: Codec, level_idc: int) -> str:
    """The level as the standards write it, for example `4.1`."""
    return f"{level_idc / _LEVEL_UNITS[codec]:.1f}"
