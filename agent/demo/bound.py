"""Becomes another program that ends with its parent: `python -m agent.demo.bound PARENT PROGRAM ARGUMENT…`.

Guarantees: the program gets SIGTERM when process PARENT ends in whatever way, so that a killed demo leaves
nothing running. Linux only (prctl(2)); the wish survives execve(2), not fork(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Does not return, unless the parent is gone already."""
    parent, program = int(arguments[0]), arguments[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() == parent:
        os.execv(program[0], program)  # noqa: S606 - no shell is what we want
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
