"""A box, a broker and `edgeward witness run`: cosignatures come back, a fork is an alarm and stops it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.formats.config_witness import WitnessConfig
from agent.host.clock import SystemClock
from agent.ledger.log import Ledger
from agent.link.client import Link, LinkSettings
from agent.link.outbox import Outbox
from agent.runtime.book import Book
from agent.runtime.cosigning import Cosigning
from tests.fakes.agents import ROOT, cli
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running, wait_until
from tests.fakes.controllers import Controller
from tests.fakes.ledgers import BOX, KEY, gap, grow

pytestmark = pytest.mark.requires("mosquitto")
_TOML = """\
[witness]
name = "main"
state_dir = "{root}/witness"
key_file = "{root}/witness.key"
[mqtt]
host = "127.0.0.1"
port = {port}
tls = false
[[box]]
id = "{box}"
key = "{key}"
"""


@dataclass(slots=True)
class Site:
    """A broker, a witness that listens, and who listens to both."""

    root: Path
    broker: BrokerProcess
    controller: Controller
    key: str
    process: subprocess.Popen[str]

    def config(self) -> str:
        return str(self.root / "witness.toml")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = cli("witness", "key", "--name", "main", "-o", str(tmp_path / "witness.key"))
    assert made.returncode == Exit.OK
    with running(mosquitto_broker(tmp_path)) as broker:
        toml = _TOML.format(root=tmp_path, port=broker.port, box=BOX, key=KEY.verifier_key)
        (tmp_path / "witness.toml").write_text(toml)
        controller = Controller(broker)
        process = start(tmp_path)
        try:
            yield Site(tmp_path, broker, controller, made.stdout.strip(), process)
        finally:
            controller.close()
            process.kill()
            process.wait()


def start(root: Path) -> subprocess.Popen[str]:
    with (root / "witness.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli.main", "witness", "run", "-c", str(root / "witness.toml")],
            cwd=ROOT,
            stderr=log,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            text=True,
        )
    count = (root / "witness.log").read_text().count("listens to")
    wait_until(lambda: (root / "witness.log").read_text().count("listens to") > count, "the witness listens")
    return process


class Box:
    """A box with a ledger, a link and cosigning."""

    def __init__(self, site: Site, log: str) -> None:
        clock = SystemClock()
        self.site = site
        self.seen = len(site.controller.got)
        self.ledger = Ledger.open(site.root / log, BOX, KEY)
        path = site.root / "outbox.sqlite3"
        self.outbox = Outbox.open(path, BOX, "1")
        settings = LinkSettings(host=site.broker.host, port=site.broker.port, box=BOX, tls=False)
        self.link = Link(settings, path, "1", clock, dict, random.random)
        self.book = Book(self.ledger, self.outbox, clock, 1, self.link.notify)
        witnesses = [WitnessConfig(name="main", key=site.key)]
        self.cosigning = Cosigning(witnesses, BOX, self.ledger, site.root / log, self.book, clock)
        self.link.start()

    def answered(self) -> bool:
        """Hands in what came on the cosign topic; True when something did."""
        got = self.site.controller.got[self.seen :]
        self.seen += len(got)
        answers = [payload for topic, payload, _, _ in got if topic == f"edgeward/v1/{BOX}/_/cosign/head"]
        for payload in answers:
            self.cosigning.take(payload)
        return bool(answers)

    def close(self) -> None:
        assert self.link.stop(5)
        self.ledger.close()
        self.outbox.close()


def test_cosignatures_come_back_and_survive_the_witness_and_a_fork_stops_it(site: Site) -> None:
    grow(site.root / "log", 20).close()
    box = Box(site, "log")
    box.book.checkpoint()
    wait_until(box.answered, "the first cosignature")
    assert box.cosigning.witnessed == 20

    site.process.kill()
    site.process.wait()
    site.process = start(site.root)
    box.ledger.append_many([gap(1)] * 7)
    box.book.checkpoint()
    wait_until(lambda: box.answered() and box.cosigning.witnessed == 27, "the witness goes on")
    box.close()
    state = json.loads(cli("witness", "status", "--json", "-c", site.config()).stdout)
    assert [(row["box"], row["size"], row["stopped"]) for row in state] == [(BOX, 27, None)]

    # Root on the box has its key, and lets another story grow.
    grow(site.root / "forged", 60, word="another story").close()
    forged = Box(site, "forged")
    forged.book.prove_from({27})
    forged.book.checkpoint()
    wait_until(forged.answered, "a refusal")
    assert {alarm.code for alarm in forged.book.alarms} >= {"ledger.witness-refuses"}
    status = [payload for topic, payload, _, _ in site.controller.got if topic.endswith("/a/witness/main")]
    assert json.loads(status[-1])["stopped"][0]["code"] == "witness.inconsistent"
    forged.close()

    done = cli("witness", "status", "-c", site.config())
    assert done.returncode == Exit.FAILED
    assert "STOPPED" in done.stdout
    assert "ALARM or-3" in (site.root / "witness.log").read_text()

    busy = cli("witness", "reset", BOX, "-c", site.config())
    assert (busy.returncode, "witness.busy" in busy.stderr) == (Exit.INTEGRITY, True)
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(10) == Exit.OK
    reset = cli("witness", "reset", BOX, "-c", site.config())
    assert (reset.returncode, reset.stderr) == (Exit.OK, "")
    assert cli("witness", "status", "-c", site.config()).stdout == f"{BOX}: never seen\n"


def test_a_wrong_file_names_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "witness.toml"
    path.write_text(
        '[witness]\nname = "Main"\nstate_dir = "x"\nkey_file = "/k"\nhue = 1\n'
        '[mqtt]\nhost = "far.example"\ntls = false\n'
        f'[[box]]\nid = "or-4"\nkey = "{KEY.verifier_key}"\n'
    )
    done = cli("witness", "status", "-c", str(path))
    assert done.returncode == Exit.CONFIG
    lines = done.stderr.splitlines()
    assert len(lines) == 5
    for part in (
        "witness.name",
        "witness.state_dir",
        "witness.hue",
        "mqtt: without TLS",
        "box.0: this is the key",
    ):
        assert any(part in line for line in lines), (part, lines)
