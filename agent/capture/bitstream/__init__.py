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

__all__ = ["PictureSize", "h264", "h265", "picture_size"]


def picture_size(codec: Codec, data: bytes) -> PictureSize | None:
    """The picture size in a packet or extradata of `codec`; None when no parameter set is in it."""
    match codec:
        case Codec.H264:
            return h264.picture_size(data)
        case Codec.H265:
            return h265.picture_size(data)
        case _:
            assert_never(codec)
