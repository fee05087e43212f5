"""Hands coded packets from a channel's process to the process of its derivative, in RAM, never waiting.

Guarantees: `Tap` never blocks and never raises; what does not fit into the socket pair waits, and when more
than `LONGEST_NS` or `LARGEST_BYTES` waits, the oldest group of pictures is left out whole and counted.
Messages come out of `Feed` whole and in order; each hole (a group left out, another process at the other
end, a piece of a message) is told with the message after it, and after a hole the first message is always
the stream's facts, followed by a key frame. Leaves out who makes the socket pair: `parts.py`, once for each
channel, so that either process may start anew.

A datagram is a header (kind, number of the message, part, parts; big-endian) and at most 32 KiB of it.
"""

from __future__ import annotations

import json
import select
import socket
import struct
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from agent.formats.ipc_v1 import CodecName, DeviceTold
from agent.model.media import Captured, StreamFacts
from agent.model.ports.source import Source
from agent.model.times import NS_PER_S

LONGEST_NS = 4 * NS_PER_S
LARGEST_BYTES = 16 << 20
_PIECE = 32 << 10
# The kernel gives twice as much, for what it needs itself, or what net.core.wmem_max allows.
_BUFFER = 512 << 10
_HEADER = struct.Struct(">BQHH")
_PACKET = struct.Struct(">qqQQ?")
_STREAM, _CODED = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTold:
    """What the packets after it are. `opening` differs for each opening of the source; `hole`: something
    before it is missing."""

    opening: str
    codec: CodecName
    width: int
    height: int
    time_base: Fraction
    rate: Fraction | None
    extradata: bytes
    device: DeviceTold | None
    hole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """One packet. `left_out` counts those that this opening of the tap has left out so far."""

    data: bytes
    pts: int
    dts: int
    arrived_ns: int
    left_out: int
    is_key: bool


def media_pair() -> tuple[socket.socket, socket.socket]:
    """The two ends, for `Tap` and `Feed`."""
    tap, feed = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    tap.setblocking(False)
    feed.setblocking(False)
    return tap, feed


@dataclass(slots=True)
class _Message:
    """What of a message is not sent yet. `pictures` is 1 for a packet, 0 for a stream's facts."""

    since_ns: int
    pieces: deque[bytes]
    pictures: int


@dataclass(slots=True)
class _Group:
    """A key frame and what hangs on it, as far as it is not sent."""

    messages: deque[_Message] = field(default_factory=deque)
    size: int = 0


class Tap:
    """The channel process's end. `opening` gives a new word for each opening of a source."""

    def __init__(self, end: socket.socket, opening: Callable[[], str]) -> None:
        end.setblocking(False)
        self._end = end
        self._opening = opening
        self._source: Source | None = None
        self._told = b""
        self._groups: deque[_Group] = deque()
        self._number = 0
        self._waits_for_key = True
        self.left_out = 0

    def opened(self, source: Source) -> None:
        """What `take` gets from now on comes out of this source."""
        self._source = source
        self._told = b""
        self._waits_for_key = True

    def take(self, captured: Captured) -> None:
        """The next packet, before anybody else may change it."""
        if captured.is_key and self._source is not None:
            if captured.begins or not self._told:
                self._told = _told(self._source.facts, self._opening())
            self._waits_for_key = False
            self._groups.append(_Group())
            self._add(_STREAM, self._told, captured.arrived_ns)
        if self._waits_for_key:
            self.left_out += 1
        else:
            meta = (captured.pts, captured.dts, max(0, captured.arrived_ns), self.left_out, captured.is_key)
            self._add(_CODED, _PACKET.pack(*meta) + bytes(captured.packet), captured.arrived_ns)
            self._trim(captured.arrived_ns)
        self._flush()

    def _add(self, kind: int, message: bytes, since_ns: int) -> None:
        group = self._groups[-1]
        parts = range(0, len(message), _PIECE)
        pieces = deque(
            _HEADER.pack(kind, self._number, part, len(parts)) + message[start : start + _PIECE]
            for part, start in enumerate(parts)
        )
        group.messages.append(_Message(since_ns, pieces, int(kind == _CODED)))
        group.size += len(message)
        self._number += 1

    def _trim(self, now_ns: int) -> None:
        """Leaves out the oldest groups while too much waits."""
        while self._groups and self._groups[0].messages:
            waits_ns = now_ns - self._groups[0].messages[0].since_ns
            if waits_ns <= LONGEST_NS and sum(group.size for group in self._groups) <= LARGEST_BYTES:
                return
            oldest = self._groups.popleft()
            self.left_out += sum(message.pictures for message in oldest.messages)
            self._waits_for_key = not self._groups

    def _flush(self) -> None:
        while self._groups:
            group = self._groups[0]
            while group.messages:
                pieces = group.messages[0].pieces
                while pieces:
                    try:
                        self._end.send(pieces[0])
                    except OSError:  # full, or nobody is there: it is tried again with the next packet
                        return
                    group.size -= len(pieces.popleft()) - _HEADER.size
                group.messages.popleft()
            if len(self._groups) == 1:
                return  # the group that is still coming
            self._groups.popleft()


