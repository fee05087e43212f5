"""A console with a broker and three simulated boxes on loopback, to look at in a browser.

    python -m tests.fakes.console_site [--boxes 3] [--faults 6]

Guarantees: prints where it is and who can log in, runs until a signal or until one of its parts ends, and
takes all of it down again; nothing is kept. Seven channels: 3, 2 and 2. Accounts have the passwords of
tests/fakes/consoles.py, and operators the keys of tests/fakes/operators.py, as files in the folder that it
prints: they are for tests, never for a hospital.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread

from agent.host.clock import SystemClock
from agent.link.wire import LinkSettings
from agent.simulate.box import SimBox
from agent.simulate.fleet import SimFleet, until_a_signal
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running
from tests.fakes.consoles import PASSWORD, ConsoleProcess, people
from tests.fakes.operators import KEYS, ROLES

ACCOUNTS = (
    ("li", "operator", "li"), ("wang", "operator", "wang"), ("zhao", "security-officer", "zhao"),
    ("ida", "viewer", None), ("qian", "auditor", None),
)  # fmt: skip
CHANNELS = (3, 2, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What runs."""

    broker: BrokerProcess
    console: ConsoleProcess
    keys: Path


@contextmanager
def site(folder: Path, *, boxes: int = 3, faults: float = 6.0) -> Iterator[Site]:
    """Broker, console with all accounts, boxes."""
    keys = folder / "keys"
    keys.mkdir()
    for name in ROLES:
        KEYS[name].save(keys / f"{name}.key")
    with running(mosquitto_broker(folder)) as broker:
        console = ConsoleProcess(folder / "console", broker)
        console.start()
        try:
            console.wait_ready()
            for person in people(console, *ACCOUNTS):
                person.close()
            with _boxes(broker, boxes, faults):
                yield Site(broker=broker, console=console, keys=keys)
        finally:
            console.kill()


@contextmanager
def _boxes(broker: BrokerProcess, count: int, faults: float) -> Iterator[None]:
    settings = LinkSettings(host=broker.host, port=broker.port, box="", tls=False)
    boxes = [_box(number, CHANNELS[number % len(CHANNELS)]) for number in range(count)]
    fleet = SimFleet(boxes, settings, SystemClock(), random.SystemRandom().random, faults_per_minute=faults)
    ended = Event()
    thread = Thread(target=fleet.run, args=(ended.is_set,), name="boxes")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(20)


def _box(number: int, channels: int) -> SimBox:
    name = f"or-{number + 1}"
    return SimBox(
        name=name, site=f"Ward {number + 1}", channels=tuple(f"ch{one}" for one in range(channels)),
        boot=sha256(name.encode()).hexdigest()[:32], nonce=sha256(name.encode()).hexdigest()[32:],
    )  # fmt: skip


def main() -> int:
    """Until a signal."""
    parser = argparse.ArgumentParser(description="a console with simulated boxes on loopback")
    parser.add_argument("--boxes", type=int, default=3)
    parser.add_argument("--faults", type=float, default=6.0, help="lost signals a minute")
    options = parser.parse_args()
    ended = until_a_signal(SystemClock(), None)
    with (
        tempfile.TemporaryDirectory(prefix="edgeward-console-") as name,
        site(Path(name), boxes=options.boxes, faults=options.faults) as found,
    ):
        accounts = ", ".join(("admin", *(account for account, _, _ in ACCOUNTS)))
        sys.stdout.write(
            f"{found.console.url}/\naccounts: {accounts}\npassword: {PASSWORD}\n"
            f"keys of operators: {found.keys}\nbroker: {found.broker.host}:{found.broker.port}\n"
        )
        sys.stdout.flush()
        waiting = Event()
        while not ended() and not waiting.wait(0.2):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
