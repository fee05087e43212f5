"""A real agent in a temporary directory: configuration, process, waiting for facts, reading the result.

Guarantees: `running` ends the agent it started, by its own pid; waiting is on facts with a deadline,
never on time alone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.check import read_leaves
from agent.ledger.signing import SigningKey
from agent.model.errors import AgentError
from agent.runtime.verify import VerifyReport, verify_vault

ROOT = Path(__file__).resolve().parents[2]
SYNTHETIC = 'kind = "synthetic"\nwidth = 640\nheight = 360\nrate = "25"\nbitrate_bps = 1000000\ngop_s = 0.4\n'
PLAN = 'plan = { scene = "imaging-diagnosis", place = ["lab"], responsible = "tester", policy = "test-1" }'


@dataclass(frozen=True, slots=True)
class Box:
    """Paths of one test box."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "agent.toml"

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def custodian(self) -> Path:
        return self.root / "custodian.txt"

    @property
    def access(self) -> tuple[str, ...]:
        """What `edgeward open` must know of who opens, and why."""
        return ("--purpose", "test", "--sign", str(self.root / "operator.key"))

    def status(self) -> Mapping[str, Any]:
        try:
            parsed: Mapping[str, Any] = json.loads((self.root / "run" / "status.json").read_text())
        except (OSError, ValueError):
            return {"channels": [], "alarms": [], "leaves": 0}
        return parsed

    def leaves(self, *kinds: LeafType) -> list[Leaf]:
        """Leaves so far; empty while there is no ledger."""
        try:
            found = list(read_leaves(self.vault / "ledger"))
        except (AgentError, OSError):
            return []
        return [leaf for leaf in found if not kinds or leaf.type in kinds]

    def verify(self) -> VerifyReport:
        return verify_vault(self.vault, (self.root / "state" / "signing.vkey").read_text().strip())


def make_box(
    root: Path,
    *,
    source: str = SYNTHETIC,
    spec: str = 'width = 640\nheight = 360\nrate = "25"\n',
    segment_s: float = 1.0,
    channels: int = 1,
    extra: str = "",
) -> Box:
    """Writes a configuration, a custodian's key and an operator's."""
    box = Box(root)
    SigningKey.generate(os.urandom(32), "edgeward.operator/tester").save(root / "operator.key")
    made = cli("keygen", "-o", str(box.custodian))
    parts = [
        f'[box]\nid = "test-box"\nstate_dir = "{root}/state"\nvault_dir = "{root}/vault"\n'
        f'runtime_dir = "{root}/run"\n',
        f'[custodians]\nrecipients = ["{made.stdout.strip()}"]\n',
        f"[segments]\nseconds = {segment_s}\nkeep_free_bytes = 0\n",
        extra,
    ]
    parts += [
        f'[[channel]]\nid = "ch{number}"\ncategory = "dt"\nlevel = 4\npurpose = "test"\n'
        f'lawful_basis = "test"\n{PLAN}\n[channel.source]\n{source}\n[channel.spec]\n{spec}'
        for number in range(channels)
    ]
    box.config.write_text("\n".join(parts))
    return box


def cli(*arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Runs `edgeward` with `arguments`."""
    return subprocess.run(
        [sys.executable, "-m", "agent.cli.main", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def start(box: Box, **environment: str) -> subprocess.Popen[str]:
    """The daemon, with its log in `log.txt` of the box."""
    with (box.root / "log.txt").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "agent.cli.main", "run", "-c", str(box.config)],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )


def stop(process: subprocess.Popen[str], timeout_s: float = 20.0) -> int:
    """First signal, then the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return process.wait(timeout_s)


@contextmanager
def running(box: Box) -> Iterator[subprocess.Popen[str]]:
    """An agent that is ended cleanly, and killed when that fails."""
    process = start(box)
    try:
        yield process
        stop(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_until(what: str, holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Polls a fact until it holds; fails with its name after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened within {timeout_s} s: {what}")
        time.sleep(0.02)  # the distance of two looks, not a wait for anything


def wait_for_segments(box: Box, count: int, timeout_s: float = 30.0) -> None:
    """Until the ledger has `count` segment leaves."""
    wait_until(f"{count} segments", lambda: len(box.leaves(LeafType.SEGMENT)) >= count, timeout_s)