class Feed:
    """The derivative process's end."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._expected = -1
        self._kind = 0
        self._pieces: list[bytes] = []
        self._hole = True  # before the first stream's facts nothing can be understood

    def fileno(self) -> int:
        """For `select`."""
        return self._end.fileno()

    def receive(self, timeout_s: float) -> StreamTold | Coded | None:
        """The next whole message, or None when there is none in time."""
        while True:
            try:
                datagram = self._end.recv(_HEADER.size + _PIECE)
            except BlockingIOError:
                if timeout_s <= 0 or not select.select([self._end], [], [], timeout_s)[0]:
                    return None
                timeout_s = 0
                continue
            if not datagram:
                return None
            message = self._take(datagram)
            if message is not None:
                return message

    def _take(self, datagram: bytes) -> StreamTold | Coded | None:
        if len(datagram) < _HEADER.size:
            raise ValueError("no datagram of a tap")
        kind, number, part, parts = _HEADER.unpack_from(datagram)
        if part != len(self._pieces) or number != self._expected or (part and kind != self._kind):
            self._pieces.clear()
            self._hole = True
            if part or kind != _STREAM:
                self._expected = -1
                return None
        self._kind, self._expected = kind, number
        self._pieces.append(datagram[_HEADER.size :])
        if len(self._pieces) > LARGEST_BYTES // _PIECE:
            raise ValueError("no message of a tap is so long")
        if part + 1 < parts:
            return None
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._expected = number + 1
        if kind == _STREAM:
            hole, self._hole = self._hole, False
            return replace(_stream(data), hole=hole)
        pts, dts, arrived_ns, left_out, is_key = _PACKET.unpack_from(data)
        return Coded(
            data=data[_PACKET.size :],
            pts=pts,
            dts=dts,
            arrived_ns=arrived_ns,
            left_out=left_out,
            is_key=is_key,
        )


def _told(facts: StreamFacts, opening: str) -> bytes:
    device = facts.device
    return json.dumps(
        {
            "opening": opening,
            "codec": facts.codec.value,
            "width": facts.width,
            "height": facts.height,
            "time_base": str(facts.time_base),
            "rate": None if facts.declared_rate is None else str(facts.declared_rate),
            "extradata": b64encode(facts.extradata).decode(),
            "device": None if device is None else [device.manufacturer, device.model, device.firmware],
        }
    ).encode()


def _stream(data: bytes) -> StreamTold:
    raw: dict[str, Any] = json.loads(data)
    rate, device = raw["rate"], raw["device"]
    return StreamTold(
        opening=str(raw["opening"]),
        codec=raw["codec"],
        width=int(raw["width"]),
        height=int(raw["height"]),
        time_base=Fraction(raw["time_base"]),
        rate=None if rate is None else Fraction(rate),
        extradata=b64decode(raw["extradata"]),
        device=None if device is None else _device(*device),
    )


def _device(manufacturer: str | None, model: str | None, firmware: str | None) -> DeviceTold:
    """What a profile is found by; the rest of what a device tells is the original's."""
    return DeviceTold(
        manufacturer=manufacturer,
        model=model,
        firmware=firmware,
        serial=None,
        clock_ahead_ms=None,
        media_profile=None,
        written=(),
        differences=(),
    )
