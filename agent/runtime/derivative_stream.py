"""From coded packets of the original to coded packets of its derivative: decode, mask, encode.

Guarantees: a picture reaches the encoder only out of a `LiveMasker`; after a hole, another size or a packet
that can't be decoded nothing of before is trusted; every picture that came is given out or counted. Packets
keep the pts and the arrival of their pictures. Leaves out recording (`derivative_process.py`). Raises
`Retry` `source.encoder` and `Refuse` `deid.size`. One thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from agent.capture.conform_plan import ConformPlan, Delivered, encoders, make_plan
from agent.capture.encoder import Encoder
from agent.deid.faces import FaceDetector
from agent.deid.live import LiveMasker, Masked, TextWatch
from agent.deid.live_decoder import Decoded, LiveDecoder
from agent.deid.text_rules import DeviceText, text_duty
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.model.errors import Refuse
from agent.model.media import Captured, StreamFacts
from agent.model.spec import Codec, CollectionSpec
from agent.model.times import NS_PER_S
from agent.runtime.derivative_handover import Coded, StreamTold
from agent.runtime.derivative_pace import Pace
from agent.runtime.derivative_tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectors:
    """`text` gives, for a size and a rate, what watches for text; None when the policy wants none found."""

    faces: FaceDetector
    text: Callable[[tuple[int, int], Fraction], TextWatch] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One packet of the derivative, and what was done to its picture."""

    captured: Captured
    masked: Masked
    at_ns: int


class DerivedStream:
    """One opening of the original's source. Implements what a recorder asks of a source.

    `spec` is the derivative's; `device` is what is known of the device's writing, None without a profile.
    """

    def __init__(
        self,
        told: StreamTold,
        *,
        policy: DeidPolicy,
        spec: CollectionSpec,
        detectors: Detectors,
        device: DeviceText | None,
        tally: Tally,
    ) -> None:
        self._told = told
        self._policy = policy
        self._spec = replace(spec, codecs=(Codec.H264,))
        self._detectors = detectors
        self._device = device
        self._tally = tally
        self._rate = told.rate or spec.rate
        self._tick_ns = told.time_base * NS_PER_S
        self._pace = Pace()
        self._decoder: LiveDecoder | None = None
        self._masker: LiveMasker | None = None
        self._encoder: Encoder | None = None
        self._size: tuple[int, int] | None = None
        self._plan: ConformPlan | None = None
        self._begins = False
        self._last_pts: int | None = None
        # None: what was left out before this stream was followed is none of its frames.
        self._left_out: int | None = None

    @property
    def facts(self) -> StreamFacts:
        """Of what is given out."""
        plan = self._plan
        return StreamFacts(
            codec=Codec.H264,
            width=self._told.width if plan is None else plan.width,
            height=self._told.height if plan is None else plan.height,
            time_base=self._told.time_base,
            declared_rate=self._rate,
            has_audio=False,
            extradata=b"",
        )

    @property
    def template(self) -> object:
        """The encoder's, once a packet has come out of it."""
        if self._encoder is None:
            raise RuntimeError("nothing has been encoded yet")
        return self._encoder.template

    def packets(self) -> Iterator[Captured]:
        """Nothing: its packets come out of `take` and `drain`."""
        return iter(())

    def close(self) -> None:
        """There is nothing to let go of."""

    def missed(self) -> Iterator[Made]:
        """Something before the next key frame is missing: what is known so far is finished."""
        self._decoder = None
        yield from self._unmask()

    def take(self, coded: Coded, late_ns: int) -> Iterator[Made]:
        """One packet, taken `late_ns` after it arrived."""
        before, self._left_out = self._left_out, coded.left_out
        self._tally.lost(0 if before is None else max(0, coded.left_out - before))
        self._pace.late(late_ns)
        if self._pace.is_hopeless or (self._decoder is None and not coded.is_key):
            if self._decoder is not None:
                yield from self.missed()
            self._tally.lost(1)
            return
        if self._decoder is None:
            self._decoder = LiveDecoder(self._told.codec, self._told.extradata)
        for came in self._decoder.decode(
            coded.data, coded.pts, coded.dts, self._told.time_base, coded.arrived_ns
        ):
            yield from self._mask(came)

    def drain(self) -> Iterator[Made]:
        """All that is still inside; nothing may be taken afterwards."""
        decoder, self._decoder = self._decoder, None
        for came in () if decoder is None else decoder.drain():
            yield from self._mask(came)
        yield from self._unmask()

    def _mask(self, came: Decoded) -> Iterator[Made]:
        if came.frame is not None and (came.frame.width, came.frame.height) != self._size:
            yield from self._unmask()
            self._resize((came.frame.width, came.frame.height))
        if self._size is None:  # not a single picture yet: nobody knows how large a filled one would be
            self._tally.lost(1)
            return
        if self._masker is None:
            self._masker = self._new_masker(self._size)
        yield from self._encoded(self._masker.take(came, keep=self._pace.keeps_next()))

    def _unmask(self) -> Iterator[Made]:
        masker, self._masker = self._masker, None
        if masker is not None:
            yield from self._encoded(masker.finish())

    def _resize(self, size: tuple[int, int]) -> None:
        width, height = size
        comes = Delivered(codec=Codec.RAW, width=width, height=height, rate=None)
        plan = make_plan(self._spec, comes)
        if plan is None or width % 2 or height % 2:
            raise Refuse(
                "deid.size",
                f"pictures of {width}x{height} pixels can't be masked: their sides must be even and not tiny",
                "set the device to another size",
            )
        self._begins = self._encoder is not None
        self._size, self._plan = size, plan
        # Software: what hardware there is belongs to the original.
        hardware = frozenset(encoders(Codec.H264)[:-1])
        self._encoder = Encoder(plan, self._rate, self._told.time_base, hardware)

    def _new_masker(self, size: tuple[int, int]) -> LiveMasker:
        duty = text_duty(self._policy, self._device, size)
        watch = self._detectors.text if duty.find else None
        return LiveMasker(
            self._policy,
            self._detectors.faces,
            size=size,
            rate=self._rate,
            zones=duty.zones if duty.known else None,
            text=None if watch is None else watch(size, self._rate),
        )

    def _encoded(self, pictures: Iterable[Masked]) -> Iterator[Made]:
        for masked in pictures:
            at_ns = masked.pts * self._tick_ns.numerator // self._tick_ns.denominator
            is_late = self._last_pts is not None and masked.pts <= self._last_pts
            if masked.frame is None or is_late or self._encoder is None:
                self._tally.left_out(masked, at_ns)
                continue
            self._last_pts = masked.pts
            for packet in self._encoder.encode(masked.frame, masked.pts):
                begins, self._begins = self._begins, False
                captured = Captured(
                    packet,
                    masked.arrived_ns,
                    masked.pts,
                    masked.pts,
                    packet.is_keyframe,
                    packet.size,
                    begins=begins,
                )
                yield Made(captured=captured, masked=masked, at_ns=at_ns)
