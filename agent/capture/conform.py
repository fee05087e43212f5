"""The stage between an opened source and the recorder that makes a stream conform, where that may be done.

Guarantees: a source like any other (`agent.model.ports.source`): what conforms comes through untouched; what
doesn't is decoded and encoded once, to the plan of `conform_plan.py`, each picture with the time and the
arrival of its own packet. What is measured decides, at every key frame; what is declared does until then.
Every picture that came is handed out or counted (`DeliveredCounts`); when encoding is too slow, pictures are
left out before it. A stream that changes in between begins anew with a key frame (`Captured.begins`).

Raises what the source raises, after the pictures that are still inside; `Retry` `source.garbage` for a source
of which nothing can be decoded, `Retry` `source.encoder`, and `Refuse` `source.codec` for pictures too small
to be encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.capture.bitstream import picture_size
from agent.capture.conform_plan import LONGEST_GOP_S, UNCODED, Delivered, make_plan, may_pass
from agent.capture.measure import Meter
from agent.capture.pacing import Counts, Load
from agent.model.errors import AgentError, Refuse, Retry
from agent.model.media import Captured, Conformed, DeliveredCounts, StreamFacts
from agent.model.ports.clock import Clock
from agent.model.ports.source import Source
from agent.model.spec import CollectionSpec, OnNonconforming
from agent.model.times import NS_PER_S

if TYPE_CHECKING:
    from agent.capture.reencoder import Reencoder

_WINDOW_NS = 2_200_000_000
_RATE_KNOWN_NS = 2 * NS_PER_S


def conformed(source: Source, spec: CollectionSpec, clock: Clock, *, live: bool) -> Source:
    """`source` itself when nothing may be done to it. Not `live`: pictures wait for the encoder."""
    if source.facts.codec not in UNCODED and spec.on_nonconforming is not OnNonconforming.CONFORM:
        return source
    return ConformedSource(source, spec, clock, live=live)


class ConformedSource:
    """Implements the source port. One thread, as the source that it is put around."""

    def __init__(self, source: Source, spec: CollectionSpec, clock: Clock, *, live: bool) -> None:
        self._source = source
        self._spec = spec
        self._clock = clock
        self._load = Load() if live else None
        facts = source.facts
        self._stands_alone = facts.codec in UNCODED
        self._tick_ns = facts.time_base * NS_PER_S
        self._comes = Delivered(
            codec=facts.codec, width=facts.width, height=facts.height, rate=facts.declared_rate
        )
        self._note_parameters(facts.extradata)
        self._plan = make_plan(spec, self._comes)
        self._work: Reencoder | None = None
        self._begins = False
        self._planned_ns: int | None = None
        self._failed: frozenset[str] = frozenset()
        gap_ns = round(spec.gap_max_s * NS_PER_S)
        self._recent = Meter(spec.rate, min(gap_ns, NS_PER_S))
        self._came = Meter(spec.rate, gap_ns)
        self._counts = Counts()

    @property
    def facts(self) -> StreamFacts:
        """Of what is handed out."""
        facts, plan = self._source.facts, self._plan
        if plan is None:
            return facts
        return replace(
            facts,
            codec=plan.codec,
            width=plan.width,
            height=plan.height,
            declared_rate=plan.keep_rate or facts.declared_rate,
            extradata=b"",
        )

    @property
    def template(self) -> object:
        """The source's own, or the encoder's, which is there when a packet has come out of it."""
        return self._source.template if self._work is None else self._work.encoder.template

    @property
    def conformed(self) -> Conformed | None:
        """What is done to the stream now; None while it is recorded as it comes."""
        return None if self._work is None else self._work.conformed

    @property
    def dropped(self) -> int:
        """Pictures left out for want of time since `take_counts`."""
        return self._counts.dropped

    def take_counts(self) -> DeliveredCounts:
        """What came since the last call."""
        came, counts = self._came.snapshot(), self._counts
        told = DeliveredCounts(
            frames=came.frames,
            rate=came.rate,
            bitrate_bps=came.bitrate_bps,
            left_out=counts.left_out,
            undecoded=counts.undecoded,
            dropped=counts.dropped,
        )
        self._came.reset()
        counts.left_out = counts.undecoded = counts.dropped = 0
        return told

    def packets(self) -> Iterator[Captured]:
        packets = self._source.packets()
        failure: AgentError | None = None
        while True:
            try:
                captured = next(packets, None)
            except AgentError as error:
                failure = error
                break
            if captured is None:
                break
            began_ns = self._clock.mono_ns()
            yield from self._pass(captured)
            if self._load is not None:
                self._load.took(self._clock.mono_ns() - began_ns)
        try:
            yield from self._drained()
        except AgentError as error:
            failure = failure or error
        if failure is not None:
            raise failure

    def close(self) -> None:
        self._source.close()

    def _pass(self, captured: Captured) -> Iterator[Captured]:
        at_ns = captured.dts * self._tick_ns.numerator // self._tick_ns.denominator
        for meter in (self._recent, self._came):
            meter.add(captured.arrived_ns, at_ns, captured.is_key, captured.size)
        self._recent.keep_last(_WINDOW_NS)
        if self._load is not None:
            self._load.arrives(at_ns)
        if captured.is_key and self._is_planning_due(at_ns):
            if not self._stands_alone:
                self._note_parameters(bytes(captured.packet))
            self._note_rate()
            yield from self._replanned()
        if self._plan is None and may_pass(self._spec, self._comes):
            yield from self._marked((captured,))
        else:
            yield from self._encoded(captured)

    def _is_planning_due(self, at_ns: int) -> bool:
        """Where every picture is a key frame, not at every one."""
        is_due = self._planned_ns is None or at_ns - self._planned_ns >= LONGEST_GOP_S * NS_PER_S
        if is_due:
            self._planned_ns = at_ns
        return is_due or not self._stands_alone

    def _note_parameters(self, data: bytes) -> None:
        """Size and pixel aspect as the stream itself says them."""
        said = picture_size(self._comes.codec, data)
        if said is not None:
            self._comes = replace(
                self._comes,
                width=said.width,
                height=said.height,
                interlaced=bool(said.interlaced),
                pixel_aspect=said.sar,
            )

    def _note_rate(self) -> None:
        recent = self._recent.snapshot()
        if recent.duration_ns >= _RATE_KNOWN_NS and recent.rate > 0:
            self._comes = replace(self._comes, rate=recent.rate)

    def _replanned(self) -> Iterator[Captured]:
        """Decides anew; what is inside comes out before another plan begins."""
        slowed = self._plan is not None and self._plan.keep_rate is not None
        plan = make_plan(self._spec, self._comes, slowed=slowed)
        if plan != self._plan:
            yield from self._drained()
            self._plan, self._begins = plan, True

    def _encoded(self, captured: Captured) -> Iterator[Captured]:
        # Here and not above: a channel that records what comes shall not carry decoders and encoders.
        from agent.capture.reencoder import SizeChanged

        try:
            yield from self._marked(self._at_work().take(captured))
        except SizeChanged as changed:
            self._comes = replace(self._comes, width=changed.width, height=changed.height)
            yield from self._replanned()
            yield from self._marked(self._at_work().take(captured))
        except Retry as error:
            work = self._work
            if error.code != "source.encoder" or work is None or work.encoder.is_software:
                raise
            # The hardware has failed in the middle: another encoder goes on with the next key frame.
            self._failed |= {work.encoder.name}
            self._counts.dropped += work.lost()
            self._work, self._begins = None, True

    def _at_work(self) -> Reencoder:
        if self._work is None:
            from agent.capture.reencoder import Reencoder

            if self._plan is None:
                raise Refuse(
                    "source.codec",
                    f"pictures of {self._comes.width}x{self._comes.height} pixels can't be encoded",
                    "set the device to a larger size",
                )
            self._work = Reencoder(
                self._plan,
                self._comes,
                self._source.facts,
                self._source.template,
                counts=self._counts,
                load=self._load,
                failed=self._failed,
            )
        return self._work

    def _drained(self) -> Iterator[Captured]:
        work = self._work
        if work is not None:
            yield from self._marked(work.drain())
            self._work = None

    def _marked(self, ready: Iterable[Captured]) -> Iterator[Captured]:
        for captured in ready:
            begins, self._begins = self._begins, False
            yield replace(captured, begins=True) if begins else captured
