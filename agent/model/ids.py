"""Identifiers that leave the box: they carry no patient data (STD 7.2).

Guarantees: a recording id is a version 7 UUID (RFC 9562 section 5.7), so names sort by time and can be
made without asking anybody. Time and randomness are arguments.
"""

from __future__ import annotations

import re
from typing import NewType
from uuid import UUID

RecordingId = NewType("RecordingId", str)
ChannelId = NewType("ChannelId", str)

CHANNEL_PATTERN = r"^[a-z][a-z0-9-]{0,15}$"
BOX_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_uuid7(wall_ns: int, random_10: bytes) -> str:
    """A version 7 UUID from a wall time in nanoseconds and ten random bytes."""
    if len(random_10) != 10:
        raise ValueError("ten random bytes are needed")
    value = (wall_ns // 1_000_000 & (1 << 48) - 1) << 80 | int.from_bytes(random_10, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def is_uuid7(text: str) -> bool:
    """True for the exact spelling that `new_uuid7` gives: lower case, version 7."""
    return _UUID7.fullmatch(text) is not None


def is_recording_id(text: str) -> bool:
    """True for the spelling of a recording's id, which is a version 7 UUID."""
    return is_uuid7(text)
