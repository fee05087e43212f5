"""One process at a time in a directory, by an exclusive flock on the directory itself.

Guarantees: the lock is let go at the end of the block and when the process ends, however it does; nothing is
written. Leaves out networked file systems and processes that don't ask for the lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.host.files import translate
from agent.model.errors import Refuse


@contextmanager
def locked(directory: Path, busy: Refuse | None = None) -> Iterator[None]:
    """Holds the lock for the block. Raises `busy` when another process has it; waits for it without one."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise translate(error, directory, "opening") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if busy is None else fcntl.LOCK_NB))
        except BlockingIOError:
            if busy is None:
                raise
            raise busy from None
        yield
    finally:
        os.close(descriptor)
