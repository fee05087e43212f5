"""What browsers are told, and when: the stream's events and the snapshot (docs/formats/console-api-v1.md).

Guarantees: a row is encoded once for all browsers; a snapshot names the event after which the stream goes
on. Bound to one event loop. Leaves out who listens (`hub.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from agent.console import boxes
from agent.console.alarms import AlarmBook
from agent.console.fleet import Fleet
from agent.console.hub import Hub, encoded
from agent.console.orders import Order, Orders
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, rfc3339

_SNAPSHOT_FOR_NS = NS_PER_S


class News:
    """See the module's text. `state` gives the console-state, `clock` the wall time and the monotonic."""

    def __init__(
        self, fleet: Fleet, alarms: AlarmBook, orders: Orders, hub: Hub, state: Callable[[], dict[str, Json]],
        clock: Callable[[], tuple[int, int]],
    ) -> None:  # fmt: skip
        self._fleet = fleet
        self._alarms = alarms
        self._orders = orders
        self._hub = hub
        self._state = state
        self._clock = clock
        self._rows: dict[str, bytes] = {}
        self._snapshot: tuple[bytes, str, int] | None = None
        self._said_state: dict[str, Json] = {}

    def tell_boxes(self) -> None:
        """Rows that changed; at most five times a second."""
        names, self._fleet.changed = self._fleet.changed, set()
        for gone in names - self._fleet.boxes.keys():
            self._rows.pop(gone, None)
            self._snapshot = None
        changed = [self._row(name) for name in sorted(names & self._fleet.boxes.keys())]
        if changed:
            self._hub.publish("boxes", self._with_now(b'"boxes":[%b]' % b",".join(changed)))

    def tell_measured(self) -> None:
        """Measurements since the last call; every five seconds."""
        seen, self._fleet.measured = self._fleet.measured, set()
        told: dict[str, dict[str, Json]] = {}
        for name, entity in sorted(seen):
            box = self._fleet.boxes.get(name)
            if box is None or (entity != "_" and entity not in box.channels):
                continue
            values = boxes.measured_of_box(box) if entity == "_" else boxes.measured_of(box.channels[entity])
            told.setdefault(name, {})[entity] = values
            self._rows.pop(name, None)  # its row says it too, to whoever comes next
        if told:
            self._hub.publish("measured", self._with_now(b'"m":' + encoded({**told})))

    def tell_alarms(self) -> None:
        """Alarms that changed; at once."""
        changed, self._alarms.changed = self._alarms.changed, {}
        for name in {one.box for one in changed.values()}:
            box = None if name is None else self._fleet.boxes.get(name)
            if box is not None:
                box.alarms = self._alarms.counts(box.name)
                self._fleet.changed.add(box.name)
        told: list[Json] = [one.json() for one in changed.values()]
        if told:
            self._hub.publish("alarms", self._with_now(b'"alarms":' + encoded(told)))

    def tell_order(self, order: Order) -> None:
        """A command changed; at once."""
        self._hub.publish("commands", self._with_now(b'"commands":' + encoded([order.json()])))

    def tell_check(self, box: str, run: str) -> None:
        """A report came."""
        self._hub.publish("checks", self._with_now(b'"box":%b,"run":%b' % (encoded(box), encoded(run))))

    def tell_state(self, *, always: bool) -> None:
        """The console-state when it changed, apart from mere counts; or always."""
        state = self._state()
        coarse: dict[str, Json] = {
            name: value for name, value in state.items() if name not in ("refused", "messages_per_s")
        }
        if always or coarse != self._said_state:
            self._said_state = coarse
            self._hub.publish("console", encoded(state))

    def snapshot(self) -> tuple[bytes, str]:
        """The snapshot and the id of the last event that it holds; up to a second old."""
        _, mono_ns = self._clock()
        known = self._snapshot
        if known is not None and mono_ns - known[2] < _SNAPSHOT_FOR_NS:
            return known[0], known[1]
        last_id = self._hub.last_id
        listed = b",".join(self._rows.get(name) or self._row(name) for name in sorted(self._fleet.boxes))
        alarms: list[Json] = [one.json() for one in self._alarms.open.values()]
        commands: list[Json] = [one.json() for one in self._orders.open.values()]
        body = b'"id":%b,"console":%b,"boxes":[%b],"alarms":%b,"commands":%b' % (
            encoded(last_id), encoded(self._state()), listed, encoded(alarms), encoded(commands),
        )  # fmt: skip
        whole = self._with_now(body)
        self._snapshot = (whole, last_id, mono_ns)
        return whole, last_id

    def _row(self, name: str) -> bytes:
        found = self._rows[name] = encoded(boxes.row(self._fleet.boxes[name]))
        return found

    def _with_now(self, fields: bytes) -> bytes:
        wall_ns, _ = self._clock()
        return b'{"now":"%b",%b}' % (rfc3339(wall_ns).encode(), fields)
