"""Key frames in what a camera has coded itself. Pure.

Guarantees: looks at the first coded slice only, so that it costs the same for every picture. Leaves out
parameter sets (`capture/bitstream`), which a device driver may not import.
"""

from __future__ import annotations

from agent.model.spec import Codec

_START = b"\0\0\1"
_H264_SLICES, _H264_IDR = range(1, 6), 5
_H265_SLICES, _H265_IRAP = range(32), range(16, 24)


def is_key_frame(codec: Codec, data: bytes) -> bool:
    """Whether decoding can begin at this picture. Raw and JPEG pictures stand for themselves."""
    if codec in (Codec.RAW, Codec.MJPEG):
        return True
    at = data.find(_START)
    while 0 <= at < len(data) - len(_START):
        first = data[at + len(_START)]
        if codec is Codec.H264 and (kind := first & 0x1F) in _H264_SLICES:
            return kind == _H264_IDR
        if codec is Codec.H265 and (kind := first >> 1 & 0x3F) in _H265_SLICES:
            return kind in _H265_IRAP
        at = data.find(_START, at + len(_START))
    return False
