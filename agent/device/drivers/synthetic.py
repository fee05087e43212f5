"""A camera that does not exist: a generated picture with scripted faults, for demos and tests.

Guarantees: picture n is due at start + n / rate exactly (fractions, no drift) and none is left out unless
the script says so; key frames carry their parameter sets; silence and total loss raise `source.stalled`
after 1.8 s without a packet. With `fast` pace nothing sleeps and arrivals are simulated. The script
starts anew each time the source is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from threading import Event

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.device.drivers.demux import detached, facts_of
from agent.device.drivers.picture import CARDS, Painter, Plane
from agent.model.errors import Refuse, Retry
from agent.model.media import Captured, StreamFacts
from agent.model.ports.clock import Clock
from agent.model.source_settings import Fault, FaultKind, Pace, SyntheticSettings
from agent.model.times import NS_PER_S, rfc3339

_TIME_BASE = Fraction(1, 90_000)
_STALL_S = Fraction(9, 5)
_HIGHEST_RATE = 240
_LONGEST_JUMP_S = 86_400
# What a fault without a value does.
_DUPLICATE_EVERY = "5"
_SPREAD = "10"
_CARD = "blue"


def open_source(settings: SyntheticSettings, clock: Clock) -> SyntheticSource:
    """Checks the settings and encodes one picture to learn the parameter sets."""
    return SyntheticSource(settings, clock)


class SyntheticSource:
    """Implements the source port. `sleep` is how a real-time source waits."""

    def __init__(
        self, settings: SyntheticSettings, clock: Clock, sleep: Callable[[float], object] | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._stopped = Event()
        self._sleep = sleep or self._stopped.wait
        self._last_picture: Plane | None = None
        self._sizes = _checked(settings)
        with av.open(BytesIO(self._sample()), "r", format="h264") as container:
            video = container.streams.video[0]
            declared = facts_of(video, has_audio=False)
            self._template = detached(video)
        self._facts = StreamFacts(
            codec=declared.codec,
            width=settings.width,
            height=settings.height,
            time_base=_TIME_BASE,
            declared_rate=settings.rate,
            has_audio=any(fault.kind == FaultKind.AUDIO for fault in settings.script),
            extradata=declared.extradata,
        )

    @property
    def facts(self) -> StreamFacts:
        return self._facts

    @property
    def template(self) -> object:
        return self._template

    def packets(self) -> Iterator[Captured]:
        start = self._clock.now()
        real_time = self._settings.pace == Pace.REAL_TIME
        encoder = _Encoder(self._settings, (self._settings.width, self._settings.height))
        last_sent = Fraction(0)
        jumped = 0
        for number, at in self._schedule():
            offset_ns = int(at * NS_PER_S)
            arrived_ns = start.mono_ns + offset_ns
            if real_time:
                self._wait_until(arrived_ns)
                arrived_ns = max(arrived_ns, self._clock.mono_ns())
            if self._stopped.is_set():
                return
            if self._active(FaultKind.SILENCE, at) is None:
                size = self._size_at(at)
                if size != encoder.size:
                    encoder = _Encoder(self._settings, size)
                wall_ns = self._clock.now().wall_ns if real_time else start.wall_ns + offset_ns
                packet = encoder.encode(self._picture(encoder.painter, number, at, wall_ns), at)
                if not self._lost(number, at):
                    last_sent = at
                    jump = self._jump(at)
                    # A jump back is bridged, as drivers of real cameras do: told, and times go on growing.
                    stepped = jump if jump < 0 and jump != jumped else 0
                    jumped = jump
                    yield _captured(packet, arrived_ns, max(0, jump), stepped)
                    continue
            if at - last_sent >= _STALL_S:
                raise _stalled()

    def close(self) -> None:
        self._stopped.set()

    def _schedule(self) -> Iterator[tuple[int, Fraction]]:
        """Picture numbers and when they are due, in seconds of media time."""
        at = Fraction(0)
        number = 0
        end = None if self._settings.seconds is None else Fraction(self._settings.seconds)
        while end is None or at < end:
            yield number, at
            number += 1
            fault = self._active(FaultKind.RATE_CHANGE, at)
            at += 1 / (Fraction(fault.value or "0") if fault else self._settings.rate)

    def _wait_until(self, due_ns: int) -> None:
        wait_ns = due_ns - self._clock.mono_ns()
        if wait_ns > 0:
            self._sleep(wait_ns / NS_PER_S)

    def _active(self, kind: FaultKind, at: Fraction) -> Fault | None:
        return next(
            (f for f in self._settings.script if f.kind == kind and f.at_s <= at < f.at_s + f.for_s), None
        )

    def _size_at(self, at: Fraction) -> tuple[int, int]:
        fault = self._active(FaultKind.SIZE_CHANGE, at)
        return self._sizes[fault] if fault else (self._settings.width, self._settings.height)

    def _picture(self, painter: Painter, number: int, at: Fraction, wall_ns: int) -> Plane:
        if self._active(FaultKind.BLACK, at):
            return painter.black()
        if card := self._active(FaultKind.NO_SIGNAL, at):
            return painter.card(card.value or _CARD)
        if self._active(FaultKind.COVERED, at):
            return painter.covered(number)
        last = self._last_picture
        if last is not None and last.shape[1] == painter.width and self._repeats(number, at):
            return last
        self._last_picture = painter.picture(number, rfc3339(wall_ns)[:23])
        if defocus := self._active(FaultKind.DEFOCUS, at):
            self._last_picture = painter.defocused(self._last_picture, int(defocus.value or _SPREAD))
        return self._last_picture

    def _repeats(self, number: int, at: Fraction) -> bool:
        duplicate = self._active(FaultKind.DUPLICATE, at)
        is_duplicate = duplicate is not None and number % int(duplicate.value or _DUPLICATE_EVERY) == 0
        return is_duplicate or self._active(FaultKind.FREEZE, at) is not None

    def _jump(self, at: Fraction) -> int:
        """By how much the camera's clock is wrong, in units of the time base."""
        fault = self._active(FaultKind.CLOCK_JUMP, at)
        return 0 if fault is None else round(Fraction(fault.value or "0") / _TIME_BASE)

    def _lost(self, number: int, at: Fraction) -> bool:
        fault = self._active(FaultKind.LOSS, at)
        return fault is not None and number % int(fault.value or "1") == 0

    def _sample(self) -> bytes:
        encoder = _Encoder(self._settings, (self._settings.width, self._settings.height))
        return bytes(encoder.encode(encoder.painter.picture(0, ""), Fraction(0)))


