"""Messages between the MQTT thread and the event loop, box by box.

Guarantees: boxes take turns, so one that floods delays itself; what of one box waits is bounded,
measurements are dropped first, and every drop is counted for its box. When all together is too much, `put`
waits: then the broker keeps the messages. Leaves out what is in them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition

from agent.console.contract import box_of

MOST_MEASUREMENTS = 1000
MOST_OF_A_BOX = 5000
BYTES_OF_A_BOX = 8 << 20
BYTES_OF_ALL = 128 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One message as it came. `box` is empty when the topic names none."""

    box: str
    topic: str
    payload: bytes
    retained: bool
    envelope: str | None
    round: int = 0


class Intake:
    """See the module's text. `wake` is called from the MQTT thread when there is something to take."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._changed = Condition()
        self._boxes: dict[str, deque[Item]] = {}
        self._bytes: Counter[str] = Counter()
        self._all = 0
        self._turn: deque[str] = deque()
        self._dropped: Counter[str] = Counter()
        self._closed = False
        self._round = 0
        # Messages of each box that must be taken before the mark is passed; None without a mark.
        self._before_mark: Counter[str] | None = None
        self._mark_round = 0

    def put(self, topic: str, payload: bytes, *, retained: bool, envelope: str | None) -> None:
        """From the MQTT thread."""
        item = Item(box_of(topic) or "", topic, payload, retained, envelope, self._round)
        size = len(payload) + len(topic)
        with self._changed:
            self._changed.wait_for(lambda: self._all + size <= BYTES_OF_ALL or self._closed)
            waiting = self._boxes.get(item.box)
            if waiting is not None and self._is_full(item, len(waiting), size):
                self._dropped[item.box] += 1
                return
            idle = not self._turn
            if waiting is None:
                waiting = self._boxes[item.box] = deque()
                self._turn.append(item.box)
            waiting.append(item)
            self._bytes[item.box] += size
            self._all += size
        if idle:
            self._wake()

    def take(self, most: int) -> list[Item]:
        """Up to `most` messages, one of each box in turn. From the event loop."""
        found: list[Item] = []
        with self._changed:
            while self._turn and len(found) < most:
                box = self._turn.popleft()
                waiting = self._boxes[box]
                item = waiting.popleft()
                size = len(item.payload) + len(item.topic)
                self._bytes[box] -= size
                self._all -= size
                found.append(item)
                if self._before_mark:
                    self._before_mark -= Counter((box,))
                if waiting:
                    self._turn.append(box)
                else:
                    del self._boxes[box], self._bytes[box]
            self._changed.notify_all()
        return found

    def next_round(self) -> None:
        """From the MQTT thread: a new subscription; the broker says again what it keeps."""
        self._round += 1

    def mark(self) -> None:
        """From the MQTT thread: everything that was put so far is before the mark."""
        with self._changed:
            self._before_mark = Counter({box: len(waiting) for box, waiting in self._boxes.items()})
            self._mark_round = self._round
        self._wake()

    def passed(self) -> int | None:
        """The round of the mark, once, when all that came before it was taken; else None."""
        with self._changed:
            if self._before_mark is None or self._before_mark:
                return None
            self._before_mark = None
            return self._mark_round

    def dropped(self) -> dict[str, int]:
        """What was dropped since the last call, by box."""
        with self._changed:
            found, self._dropped = self._dropped, Counter()
        return dict(found)

    def close(self) -> None:
        """Nobody takes any more: `put` does not wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_full(self, item: Item, waiting: int, size: int) -> bool:
        most = MOST_MEASUREMENTS if "/m/" in item.topic else MOST_OF_A_BOX
        return waiting >= most or self._bytes[item.box] + size > BYTES_OF_A_BOX
