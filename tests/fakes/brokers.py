"""Real MQTT 5 brokers on a free loopback port: mosquitto and iotcore (rumqttd).

Guarantees: `start` returns when the port answers; `kill` is SIGKILL; a restart takes the same port. What
the broker knew is gone then, because neither has a disk here. Nothing listens outside of 127.0.0.1.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.demo.broker import TOML

LOOPBACK = "127.0.0.1"
SHIPPED = Path(__file__).parents[2] / "systemd" / "mosquitto"
START_S = 15.0
_IOTCORE_CHILD = """
import sys
from iotcore.iotcore import IotCoreBroker
IotCoreBroker(config_path=sys.argv[1]).run_forever()
"""


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = 20.0) -> None:
    """Return as soon as `condition` holds; AssertionError naming `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.02)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class BrokerProcess:
    """A broker that can be started, stopped and killed on one port."""

    def __init__(self, name: str, command: Sequence[str], port: int, log: Path) -> None:
        self.name = name
        self.host = LOOPBACK
        self.port = port
        self._command = list(command)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now. RuntimeError when none does."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    def start(self) -> None:
        """Run it and wait until it accepts connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._answers, f"{self.name} listens (see {self._log})", START_S)

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait. Nothing happens when it doesn't run."""
        self._end(kill=False)

    def kill(self) -> None:
        """End it without asking (SIGKILL)."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill() if kill else process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"{self.name} ended at its start: {self._log.read_text()}")
        try:
            with socket.create_connection((self.host, self.port), timeout=0.5):
                return True
        except OSError:
            return False


def mosquitto_broker(folder: Path, *, acl: str | None = None, passwords: str | None = None) -> BrokerProcess:
    """mosquitto, not started. `acl` is the text of an ACL file, `passwords` of a mosquitto_passwd file."""
    port = free_port()
    # persistence off: it would be written as another user; allow_anonymous as the shipped file forbids it.
    lines = [
        f"listener {port} {LOOPBACK}",
        "persistence false",
        "log_type all",
        f"allow_anonymous {'false' if passwords else 'true'}",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # else it becomes `mosquitto` and can't read the folder of the test
    for option, text in (("acl_file", acl), ("password_file", passwords)):
        if text is not None:
            file = folder / option
            file.write_text(text)
            lines.append(f"{option} {file}")
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    return BrokerProcess("mosquitto", [_mosquitto(), "-c", str(config)], port, folder / "mosquitto.log")


def shipped_broker(folder: Path, *, uncomment: Sequence[str] = ()) -> BrokerProcess:
    """mosquitto with the files of systemd/mosquitto, not started; only paths and the port are other ones.

    `folder` holds ca.pem, broker.pem, broker.key. Lines of either file that begin with a text of
    `uncomment` behind their `#` are switched on.
    """
    port = free_port()
    for name in ("edgeward.conf", "edgeward.acl"):
        text = (SHIPPED / name).read_text()
        for wanted in uncomment:
            text = text.replace(f"\n#{wanted}", f"\n{wanted}")
        text = text.replace("\nlistener 8883\n", f"\nlistener {port} {LOOPBACK}\n")
        (folder / name).write_text(text.replace("/etc/mosquitto/edgeward/", f"{folder}/"))
    # What Debian's /etc/mosquitto/mosquitto.conf says around it.
    main = [f"persistence_location {folder}/", "log_type all"]
    if os.geteuid() == 0:
        main.append("user root")
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(main) + "\n" + (folder / "edgeward.conf").read_text())
    return BrokerProcess("mosquitto", [_mosquitto(), "-c", str(config)], port, folder / "mosquitto.log")


def _mosquitto() -> str:
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin") or "mosquitto"


def iotcore_broker(folder: Path) -> BrokerProcess:
    """iotcore's broker, not started."""
    port = free_port()
    config = folder / "rumqttd.toml"
    config.write_text(TOML.format(host=LOOPBACK, port=port))
    command = [sys.executable, "-c", _IOTCORE_CHILD, str(config)]
    return BrokerProcess("iotcore", command, port, folder / "iotcore.log")


@contextmanager
def mosquitto(folder: Path) -> Iterator[tuple[str, int]]:
    """A running mosquitto: `(host, port)`."""
    with running(mosquitto_broker(folder)) as broker:
        yield broker.host, broker.port


@contextmanager
def iotcore(folder: Path) -> Iterator[tuple[str, int]]:
    """A running iotcore: `(host, port)`."""
    with running(iotcore_broker(folder)) as broker:
        yield broker.host, broker.port


@contextmanager
def running(broker: BrokerProcess) -> Iterator[BrokerProcess]:
    """`broker`, started, and stopped at the end whatever happens."""
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
