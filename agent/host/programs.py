"""Runs a small program of the system and takes what it prints.

Guarantees: no shell, no input, C locale, a time limit after which it is killed; never raises for a program
that is missing or fails. Leaves out privileges: the caller runs with what it has.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

LIMIT_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How a program ended. `code` is None when it had to be killed."""

    code: int | None
    text: str


def run_program(arguments: Sequence[str], limit_s: float = LIMIT_S) -> Output | None:
    """Its end, or None when it is not installed or may not be started."""
    try:
        done = subprocess.run(
            list(arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_s,
            check=False,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    except subprocess.TimeoutExpired:
        return Output(code=None, text="")
    except OSError:
        return None
    return Output(code=done.returncode, text=done.stdout.decode("utf-8", "replace"))
