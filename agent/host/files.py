"""Durable files: what these functions wrote is still there after a power loss.

Guarantees: `write_atomic` leaves either the old or the new content, never a mixture, and both the data
and the name are on the disk when it returns; every OSError comes out as an `AgentError`. Leaves out
locks and formats. The caller must not retry an fsync that failed: the kernel may have dropped the pages.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from agent.model.errors import AgentError, Halt, Refuse, Retry

_TEMPORARY = ".new"
_PIECE = 1 << 20


def translate(error: OSError, path: Path, doing: str) -> AgentError:
    """The error to raise for `error`, met while `doing` (for example `writing`) something to `path`."""
    text = f"{doing} {path} failed: {error.strerror or type(error).__name__}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Retry("disk.full", text, "free space or replicate and remove old recordings", after_s=30.0)
    if error.errno == errno.EEXIST:
        return Refuse("file.exists", text, "choose another name, or move the old file away first")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        advice = "check the mount and the owner of the directory: the agent may not write there"
        return Halt("disk.read-only", text, advice)
    return Halt("disk.error", text, "check the disk (kernel log, SMART) before anything is written again")


def fsync_dir(path: Path) -> None:
    """Make names that were made, renamed or removed in the directory `path` durable."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise translate(error, path, "syncing") from error


def create_exclusive(path: Path, mode: int = 0o600) -> int:
    """A descriptor to write the new file `path`; Refuse `file.exists` when the file exists already.

    The name is not durable before the caller has called `fsync_dir` on its directory.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except OSError as error:
        raise translate(error, path, "creating") from error


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`; raises the plain OSError, because only the caller knows what it means."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def make_directories(path: Path, mode: int = 0o700) -> None:
    """Make `path` and its missing parents, each name durable."""
    if path.is_dir():
        # Whoever made it may have been stopped before its name was durable. None of us can have made it in a
        # directory that we can't write to.
        if os.access(path.parent, os.R_OK | os.W_OK):
            fsync_dir(path.parent)
        return
    make_directories(path.parent, mode)
    try:
        path.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise translate(error, path, "creating") from error
    fsync_dir(path.parent)


def write_atomic(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put `data` into `path`, replacing what was there: temporary file, fsync, rename, fsync directory.

    There is one temporary name per target, so a crash leaves at most one, which the next write replaces.
    Two processes must not write the same path.
    """
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        with suppress(FileNotFoundError):
            temporary.unlink()
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            os.fchmod(fd, mode)
            write_all(fd, data)
            os.fsync(fd)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        finally:
            os.close(fd)
        temporary.replace(path)
    except OSError as error:
        raise translate(error, path, "writing") from error
    fsync_dir(path.parent)


def write_again(path: Path) -> None:
    """Put the bytes of `path` into a new file that takes its place, durably; mode and last write stay.

    For data whose fsync failed or may have failed: the kernel then calls pages clean that it never wrote, and
    a later fsync says that all is well. Those of a copy are dirty. It needs as much room again for a moment.
    """
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        with suppress(FileNotFoundError):
            temporary.unlink()
        source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _copy(source, temporary)
        finally:
            os.close(source)
        temporary.replace(path)
    except OSError as error:
        raise translate(error, path, "writing again") from error
    fsync_dir(path.parent)


def _copy(source: int, target: Path) -> None:
    status = os.fstat(source)
    mode = stat.S_IMODE(status.st_mode)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        while piece := os.read(source, _PIECE):
            write_all(fd, piece)
        os.fchmod(fd, mode)
        os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(fd)
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise
    finally:
        os.close(fd)
