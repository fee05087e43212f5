"""The processes and files of the demo's console: broker, console, three agents, keys of two operators.

Guarantees: everything lies below the run's directory; every process is a `Child`, so it ends with the demo;
keys are files of mode 0600. The broker keeps retained messages in its memory only.
"""

from __future__ import annotations

import json
import os
import re
import select
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from agent.demo.broker import HOST, start_broker
from agent.demo.child import Child
from agent.demo.console_boxes import BOXES, Around, DemoBox, agent_toml
from agent.demo.console_people import OPERATORS, demo_password, make_accounts
from agent.demo.place import Place
from agent.formats.ledger_v1 import origin
from agent.formats.signed_note import COSIGNATURE
from agent.host.files import create_exclusive, write_all
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse

# What each of the two may sign; `administrator` twice is what a change of a plan needs.
ROLES = ("operator", "administrator", "approver")
_START_S = 30.0
_LISTENS = re.compile(r"listens on http://127\.0\.0\.1:(\d+)/")
_SECRET = re.compile(r"one-time secret ([a-z2-7-]+)")


class Site:
    """All of it, once `start` has returned. `stack` ends what was started, whatever happens."""

    def __init__(self, place: Place, stack: ExitStack, random: Callable[[int], bytes]) -> None:
        self.place = place
        self.password = demo_password(random)
        self.port = 0
        self.agents: dict[str, Child] = {}
        self._stack = stack
        self._random = random
        stack.callback(self._close_agents)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    @property
    def keys(self) -> Path:
        """The folder with the operators' keys."""
        return self.place.root / "keys"

    def start(self) -> None:
        """Broker, console, accounts, agents, in this order. Raises `AgentError`."""
        self.broker, broker_port = start_broker(self.place.root)
        self._stack.callback(self.broker.close)
        operators = self._make_operators()
        witness_key = self._make_files(operators, broker_port)
        self._start_console()
        around = Around(
            host=HOST, port=broker_port, recipient=self.place.recipient, witness_key=witness_key,
            operators=operators, hour=time.gmtime().tm_hour,
        )  # fmt: skip
        for box in BOXES:
            _write(self._root(box.id) / "agent.toml", agent_toml(box, self._root(box.id), around))
            self.start_agent(box.id)

    def start_agent(self, box: str) -> None:
        """It must not run."""
        root = self._root(box)
        config = str(root / "agent.toml")
        self.agents[box] = Child(f"agent {box}", "agent.cli.main", ["run", "-c", config], root / "agent.log")

    def stop_agent(self, box: str, timeout_s: float) -> None:
        """Asks an agent to end, and waits for it."""
        child = self.agents.pop(box)
        child.stop(timeout_s)
        child.close()

    def cut_power(self, box: str) -> None:
        """Ends an agent as a power cut does: without a goodbye."""
        self.agents.pop(box).close()

    def running(self) -> list[Child]:
        """Everything that has to run now."""
        return [self.broker, self.console, *self.agents.values()]

    def _root(self, box: str) -> Path:
        return self.place.root / box

    def _make_operators(self) -> str:
        """Keys of two people, and the tables that name them."""
        self.keys.mkdir(mode=0o700)
        tables = []
        for name, _ in OPERATORS:
            key = SigningKey.generate(self._random(32), f"edgeward.operator/{name}")
            key.save(self.keys / f"{name}.key")
            tables.append(
                f'[[operator]]\nname = "{name}"\nkey = "{key.verifier_key}"\nroles = {json.dumps(ROLES)}'
            )
        return "\n".join(tables)

    def _make_files(self, operators: str, broker_port: int) -> str:
        """The console's file with the boxes' keys in it. Returns the key of its witness."""
        folder = self.place.root / "console"
        folder.mkdir(mode=0o700)
        witness = SigningKey.generate(self._random(32), "edgeward.witness/console", COSIGNATURE)
        witness.save(folder / "witness.key")
        parts = [
            f'[console]\nname = "demo"\nsite = "edgeward demo"\nlisten = "{HOST}"\nport = 0\n'
            f"database = {json.dumps(str(folder / 'console.db'))}",
            f'[mqtt]\nhost = "{HOST}"\nport = {broker_port}\ntls = false',
            operators,
            *map(self._enrol, BOXES),
            f'[witness]\nname = "console"\nstate_dir = {json.dumps(str(folder / "witness"))}\n'
            f"key_file = {json.dumps(str(folder / 'witness.key'))}",
        ]
        _write(folder / "console.toml", "\n\n".join(parts) + "\n")
        return witness.verifier_key

    def _enrol(self, box: DemoBox) -> str:
        """The box's key where its agent looks for it, and the table for the console."""
        state = self._root(box.id) / "state"
        state.mkdir(mode=0o750, parents=True)
        key = SigningKey.generate(self._random(32), origin(box.id))
        key.save(state / "signing.key")
        return f'[[box]]\nid = "{box.id}"\nkey = "{key.verifier_key}"'

    def _start_console(self) -> None:
        folder = self.place.root / "console"
        log = folder / "console.log"
        arguments = ["console", "run", "-c", str(folder / "console.toml")]
        self.console = Child("console", "agent.cli.main", arguments, log)
        self._stack.callback(self.console.close)
        listens, secret = (_said(self.console, log, what) for what in (_LISTENS, _SECRET))
        self.port = int(listens)
        make_accounts(HOST, self.port, secret, self.password)

    def _close_agents(self) -> None:
        for child in self.agents.values():
            child.close()


def _said(child: Child, log: Path, what: re.Pattern[str]) -> str:
    """The first group of `what` as soon as the log has it. Raises `Refuse` `demo.no-console`."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if found := what.search(log.read_text(encoding="utf-8")):
            return found.group(1)
        if select.select([child.ended], [], [], 0.05)[0]:
            break
    words = child.last_words()
    raise Refuse(
        "demo.no-console",
        f"the console does not start: {words.splitlines()[-1] if words else 'it said nothing'}",
        f"install it (make demo does, or: pip install 'edgeward[console]') and read {log}",
    )


def _write(path: Path, text: str) -> None:
    descriptor = create_exclusive(path, 0o600)
    try:
        write_all(descriptor, text.encode())
    finally:
        os.close(descriptor)