class _Encoder:
    """x264 for one size: no look-ahead, no B-frames, every picture gives its packet at once."""

    def __init__(self, settings: SyntheticSettings, size: tuple[int, int]) -> None:
        self.size = size
        self.painter = Painter(*size)
        gop = str(max(1, round(settings.gop_s * settings.rate)))
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = size
        context.pix_fmt = "yuv420p"
        context.time_base = _TIME_BASE
        context.framerate = settings.rate
        context.bit_rate = settings.bitrate_bps
        context.thread_count = 1
        context.options = {
            "preset": "ultrafast", "tune": "zerolatency", "bf": "0", "g": gop, "sc_threshold": "0",
            "maxrate": str(settings.bitrate_bps), "bufsize": str(settings.bitrate_bps),
        }  # fmt: skip
        self._context = context

    def encode(self, picture: Plane, at: Fraction) -> Packet[VideoStream]:
        frame = VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = round(at / _TIME_BASE)
        frame.time_base = _TIME_BASE
        (packet,) = self._context.encode(frame)
        return packet


def _captured(packet: Packet[VideoStream], arrived_ns: int, shift: int, stepped: int) -> Captured:
    assert packet.pts is not None and packet.dts is not None
    pts, dts = packet.pts + shift, packet.dts + shift
    packet.pts, packet.dts = pts, dts
    return Captured(packet, arrived_ns, pts, dts, packet.is_keyframe, packet.size, stepped)


def _checked(settings: SyntheticSettings) -> dict[Fault, tuple[int, int]]:
    """The sizes of all size changes; `Refuse` when a setting makes no sense."""
    sizes: dict[Fault, tuple[int, int]] = {}
    try:
        _check_size(settings.width, settings.height)
        _check_rate(settings.rate)
        for fault in settings.script:
            if fault.kind == FaultKind.SIZE_CHANGE:
                width, height = (int(part) for part in (fault.value or "").split("x"))
                _check_size(width, height)
                sizes[fault] = (width, height)
            elif fault.kind == FaultKind.RATE_CHANGE:
                _check_rate(Fraction(fault.value or ""))
            else:
                _check_value(fault.kind, fault.value)
    except (ValueError, ZeroDivisionError) as error:
        raise Refuse(
            "source.settings",
            f"the synthetic source can't be set so: {error}",
            "use even sizes from 32x32 to 4096x4096, rates up to 240 and faults with a fitting value",
        ) from None
    return sizes


def _check_value(kind: FaultKind, value: str | None) -> None:
    if kind == FaultKind.LOSS and int(value or "1") < 1:
        raise ValueError("a loss drops one packet of 1 or more")
    if kind == FaultKind.DUPLICATE and int(value or _DUPLICATE_EVERY) < 2:
        raise ValueError("one picture of 2 or more is a duplicate")
    if kind == FaultKind.DEFOCUS and not 1 <= int(value or _SPREAD) <= 100:
        raise ValueError("a defocus spreads by 1 to 100 thousandths of the width")
    if kind == FaultKind.NO_SIGNAL and (value or _CARD) not in ("bars", *CARDS):
        raise ValueError("a card is blue, white or bars")
    if kind == FaultKind.CLOCK_JUMP and not 0 < abs(Fraction(value or "0")) <= _LONGEST_JUMP_S:
        raise ValueError("a clock jumps by up to a day, forwards or backwards")


def _check_size(width: int, height: int) -> None:
    if not (32 <= width <= 4096 and 32 <= height <= 4096) or width % 2 or height % 2:
        raise ValueError(f"size {width}x{height}")


def _check_rate(rate: Fraction) -> None:
    if not 0 < rate <= _HIGHEST_RATE:
        raise ValueError(f"rate {rate}")


def _stalled() -> Retry:
    return Retry(
        "source.stalled",
        "the synthetic source sends no pictures",
        "this is its script; it is opened again by itself",
        after_s=1.0,
    )
