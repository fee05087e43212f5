"""The running console: its parts put together, and the loops that move them.

Guarantees: one event loop, on which every part lives; the MQTT thread, the database's threads and the
passwords' thread reach it only through calls made for that. What was open at the end of the last run is back
before the first message. Leaves out HTTP (`serve.py`).
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass

from agent import __version__
from agent.console import gauges, history, orders, rows, vigil
from agent.console.accounts import Accounts, from_row
from agent.console.alarms import AlarmBook
from agent.console.audit import Entry
from agent.console.config import ConsoleConfig
from agent.console.door import Door
from agent.console.feed import Feed
from agent.console.fleet import Fleet
from agent.console.hub import Hub
from agent.console.intake import Intake
from agent.console.listener import Hooks, Listener
from agent.console.minutes import Minutes
from agent.console.news import News
from agent.console.passwords import Passwords
from agent.console.post import Post
from agent.console.sessions import Sessions
from agent.console.vigil import Vigil
from agent.console.witness import WitnessBook
from agent.console.writer import Reader, Writer
from agent.control.operators import Operators
from agent.ledger.signing import Verifier
from agent.link.wire import LinkSettings
from agent.model.errors import Refuse, Retry
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S, rfc3339

TICK_S = 0.2
_BATCH = 100
_ASK_AGAIN_NS = 60 * NS_PER_S
_LOST_NS = 15 * NS_PER_S
_REBIRTH = "edgeward/v1/ctl/rebirth"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the console asks the machine for."""

    clock: Clock
    random: Callable[[int], bytes]
    random_01: Callable[[], float]
    log: Callable[[str], None]


