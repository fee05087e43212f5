"""A small disk of its own for one test: can be filled up and made read-only. Needs root.

Guarantees: it is gone when the block is left. A test that uses it is marked `requires("mount (as root)")`.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, leave_bytes: int = 0) -> Path:
        """Writes a file that leaves only `leave_bytes` free. Returns it, to be removed again."""
        filler = self.path / "filler"
        with filler.open("wb") as file:
            while True:
                status = os.statvfs(self.path)
                try:
                    os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - leave_bytes)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    continue  # an agent that records took some of it in between: look again
                return filler

    def make_read_only(self) -> None:
        """Only possible while no file is open for writing."""
        _run("mount", "-o", "remount,ro", str(self.path))


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """A new empty disk at `path` of `size` (as mount(8) spells it, `8m`)."""
    path.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path))
    try:
        yield SmallDisk(path)
    finally:
        _run("umount", "--lazy", str(path))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
