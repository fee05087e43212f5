"""A box that is commanded over a real broker: real ledger, outbox, link, desk and handlers, no channels.

Guarantees: `start` after `crash` is a new life of the keeper over the same disk. What arrives is judged in
the test's own thread, when it calls `settle`; `Sender` returns when the broker has the message.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.control.account import CommandAccount
from agent.control.desk import CommandDesk
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.log import Ledger
from agent.ledger.signing import SigningKey
from agent.link.client import Link, LinkSettings
from agent.link.inbox import Inbox
from agent.link.outbox import Outbox
from agent.model.outgoing import Json
from agent.model.times import ClockQuality, Instant
from agent.runtime.book import Book
from agent.runtime.command_handlers import BoxHandlers
from agent.runtime.command_post import CommandPost
from tests.fakes.brokers import BrokerProcess, wait_until
from tests.fakes.operators import Office, operators

BOX = "or-3"
KEY = SigningKey.generate(bytes(range(32)), f"edgeward.box/{BOX}")
TOPIC = f"edgeward/v1/{BOX}/_/cmd"


class MovableClock:
    """The real clock, with a wall clock that a test may move and distrust."""

    def __init__(self) -> None:
        self.shift_ns = 0
        self.quality = ClockQuality.SYNCED

    def now(self) -> Instant:
        return Instant(
            wall_ns=time.time_ns() + self.shift_ns, mono_ns=time.monotonic_ns(), quality=self.quality
        )

    def mono_ns(self) -> int:
        return time.monotonic_ns()


class CommandedBox:
    """One box at `broker`."""

    def __init__(self, folder: Path, broker: BrokerProcess) -> None:
        self.folder = folder
        self.broker = broker
        self.clock = MovableClock()
        self.log: list[str] = []
        self.boots = 0
        self.office = Office(BOX, wall_ns=time.time_ns() // 1000 * 1000)
        self.start()

    def start(self) -> None:
        self.boots += 1
        self.folder.mkdir(exist_ok=True)
        self.ledger = Ledger.open(self.folder / "ledger", BOX, KEY)
        account = CommandAccount()
        for leaf in self.ledger.leaves():
            account.take(leaf)
        outbox = self.folder / "outbox.db"
        self.outbox = Outbox.open(outbox, BOX, f"boot-{self.boots}")
        self.inbox = Inbox(lambda: None)
        settings = LinkSettings(host=self.broker.host, port=self.broker.port, box=BOX, tls=False)
        self.link = Link(
            settings, outbox, f"boot-{self.boots}", self.clock, self._birth, lambda: 0.0, self.inbox
        )
        self.book = Book(self.ledger, self.outbox, self.clock, self.boots, self.link.notify)
        self.handlers = BoxHandlers(
            book=self.book,
            ledger=self.ledger,
            clock=self.clock,
            log=self.log.append,
            random=lambda: 0.5,
            link=self.link,
        )
        self.desk = CommandDesk(
            self.book, operators(), BOX, self.handlers.table(), account, self.clock, os.urandom
        )
        self.post = CommandPost(
            desk=self.desk,
            handlers=self.handlers,
            inbox=self.inbox,
            arrived=asyncio.Event(),
            book=self.book,
            box=BOX,
            runtime_dir=self.folder,
        )
        self.office.nonce = str(self.desk.birth_facts()["cmd_nonce"])
        self.handlers.restore(maintenance=account.maintenance)
        self.desk.resume()
        self.link.start()
        wait_until(lambda: self.link.connected and not self.waiting(), "the box is on line")

    def stop(self) -> None:
        self.link.stop(10)
        self.outbox.close()
        self.ledger.close()

    def waiting(self) -> int:
        return self.outbox.depth(self.clock.now()).total_rows

    def settle(self, denials: int) -> None:
        """Judges what comes until `denials` leaves say that something was refused."""

        def enough() -> bool:
            self.post.drain()
            return self.refused() >= denials

        wait_until(enough, f"{denials} refusals")

    def refused(self) -> int:
        return sum(int(str(leaf.body["count"])) for leaf in self.leaves(LeafType.COMMAND_DENIED))

    def leaves(self, *kinds: LeafType) -> list[Leaf]:
        return [leaf for leaf in self.ledger.leaves() if leaf.type in kinds]

    def _birth(self) -> dict[str, Json]:
        return {"channels": [], "versions": {}, **self.desk.birth_facts()}


class Sender:
    """Somebody who may publish to the box."""

    def __init__(self, broker: BrokerProcess, name: str = "sender") -> None:
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion.MQTTv5
        )
        client.max_inflight_messages_set(100)
        client.connect(broker.host, broker.port)
        client.loop_start()
        wait_until(client.is_connected, "the sender is connected")

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.wait(self.begin(topic, payload, retain=retain))

    def begin(self, topic: str, payload: bytes, *, retain: bool = False) -> Any:
        return self._client.publish(topic, payload, 1, retain)

    def wait(self, sent: Any) -> None:
        sent.wait_for_publish(20)
        assert sent.is_published()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
