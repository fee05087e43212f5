"""Exit codes (docs/formats/exit-codes.md)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a verb's end means to a script."""

    OK = 0
    FAILED = 1
    INCOMPLETE = 2
    TRUNCATED = 3
    UNWITNESSED = 4
    USAGE = 64
    UNAVAILABLE = 69
    INTEGRITY = 74
    CONFIG = 78
