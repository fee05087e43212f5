"""A real console process on loopback, and people who use it over HTTP.

Guarantees: `start` returns when it answers; `kill` is SIGKILL, a restart takes the same port and database.
`Person` keeps the cookie and the CSRF token as the pages do; `Listening` gathers the events of a stream.
"""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from tests.fakes.brokers import LOOPBACK, BrokerProcess, free_port, wait_until
from tests.fakes.operators import toml

PASSWORD = "five tall trees by the river"
_CHILD = """
import argparse, sys
from agent.cli.verbs import console
parser = argparse.ArgumentParser()
console.configure(parser)
sys.exit(console.run(parser.parse_args(sys.argv[1:])))
"""
_SECRET = re.compile(r"one-time secret ([a-z2-7-]+)")


class ConsoleProcess:
    """One console at `broker`."""

    def __init__(
        self, folder: Path, broker: BrokerProcess, *, extra: str = "", top: str = "", ca: Path | None = None
    ) -> None:
        """`ca` is the authority of its HTTPS certificate, which `top` names."""
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.url = f"{'http' if ca is None else 'https'}://{LOOPBACK}:{self.port}"
        self.verify: ssl.SSLContext | bool = ca is None or ssl.create_default_context(cafile=ca)
        self.database = folder / "console.db"
        self.log = folder / "console.log"
        self._config = folder / "console.toml"
        self._config.write_text(
            f'[console]\nname = "test"\nsite = "Ward 3"\nport = {self.port}\n'
            f'database = "{self.database}"\n{top}\n'
            f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n{toml()}\n{extra}'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, "run", "-c", str(self._config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        wait_until(self._answers, f"the console answers (see {self.log})", 20)

    @property
    def secret(self) -> str:
        """The one-time secret of the first start."""
        [found] = _SECRET.findall(self.log.read_text())
        return str(found)

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        found: dict[str, Any] = httpx.get(f"{self.url}/readyz", verify=self.verify).json()
        return found

    def wait_ready(self) -> None:
        """Until broker, database and retained messages are there."""
        wait_until(lambda: self.ready()["ready"], "the console is ready", 90)

    def kill(self) -> None:
        """SIGKILL; nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        return process.wait(20)

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the console ended at its start: {self.log.read_text()}")
        try:
            return httpx.get(f"{self.url}/healthz", verify=self.verify).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def running_console(folder: Path, broker: BrokerProcess) -> Iterator[ConsoleProcess]:
    """A console that is ready, and killed when the block is left."""
    found = ConsoleProcess(folder, broker)
    found.start()
    try:
        found.wait_ready()
        yield found
    finally:
        found.kill()


class Person:
    """Somebody at a browser."""

    def __init__(self, console: ConsoleProcess) -> None:
        self.client = self._client = httpx.Client(base_url=console.url, timeout=20, verify=console.verify)
        self.csrf = ""
        self.url = console.url

    def log_in(self, account: str, password: str) -> httpx.Response:
        """Takes the session's token when it works."""
        answer = self._client.post("/api/v1/login", json={"account": account, "password": password})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    def change_password(self, old: str, new: str) -> httpx.Response:
        """The same."""
        answer = self.post("/password", {"old": old, "new": new})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        """With the CSRF token, unless `headers` say otherwise."""
        sent = {"X-Edgeward-CSRF": self.csrf, **headers}
        return self._client.post(f"/api/v1{path}", json=body, headers=sent)

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON of an answer that must be good."""
        answer = self._client.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def try_get(self, path: str) -> httpx.Response:
        """Whatever comes."""
        return self._client.get(f"/api/v1{path}")

    def listen(self, **headers: str) -> Listening:
        """The event stream."""
        return Listening(self.url, dict(self._client.cookies), headers)

    def close(self) -> None:
        self._client.close()


class Listening:
    """Events of a stream, in their order, as `(id, event, data)`."""

    def __init__(self, url: str, cookies: dict[str, str], headers: dict[str, str]) -> None:
        self.got: list[tuple[str, str, Any]] = []
        self._client = httpx.Client(base_url=url, cookies=cookies, timeout=httpx.Timeout(20, read=60))
        self._thread = Thread(target=self._run, args=(headers,), daemon=True)
        self._thread.start()
        wait_until(lambda: self.got, "the stream begins")

    def of(self, event: str) -> list[Any]:
        """The data of all events of this name."""
        return [data for _, name, data in list(self.got) if name == event]

    def wait_for(self, event: str) -> Any:
        """The data of the first event of this name."""
        wait_until(lambda: self.of(event), f"the stream says {event}", 30)
        return self.of(event)[0]

    def alarms(self, code: str) -> list[dict[str, Any]]:
        """Every state of alarms with this code, the snapshot's too."""
        groups = [*self.of("snapshot"), *self.of("alarms")]
        return [one for group in groups for one in group["alarms"] if one["code"] == code]

    def took(self, event: str, data: Any) -> None:
        """Called at each arrival, in the stream's thread."""

    def _run(self, headers: dict[str, str]) -> None:
        try:
            with self._client.stream("GET", "/api/v1/stream", headers=headers) as answer:
                found: dict[str, str] = {}
                for line in answer.iter_lines():
                    name, _, value = line.partition(": ")
                    if name:
                        found[name] = value
                    elif found:
                        data = json.loads(found["data"])
                        self.took(found["event"], data)
                        self.got.append((found.get("id", ""), found["event"], data))
                        found = {}
        except (httpx.TransportError, httpx.StreamError):
            return  # the console has gone


def people(console: ConsoleProcess, *wanted: tuple[str, str, str | None]) -> list[Person]:
    """The admin, then one person for each account, role and operator, with passwords of their own."""
    admin = Person(console)
    assert admin.log_in("admin", console.secret).status_code == 200
    assert admin.change_password(console.secret, PASSWORD).status_code == 200
    found = [admin]
    for account, role, operator in wanted:
        body = {"account": account, "name": account.title(), "roles": [role], "operator": operator}
        secret = admin.post("/accounts", body).json()["secret"]
        person = Person(console)
        assert person.log_in(account, secret).status_code == 200
        assert person.change_password(secret, PASSWORD).status_code == 200
        found.append(person)
    return found
