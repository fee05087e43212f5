"""Events for browsers: numbered, kept for a while, fanned out (server-sent events).

Guarantees: an event is encoded once for all; a stream that begins after an event that is still kept misses
nothing and sees nothing twice; one that reads too slowly is ended, and delays nobody. Bound to one event
loop.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator

from agent.model.outgoing import Json

KEPT = 4096
KEPT_BYTES = 64 << 20
MOST_STREAMS = 200
MOST_BYTES = 4 << 20
_ID = re.compile(r"([0-9a-f]{8,32})-([0-9]{1,15})")


def encoded(value: Json) -> bytes:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Stream:
    """One browser's place in the queue."""

    __slots__ = ("_bytes", "_ready", "_waiting", "end")

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self.end: str | None = None

    def begin(self, event: bytes) -> None:
        """One of the first events: a large snapshot does not count as a queue."""
        self._waiting.append(event)
        self._ready.set()

    def put(self, event: bytes) -> None:
        """One more event; too many end the stream."""
        if self.end is not None:
            return
        self._waiting.append(event)
        self._bytes += len(event)
        if self._bytes > MOST_BYTES:
            self._waiting.clear()
            self.finish("stream.slow")
        self._ready.set()

    def finish(self, code: str) -> None:
        """Says good-bye after what waits."""
        if self.end is None:
            self.end = code
            self._waiting.append(b"event: bye\ndata: " + encoded({"code": code}) + b"\n\n")
            self._ready.set()

    async def events(self) -> AsyncIterator[bytes]:
        """What is to be written, until the stream ends."""
        while True:
            while self._waiting:
                event = self._waiting.popleft()
                self._bytes = max(0, self._bytes - len(event))
                yield event
            if self.end is not None:
                return
            self._ready.clear()
            await self._ready.wait()


class Hub:
    """All streams, and the newest events."""

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch
        self._number = 0
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_bytes = 0
        self.streams: set[Stream] = set()

    @property
    def last_id(self) -> str:
        """The id of the newest event."""
        return f"{self._epoch}-{self._number}"

    def publish(self, event: str, data: bytes) -> None:
        """One more event for everybody."""
        self._number += 1
        whole = b"id: %b\nevent: %b\ndata: %b\n\n" % (self.last_id.encode(), event.encode(), data)
        self._kept.append((self._number, whole))
        self._kept_bytes += len(whole)
        while len(self._kept) > KEPT or self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft()[1])
        for stream in self.streams:
            stream.put(whole)

    def missed(self, last_id: str | None) -> list[bytes] | None:
        """The events after `last_id`; None when a snapshot is needed."""
        found = _ID.fullmatch(last_id or "")
        if found is None or found[1] != self._epoch:
            return None
        number = int(found[2])
        first = self._kept[0][0] if self._kept else self._number + 1
        if number > self._number or number < first - 1:
            return None
        return [whole for each, whole in self._kept if each > number]

    def snapshot_event(self, snapshot: bytes, event_id: str) -> bytes:
        """A snapshot as an event, for one stream."""
        return b"id: %b\nevent: snapshot\ndata: %b\n\n" % (event_id.encode(), snapshot)

    @property
    def is_full(self) -> bool:
        """True when no more streams should join."""
        return len(self.streams) >= MOST_STREAMS

    def join(self) -> Stream:
        """A new stream."""
        stream = Stream()
        self.streams.add(stream)
        return stream

    def leave(self, stream: Stream) -> None:
        """Ends a stream's place."""
        self.streams.discard(stream)

    def close(self, code: str) -> None:
        """Says good-bye to all."""
        for stream in list(self.streams):
            stream.finish(code)
