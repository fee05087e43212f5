"""The half of a keeper that reports, in a process of its own: an outbox, a link, and much to tell.

    python -m tests.fakes.reporters PORT OUTBOX LOG LIFE

Guarantees: tells an event about every 4 ms and now and then a state that replaces itself; the name of an
event is a line in LOG only after `put` had returned, so after that it may not be lost. LIFE is in every name:
no name is told twice. SIGTERM: tells no more, drains, says goodbye; exit 0 when nothing is left.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path

from agent.host.clock import SystemClock
from agent.link.client import Link, LinkSettings
from agent.link.outbox import Outbox
from agent.model.outgoing import Outgoing, Priority
from tests.fakes.brokers import LOOPBACK

BOX = "box-1"
EVERY_S = 0.004
DRAIN_S = 120.0


def event(name: str) -> Outgoing:
    return Outgoing(entity="ch0", kind="e", type="segment", body={"name": name}, priority=Priority.EVENT)


def state(name: str) -> Outgoing:
    return Outgoing(
        entity="ch0",
        kind="state",
        type="channel",
        body={"name": name},
        priority=Priority.STATE,
        retain=True,
        coalesce=True,
    )


def main() -> int:
    port, path, log, life = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    clock = SystemClock()
    settings = LinkSettings(host=LOOPBACK, port=port, box=BOX, tls=False)
    link = Link(settings, path, f"boot-{life}", clock, dict, lambda: 0.0)
    outbox = Outbox.open(path, BOX, f"boot-{life}")
    link.start()
    with log.open("a") as told:
        number = 0
        while not ended.wait(EVERY_S):
            name = f"{life}-{number}"
            outbox.put(event(name), clock.now())
            told.write(name + "\n")
            told.flush()
            if number % 20 == 0:
                outbox.put(state(name), clock.now())
            link.notify()
            number += 1
    end = time.monotonic() + DRAIN_S
    while outbox.depth(clock.now()).total_rows and time.monotonic() < end:
        time.sleep(0.05)
    said = link.stop(20)
    left = outbox.depth(clock.now()).total_rows
    outbox.close()
    return 0 if said and not left else 1


if __name__ == "__main__":
    raise SystemExit(main())
