"""Films as a channel process sees them, through a real hand-over, and what a derivative made of them.

Guarantees: packets come out of the real file driver, and pictures out of FFmpeg's decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from agent.deid.live import Masked, TextWatch
from agent.deid.text_rules import DeviceText
from agent.device.drivers import open_source
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.model.media import Captured
from agent.model.ports.clock import Clock
from agent.model.ports.source import Source
from agent.model.source_settings import FileSettings, Pace
from agent.model.spec import CollectionSpec
from agent.runtime.derivative_config import derived_spec
from agent.runtime.derivative_handover import Coded, Feed, StreamTold, Tap, media_pair
from agent.runtime.derivative_stream import DerivedStream, Detectors, Made
from agent.runtime.derivative_tally import Tally
from tests.fakes.clock import FakeClock
from tests.fakes.face_films import SIZE, RedDetector, policy

SPEC = derived_spec(CollectionSpec(width=SIZE[0], height=SIZE[1], rate=Fraction(25)))
POLICY = """\
format = "edgeward-deid-policy-v1"
id = "test"
version = 1
purpose = "general"
detector = "live"
users = ["teacher"]
text = false
text_absent = "drawn by a test"

[approved]
by = "data protection officer"
on = 2026-11-02
reference = "DPO-2026-17"

[mask]
kind = "fill"

[hold]
before_s = 0.4
after_s = 0.4
start_s = 1.0
"""
LIVE = policy(POLICY)


def film_packets(path: Path, clock: Clock | None = None) -> tuple[Source, list[Captured]]:
    """The open source and all of its packets, which arrive from now on at the film's pace."""
    source = open_source(FileSettings(path=str(path), pace=Pace.FAST), clock or FakeClock())
    return source, list(source.packets())


def handed(path: Path, opening: str = "one") -> list[StreamTold | Coded]:
    """What the other end of a hand-over gets of a film."""
    source, packets = film_packets(path)
    ours, theirs = media_pair()
    tap, feed = Tap(ours, lambda: opening), Feed(theirs)
    tap.opened(source)
    got: list[StreamTold | Coded] = []
    with ours, theirs:
        for captured in packets:
            tap.take(captured)
            got += all_of(feed)
    source.close()
    return got


def all_of(feed: Feed) -> Iterator[StreamTold | Coded]:
    """What is there."""
    while (message := feed.receive(0)) is not None:
        yield message


def facts_and_packets(messages: Iterable[StreamTold | Coded]) -> tuple[StreamTold, list[Coded]]:
    told = [message for message in messages if isinstance(message, StreamTold)]
    return told[0], [message for message in messages if isinstance(message, Coded)]


class Derived:
    """A derivative's stream over a film, packet by packet."""

    def __init__(
        self,
        told: StreamTold,
        detector: RedDetector,
        *,
        chosen: DeidPolicy = LIVE,
        device: DeviceText | None = None,
        spec: CollectionSpec = SPEC,
        watch: TextWatch | None = None,
    ) -> None:
        self.tally = Tally()
        self.stream = DerivedStream(
            told,
            policy=chosen,
            spec=spec,
            detectors=Detectors(faces=detector, text=None if watch is None else lambda _size, _rate: watch),
            device=device,
            tally=self.tally,
        )
        self.made: list[Made] = []

    def take(
        self, packets: Iterable[Coded], late_ns: int | Callable[[Coded], int] = 0, *, drain: bool = True
    ) -> Derived:
        for coded in packets:
            self._note(self.stream.take(coded, late_ns if isinstance(late_ns, int) else late_ns(coded)))
        if drain:
            self._note(self.stream.drain())
        return self

    def missed(self) -> Derived:
        self._note(self.stream.missed())
        return self

    def _note(self, made: Iterable[Made]) -> None:
        for one in made:
            self.made.append(one)
            self.tally.shown(one.masked, one.at_ns)

    @property
    def masked(self) -> list[Masked]:
        return [one.masked for one in self.made]

    def pictures(self) -> list[NDArray[np.uint8]]:
        """The samples of each picture as a player gets them."""
        return pictures_of(one.captured for one in self.made)


def pictures_of(packets: Iterable[Captured]) -> list[NDArray[np.uint8]]:
    """Decoded anew at each `begins`, as from one segment to the next."""
    found: list[NDArray[np.uint8]] = []
    context: VideoCodecContext | None = None
    for captured in packets:
        if context is None or captured.begins:
            found += _decoded(context, None)
            made = av.CodecContext.create("h264", "r")
            assert isinstance(made, VideoCodecContext)
            context = made
        found += _decoded(context, av.Packet(bytes(captured.packet)))
    return found + _decoded(context, None)


def _decoded(
    context: VideoCodecContext | None,
    packet: av.Packet | None,  # type: ignore[type-arg]  # of any stream
) -> list[NDArray[np.uint8]]:
    if context is None:
        return []
    return [frame.to_ndarray(format="yuv420p").astype(np.uint8) for frame in context.decode(packet)]


def broken(coded: Coded) -> Coded:
    """The packet with its slice data overwritten, as a bad cable would."""
    return replace(coded, data=coded.data[:12] + bytes(0x5A for _ in coded.data[12:]))
