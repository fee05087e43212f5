"""One process at a time in a directory, by an exclusive flock on the directory itself.

Guarantees: the lock is let go at the end of the block or with the descriptor, and when the process ends,
however it does; nothing is written. Leaves out networked file systems and processes that don't ask for the
lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.host.files import translate
from agent.model.errors import AgentError


def hold(directory: Path, busy: AgentError | None = None) -> int:
    """A descriptor that holds the lock until it is closed. Raises `busy` when another process has it.

    Without `busy` it waits.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise translate(error, directory, "opening") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if busy is None else fcntl.LOCK_NB))
    except OSError as error:
        os.close(descriptor)
        if busy is not None and isinstance(error, BlockingIOError):
            raise busy from error
        raise translate(error, directory, "locking") from error
    return descriptor


@contextmanager
def locked(directory: Path, busy: AgentError | None = None) -> Iterator[None]:
    """Holds the lock for the block. Errors as of `hold`."""
    descriptor = hold(directory, busy)
    try:
        yield
    finally:
        os.close(descriptor)