class Station:
    """See the module's text. Made inside of a running event loop."""

    def __init__(self, config: ConsoleConfig, settings: LinkSettings, world: World) -> None:
        """Raises `Retry`, `Halt` `console.database*`, `Refuse` for an operator's key that is none."""
        self._config = config
        self._world = world
        self.clock = self._clock = world.clock
        self._loop = asyncio.get_running_loop()
        path = config.console.database
        self.writer = Writer(path, self._database_changed)
        self.reader = Reader(path)
        self.fleet = Fleet(config.limits.boxes)
        self.alarms = AlarmBook(new_id=self._new_id)
        self.orders = orders.Orders()
        self.minutes = Minutes()
        self.witness = WitnessBook(config.witness.name if config.witness else None)
        self.hub = Hub(world.random(8).hex())
        self.news = News(self.fleet, self.alarms, self.orders, self.hub, self.state, self._times)
        self.intake = Intake(self._arrived_elsewhere)
        self.listener = Listener(settings, self.intake, self._hooks(), world.clock, world.random_01)
        self.post = Post(
            self.orders, self.fleet, Operators(config.operator, Verifier), self.writer, self.reader,
            send=self.listener.send, told=self.news.tell_order, random=world.random,
        )  # fmt: skip
        self.feed = Feed(
            self.fleet, self.alarms, Vigil(), self.minutes, self.post, store=self.writer.put,
            checked=self.news.tell_check,
        )  # fmt: skip
        session = config.session
        self.sessions = Sessions(idle_s=session.idle_minutes * 60, absolute_s=session.hours * 3600)
        self._arrived, self._urgent = asyncio.Event(), asyncio.Event()
        self._broker, self._synced = "lost", False
        self._lost_since_ns = world.clock.mono_ns()
        self._rate, self._counted, self._counted_ns = 0.0, 0, world.clock.mono_ns()
        self._own: frozenset[str] = frozenset()
        self._stored_heard: dict[str, int | None] = {}
        self._lacking, self._asked_ns = 0, world.clock.mono_ns()
        self._slow: list[Callable[[int], None]] = []

    async def load(self) -> Door:
        """What was known at the end of the last run; gives the door with its accounts."""
        now = self._clock.now()
        read = self.reader.read
        for alarm in await read(history.open_alarms):
            self.feed.remember(alarm, now)
        for name, heard in (await read(history.boxes)).items():
            with suppress(Refuse):  # more boxes than the limit is now
                box = self.fleet.box(name)
                box.heard_wall_ns = self._stored_heard[name] = heard
                box.alarms = self.alarms.counts(name)
        for (key, name), counter in (await read(history.counters)).items():
            self.orders.count(key, name, counter)
        for row in await read(history.open_commands):
            self.orders.put(orders.from_row(row))
        found = [from_row(name, row) for name, row in (await read(history.accounts)).items()]
        people = Accounts(found, frozenset(one.name for one in self._config.operator))
        self.writer.put(Entry(at=rfc3339(now.wall_ns), action="console.start", detail=__version__))
        return Door(people, self.sessions, Passwords(), self.writer, self._world.random)

    def every_second(self, do: Callable[[int], None]) -> None:
        """`do` is called with the monotonic time, once a second."""
        self._slow.append(do)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`. Raises `Halt` when the database is damaged."""
        self.listener.start()
        try:
            async with asyncio.TaskGroup() as group:
                loops = [
                    group.create_task(one)
                    for one in (self._take(), self._tick(), self._write(), self._carry())
                ]
                await stopping.wait()
                for task in loops:
                    task.cancel()
        finally:
            self.intake.close()
            await asyncio.to_thread(self.listener.stop)
            self.hub.close("console.stopping")

    async def close(self) -> None:
        """Writes what waits and lets go of the database."""
        now = self._clock.now()
        self._store_changes()
        self._store_slowly()
        self.writer.put_measurements(self.minutes.due(now.wall_ns, all_=True))
        self.writer.put(Entry(at=rfc3339(now.wall_ns), action="console.stop"))
        await self.writer.close()
        self.reader.close()

    def state(self) -> dict[str, Json]:
        """The console-state of the API."""
        boxes = self.fleet.boxes.values()
        return {
            "broker": self._broker, "database": "ok" if self.writer.failing is None else "failing",
            "synced": self._synced, "version": __version__, "name": self._config.console.name,
            "boxes": len(boxes), "channels": sum(len(box.channels) for box in boxes),
            "refused": self.feed.refused, "messages_per_s": round(self._rate, 1),
        }  # fmt: skip

    def metrics(self) -> str:
        """For Prometheus."""
        own = {
            "broker_connected": int(self._broker == "ok"),
            "database_ok": int(self.writer.failing is None), "synced": int(self._synced),
            "messages_total": self.feed.messages, "refused_messages_total": self.feed.refused,
            "streams": len(self.hub.streams), "sessions": len(self.sessions),
            "open_commands": len(self.orders.open), "rows_waiting": self.writer.waiting,
            "rows_dropped_total": self.writer.dropped, "alarms_dropped_total": self.alarms.overflow,
        }  # fmt: skip
        return gauges.metrics(self.fleet, self.alarms, own, __version__, self._clock.mono_ns())

    def rebirth(self, window_s: int) -> bool:
        """Asks all boxes to say everything again. False when there is no broker now."""
        payload = f'{{"v":1,"window_s":{window_s}}}'.encode()
        return self._broker == "ok" and self.listener.send(_REBIRTH, payload, "")

    def forget(self, name: str) -> None:
        """A box that is no more."""
        self.feed.forget(name, self._clock.now())
        self._stored_heard.pop(name, None)
        self.writer.put(rows.forget_box(name))
        self.tell()

    def tell(self) -> None:
        """Alarms that changed, to the database and to browsers, now."""
        self._store_changes()
        self.news.tell_alarms()

    def hurry(self) -> None:
        """A command may have to go out now."""
        self._urgent.set()

    async def _take(self) -> None:
        """Messages in, a batch at a time, so that nothing else waits for long."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while items := self.intake.take(_BATCH):
                self.feed.take(items, self._clock.now())
                self.tell()
                self._sync()
                await _turn()
            self._sync()

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await _pause(TICK_S)
            ticks += 1
            self.news.tell_boxes()
            self.news.tell_state(always=ticks % 75 == 0)
            if ticks % 5 == 0:
                self._second()
            if ticks % 25 == 0:
                self.news.tell_measured()
            if ticks % 50 == 0:
                self._store_slowly()

    def _second(self) -> None:
        now = self._clock.now()
        for name, count in self.intake.dropped().items():
            error = Refuse("message.flood", f"{count} messages found no room", "look at this box")
            self.feed.refuse(name, "", error, now)
        self.feed.look(now)
        self._own_alarms()
        self._heal(now.mono_ns)
        self.tell()
        for do in self._slow:
            do(now.mono_ns)
        elapsed_s = max(1, now.mono_ns - self._counted_ns) / NS_PER_S  # on a busy machine more than one
        self._rate = self._rate * 0.9 + (self.feed.messages - self._counted) / elapsed_s * 0.1
        self._counted, self._counted_ns = self.feed.messages, now.mono_ns
        self.hurry()

    def _heal(self, mono_ns: int) -> None:
        """What a broker with a full queue threw away comes back, as far as it is kept, when we ask again."""
        lacking = sum(box.missing + (box.status == "unknown") for box in self.fleet.boxes.values())
        if lacking > self._lacking and self._synced and mono_ns - self._asked_ns >= _ASK_AGAIN_NS:
            self._lacking, self._asked_ns = lacking, mono_ns
            self._world.log(f"messages are missing ({lacking}): asking the broker for what it keeps")
            self.listener.ask_again()
        self._lacking = min(self._lacking, lacking)

    async def _write(self) -> None:
        hour = 0
        while True:
            await self.writer.flush()
            await _pause(1.0)
            hour = (hour + 1) % 3600
            if hour == 60:  # not while everything starts, then every hour
                limits, now = self._config.limits, self._clock.now()
                self.writer.put(*rows.pruned(days=limits.history_days, rows=limits.rows, wall_ns=now.wall_ns))

    async def _carry(self) -> None:
        while True:
            await self._urgent.wait()
            self._urgent.clear()
            with suppress(Retry):  # the database: told in /readyz, tried again in a second
                await self.post.carry(self._clock.now())

    def _own_alarms(self) -> None:
        """Alarms of the console about itself, from what is so now."""
        now = self._clock.now()
        lost = self._broker == "lost" and now.mono_ns - self._lost_since_ns >= _LOST_NS
        for code, stands, text in (
            ("console.broker-lost", lost, "there is no connection to the broker"),
            ("console.database", self.writer.failing is not None, "nothing can be stored now"),
            ("console.too-many-boxes", len(self.fleet.boxes) >= self._config.limits.boxes, ""),
        ):
            if not stands:
                self.feed.alarm(vigil.cleared(code, box=None), now)
            elif text and code not in self._own:
                self.feed.alarm(vigil.raised(code, text, now, box=None), now)
            self._own = self._own | {code} if stands else self._own - {code}

    def _sync(self) -> None:
        round_ = self.intake.passed()
        if round_ is None or self._broker != "ok":
            return
        now = self._clock.now()
        self.feed.reconcile(round_, now)
        for alarm in list(self.alarms.open.values()):
            if alarm.code == "console.witness" and not self.witness.is_stopped(alarm.box):
                self.feed.alarm(vigil.cleared(alarm.code, box=alarm.box), now)
        if not self._synced:
            self._synced = True
            self.post.linked(up=True)
        self.tell()
        self.hurry()

    def _store_changes(self) -> None:
        self.writer.put(*map(rows.alarm, self.alarms.changed.values()), *map(rows.step, self.alarms.steps))
        self.alarms.steps.clear()

    def _store_slowly(self) -> None:
        now = self._clock.now()
        self.writer.put_measurements(self.minutes.due(now.wall_ns))
        for name, box in self.fleet.boxes.items():
            heard = None if box.heard_wall_ns is None else box.heard_wall_ns // (60 * NS_PER_S)
            if self._stored_heard.get(name, -1) != heard:  # to the minute: it is for people
                self._stored_heard[name] = heard
                self.writer.put(rows.box(name, box.heard_wall_ns))

    def _hooks(self) -> Hooks:
        """From the MQTT thread to our loop."""

        def here(do: Callable[..., None]) -> Callable[..., None]:
            def called(*arguments: object) -> None:
                with suppress(RuntimeError):  # the loop has ended: so do we
                    self._loop.call_soon_threadsafe(do, *arguments)

            return called

        return Hooks(
            up=here(self._up), down=here(self._down), synced=lambda: self.intake.mark(),
            acknowledged=here(self._acknowledged), witness=here(self._witness_said),
        )  # fmt: skip

    def _up(self) -> None:
        self._broker = "ok"
        self._world.log("the broker is there")
        self.news.tell_state(always=False)

    def _down(self, code: str) -> None:
        if self._broker == "ok":
            self._lost_since_ns = self._clock.mono_ns()
        self._broker, self._synced = "lost", False
        self._world.log(f"no connection to the broker [{code}]")
        self.post.linked(up=False)
        self.news.tell_state(always=False)

    def _acknowledged(self, token: str, reason: int) -> None:
        self.post.acknowledged(token, reason, self._clock.now())

    def _witness_said(self, topic: str, payload: bytes) -> None:
        now = self._clock.now()
        for one in self.witness.take(topic, payload, now):
            self.feed.alarm(one, now)
        self.tell()

    def _database_changed(self) -> None:
        self._world.log(f"database: {self.writer.failing or 'everything is written again'}")
        self.news.tell_state(always=False)

    def _arrived_elsewhere(self) -> None:
        with suppress(RuntimeError):  # the loop has ended: so do we
            self._loop.call_soon_threadsafe(self._arrived.set)

    def _new_id(self) -> str:
        return new_uuid7(self._clock.now().wall_ns, self._world.random(10))

    def _times(self) -> tuple[int, int]:
        now = self._clock.now()
        return now.wall_ns, now.mono_ns


@types.coroutine
def _turn() -> Generator[None, None, None]:
    """Lets everything else go on once."""
    yield


async def _pause(seconds: float) -> None:
    """Until so many seconds are over, or the task is cancelled."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
