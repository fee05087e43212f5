"""Where one segment ends and the next begins (design: Gaps and time).

Guarantees: pure; every frame gets exactly one decision; a segment begins with a key frame, and from the
first key frame on every frame belongs to a segment: a cut makes its own frame the first of the next
segment, so no frame is lost by it. Segments are cut only at key frames; what is noticed between two
(clock step, lost source) waits for the next. The reason of a cut is the first that holds of: size
change, source lost, clock step, length.

A source that sends no key frame can't be cut: its segment grows until the channel stops it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.capture.measure import BACKWARDS_NS
from agent.model.media import CutReason
from agent.model.times import NS_PER_S

# A longer jump forward in timestamps, or silence, is a source that went away and came back.
LOST_AFTER_NS = 10 * NS_PER_S
CLOCK_STEP_LIMIT_NS = NS_PER_S // 2


class Action(StrEnum):
    """What to do with the frame that was asked about."""

    WAIT_FOR_KEY = "wait-for-key"
    START = "start"
    CONTINUE = "continue"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is set for `CUT` only and says why the segment before this frame ends."""

    action: Action
    reason: CutReason | None = None


WAIT_FOR_KEY = Decision(Action.WAIT_FOR_KEY)
START = Decision(Action.START)
CONTINUE = Decision(Action.CONTINUE)


class Segmenter:
    """Decides frame by frame. Segments are at least `segment_ns` of media long, unless there is a reason.

    `clock_step_limit_ns` is how far the wall clock may move against the monotonic one within a segment:
    its times stay right to that limit, whether the clock was stepped or slewed.
    """

    def __init__(self, segment_ns: int, clock_step_limit_ns: int = CLOCK_STEP_LIMIT_NS) -> None:
        if segment_ns <= 0 or clock_step_limit_ns <= 0:
            raise ValueError("the segment length and the clock step limit must be positive")
        self._segment_ns = segment_ns
        self._clock_step_limit_ns = clock_step_limit_ns
        self._waited = 0
        self.restart()

    @property
    def waited(self) -> int:
        """Frames dropped so far because no key frame had come yet."""
        return self._waited

    def restart(self) -> None:
        """The source was opened again or the segment was closed: wait for a key frame to start."""
        self._running = False
        self._source_lost = False
        self._clock_stepped = False
        self._size: tuple[int, int] | None = None
        self._start_dts_ns = self._last_dts_ns = 0
        self._start_arrived_ns = self._last_arrived_ns = 0
        self._wall_minus_mono_ns = 0

    def decide(
        self,
        captured_is_key: bool,
        dts_ns: int,
        arrived_ns: int,
        size: tuple[int, int] | None,
        wall_minus_mono_ns: int,
    ) -> Decision:
        """What to do with this frame. `size` comes from a key frame's parameter sets, None if it has none."""
        if not self._running:
            if not captured_is_key:
                self._waited += 1
                return WAIT_FOR_KEY
            self._running = True
            self._begin(dts_ns, arrived_ns, size, wall_minus_mono_ns)
            return START
        self._notice(dts_ns, arrived_ns, wall_minus_mono_ns)
        if not captured_is_key:
            return CONTINUE
        reason = self._reason(dts_ns, arrived_ns, size)
        if reason is not None:
            self._begin(dts_ns, arrived_ns, size, wall_minus_mono_ns)
            return Decision(Action.CUT, reason)
        self._size = size or self._size
        return CONTINUE

    def _begin(self, dts_ns: int, arrived_ns: int, size: tuple[int, int] | None, offset_ns: int) -> None:
        self._source_lost = self._clock_stepped = False
        self._size = size or self._size
        self._start_dts_ns = self._last_dts_ns = dts_ns
        self._start_arrived_ns = self._last_arrived_ns = arrived_ns
        self._wall_minus_mono_ns = offset_ns

    def _notice(self, dts_ns: int, arrived_ns: int, offset_ns: int) -> None:
        """Remember until the next key frame what makes a cut necessary."""
        step = dts_ns - self._last_dts_ns
        silence = arrived_ns - self._last_arrived_ns
        if not -BACKWARDS_NS <= step <= LOST_AFTER_NS or silence > LOST_AFTER_NS:
            self._source_lost = True
        if abs(offset_ns - self._wall_minus_mono_ns) > self._clock_step_limit_ns:
            self._clock_stepped = True
        self._last_dts_ns = dts_ns
        self._last_arrived_ns = arrived_ns

    def _reason(self, dts_ns: int, arrived_ns: int, size: tuple[int, int] | None) -> CutReason | None:
        if size is not None and self._size is not None and size != self._size:
            return CutReason.SIZE_CHANGE
        if self._source_lost:
            return CutReason.SOURCE_LOST
        if self._clock_stepped:
            return CutReason.CLOCK_STEP
        # Arrivals are the backstop for timestamps that stand still; a burst or stall must not cut early.
        is_long = dts_ns - self._start_dts_ns >= self._segment_ns
        if is_long or arrived_ns - self._start_arrived_ns >= 2 * self._segment_ns:
            return CutReason.LENGTH
        return None
