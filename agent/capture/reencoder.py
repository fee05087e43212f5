"""Decodes and encodes one stream to one plan: packets in, packets out.

Guarantees: every packet given comes out as a picture or is counted; a picture keeps the pts and the arrival
of its own packet, and stepped clocks are told with the next one; what is left out for the rate or for the
load is left out before the work. The caller begins with a key frame, makes another one for another plan, and
calls `drain` at the end. Raises `Retry` `source.garbage` and `source.encoder`, and `SizeChanged`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.capture.conform_plan import UNCODED, ConformPlan, Delivered
from agent.capture.decoder import Decoder
from agent.capture.encoder import Encoder
from agent.capture.pacing import Counts, Decimator, Load
from agent.model.errors import Retry
from agent.model.media import Captured, Conformed, PixelArea, StreamFacts
from agent.model.times import NS_PER_S

# So many packets in a row without a picture: two seconds of a usual camera.
GARBAGE = 50
# A decoder that reorders holds back at most 16 pictures (H.264 A.3.1, H.265 A.4); older ones never come.
_HELD_BACK = 32


class SizeChanged(Exception):
    """A picture that stands for itself has another size than the plan is for. It has not been taken."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width, height)
        self.width, self.height = width, height


class Reencoder:
    """One plan, from one key frame on. `load` None: there is time for everything."""

    def __init__(
        self,
        plan: ConformPlan,
        comes: Delivered,
        facts: StreamFacts,
        template: object,
        *,
        counts: Counts,
        load: Load | None,
        failed: frozenset[str] = frozenset(),
    ) -> None:
        """`facts` and `template` are the source's; encoders in `failed` are not tried."""
        self._plan = plan
        self._comes = comes
        self._facts = facts
        self._template = template
        self._counts = counts
        self._load = load
        self._stands_alone = facts.codec in UNCODED
        self._tick_ns = facts.time_base * NS_PER_S
        rate = plan.keep_rate or comes.rate or plan.nominal_rate
        self.encoder = Encoder(plan, rate, facts.time_base, failed)
        self._decimator = None if plan.keep_rate is None else Decimator(plan.keep_rate)
        self._decoder: Decoder | None = None
        self._decoding: dict[int, Captured] = {}
        self._encoding: dict[int, Captured] = {}
        self._without_picture = 0
        self._stepped = 0
        self._left_out = 0
        self._last_arrived_ns = 0

    @property
    def conformed(self) -> Conformed:
        """What is done, for whoever reads the recording."""
        crop, comes = self._plan.crop, self._comes
        return Conformed(
            changes=self._plan.changes,
            codec=comes.codec,
            width=comes.width,
            height=comes.height,
            region=None if crop == PixelArea(0, 0, comes.width, comes.height) else crop,
            encoder=self.encoder.name,
        )

    def take(self, captured: Captured) -> Iterable[Captured]:
        """What comes out for one packet; its own picture may come with a later one."""
        if self._stands_alone:
            return self._take_picture(captured)
        self._stepped += captured.stepped
        return self._take_coded(captured)

    def drain(self) -> Iterable[Captured]:
        """What is still inside; nothing may be given afterwards."""
        decoder, self._decoder = self._decoder, None
        ready: list[Captured] = []
        if decoder is not None:
            for frame in decoder.drain():
                ready += self._shown(frame)
        ready += self._out(self.encoder.drain())
        self._counts.undecoded += self._forget()
        return ready

    def lost(self) -> int:
        """How many pictures are inside, when the encoder has failed and they can't come out."""
        return self._forget() + len(self._encoding)

    def _take_picture(self, captured: Captured) -> Iterable[Captured]:
        """Raw or JPEG: what is not wanted is not even decoded."""
        if not (self._is_wanted(captured.pts) and self._is_time()):
            self._stepped += captured.stepped
            return ()
        frames = self._decode(captured)
        for frame in frames:
            if (frame.width, frame.height) != (self._comes.width, self._comes.height):
                self._decoding.pop(captured.pts, None)
                raise SizeChanged(frame.width, frame.height)
        self._stepped += captured.stepped
        return [out for frame in frames for out in self._encode(frame, captured)]

    def _take_coded(self, captured: Captured) -> Iterable[Captured]:
        if self._load is not None and self._load.is_hopeless:
            # Goes on with the next key frame that there is time for.
            self._decoder = None
            self._counts.dropped += 1 + self._forget()
            return ()
        if self._decoder is None and not captured.is_key:
            self._counts.dropped += 1
            return ()
        return [out for frame in self._decode(captured) for out in self._shown(frame)]

    def _shown(self, frame: VideoFrame) -> Iterable[Captured]:
        """A decoded picture of a stream that refers from one to the other."""
        captured = None if frame.pts is None else self._decoding.pop(frame.pts, None)
        if captured is None:
            return ()  # a second picture for one packet: nothing was promised of it
        if (frame.width, frame.height) != (self._comes.width, self._comes.height):
            self._counts.undecoded += 1  # not the size that the stream says of itself
            return ()
        if not (self._is_wanted(captured.pts) and self._is_time()):
            return ()
        return self._encode(frame, captured)

    def _is_wanted(self, pts: int) -> bool:
        at_ns = pts * self._tick_ns.numerator // self._tick_ns.denominator
        if self._decimator is None or self._decimator.keeps(at_ns):
            return True
        self._counts.left_out += 1
        self._left_out += 1
        return False

    def _is_time(self) -> bool:
        if self._load is None or not self._load.is_busy:
            return True
        self._counts.dropped += 1
        return False

    def _decode(self, captured: Captured) -> Iterable[VideoFrame]:
        if self._decoder is None:
            self._decoder = Decoder(self._facts, self._template)
        self._decoding[captured.pts] = captured
        frames = self._decoder.decode(captured)
        if frames:
            self._without_picture = 0
        if frames is None:
            self._decoding.pop(captured.pts, None)
            self._count_undecoded()
        elif len(self._decoding) > _HELD_BACK:
            self._decoding.pop(next(iter(self._decoding)))
            self._count_undecoded()
        return frames or ()

    def _count_undecoded(self) -> None:
        self._counts.undecoded += 1
        self._without_picture += 1
        if self._without_picture >= GARBAGE:
            raise Retry(
                "source.garbage",
                f"what the source sends can't be decoded: {GARBAGE} pictures in a row",
                "check the device's cable and firmware; it is opened again by itself",
                after_s=10.0,
            )

    def _forget(self) -> int:
        """Lets go of the packets that are in the decoder; how many."""
        forgotten = len(self._decoding)
        self._decoding.clear()
        return forgotten

    def _encode(self, frame: VideoFrame, captured: Captured) -> Iterable[Captured]:
        self._decoding.pop(captured.pts, None)
        self._encoding[captured.pts] = captured
        return self._out(self.encoder.encode(frame, captured.pts))

    def _out(self, packets: Iterable[Packet[VideoStream]]) -> Iterable[Captured]:
        return [self._captured(packet) for packet in packets]

    def _captured(self, packet: Packet[VideoStream]) -> Captured:
        pts = packet.pts or 0
        before = self._encoding.pop(pts)
        # Shown in another order than sent: arrivals must not run backwards.
        self._last_arrived_ns = max(self._last_arrived_ns, before.arrived_ns)
        stepped, self._stepped = self._stepped, 0
        left_out, self._left_out = self._left_out, 0
        return replace(
            before,
            packet=packet,
            arrived_ns=self._last_arrived_ns,
            dts=pts,
            is_key=packet.is_keyframe,
            size=packet.size,
            stepped=stepped,
            left_out=left_out,
        )
