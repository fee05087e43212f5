"""The demo's child processes: started, watched and ended by their own id only.

Guarantees: a child has a process group of its own, so that Ctrl-C reaches the demo alone; it ends with the
demo; `stop` asks, waits and only then kills. What it prints goes to a log file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import agent

_LOG_TAIL = 2000


class Child:
    """One `python -m MODULE ARGUMENT…`, running from the moment it is made."""

    def __init__(self, name: str, module: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self._log = log
        python = sys.executable
        here = str(os.getpid())
        code_path = [str(Path(agent.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [python, "-m", "agent.demo.bound", here, python, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, code_path))},
            )
        # Readable as soon as the process has ended: what a selector can wait for.
        self.ended = os.pidfd_open(self._process.pid)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def stop(self, timeout_s: float) -> int | None:
        """SIGTERM, and SIGKILL after `timeout_s`. Returns the exit code, None when it had to be killed."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None

    def close(self) -> None:
        """Kills it when it still runs, and lets go of it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self.ended)

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
