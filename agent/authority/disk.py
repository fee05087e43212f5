"""Every change that the key authority makes to a disk, as single steps that a test can stop between.

Guarantees: a step is durable when it returns; `OSError` comes out as an `AgentError`. Leaves out reading.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Protocol

from agent.host.files import fsync_dir, make_directories, translate, write_all, write_atomic


class Disk(Protocol):
    """What the store needs. Each call is one step."""

    def make_directory(self, path: Path) -> None: ...
    def write(self, path: Path, data: bytes, mode: int = 0o600) -> None: ...
    def overwrite_with_zeros(self, path: Path) -> None: ...
    def rename(self, source: Path, target: Path) -> None: ...
    def remove(self, path: Path) -> None: ...
    def remove_tree(self, path: Path) -> None: ...


class SystemDisk:
    """The real one."""

    def make_directory(self, path: Path) -> None:
        """With its parents; only the owner may look in."""
        make_directories(path, 0o700)

    def write(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """The whole file, or nothing of it."""
        write_atomic(path, data, mode)

    def overwrite_with_zeros(self, path: Path) -> None:
        """In place. On flash this does not erase what the cells hold."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                write_all(descriptor, bytes(os.fstat(descriptor).st_size))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise translate(error, path, "overwriting") from None

    def rename(self, source: Path, target: Path) -> None:
        """Within one directory."""
        try:
            source.replace(target)
        except OSError as error:
            raise translate(error, source, "renaming") from None
        fsync_dir(target.parent)

    def remove(self, path: Path) -> None:
        """A file."""
        try:
            path.unlink()
        except OSError as error:
            raise translate(error, path, "removing") from None
        fsync_dir(path.parent)

    def remove_tree(self, path: Path) -> None:
        """A directory with its files."""
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise translate(error, path, "removing") from None
        fsync_dir(path.parent)
