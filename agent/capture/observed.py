"""What was observed of a segment, as the rules see it.

Guarantees: measured facts only, never declared ones; 0 or None stands for "could not be measured".
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.capture.measure import Measurement
from agent.model.spec import Codec
from agent.model.times import NS_PER_S

# Rates over less video than this say more about where the segment was cut than about the source: one
# frame more or less in 2 s at 25 Hz is 2 %, and one key frame can be half of a segment's bytes. Such
# segments get no finding on rates. Everything else is judged at any length.
SHORTEST_JUDGED_NS = 2 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One segment's facts. Width and height come from the bitstream; 0 when it can't be read."""

    width: int
    height: int
    codec: Codec | None
    has_audio_in_output: bool
    measurement: Measurement
