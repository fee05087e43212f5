"""Durable writes: all or nothing, and errors with a code."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agent.host import files
from agent.model.errors import AgentError, Halt, Refuse, Retry


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, Retry, "disk.full"),
        (errno.EROFS, Halt, "disk.read-only"),
        (errno.EACCES, Halt, "disk.read-only"),
        (errno.EIO, Halt, "disk.error"),
    ],
)
def test_errors_get_a_code(number: int, kind: type[AgentError], code: str) -> None:
    error = files.translate(OSError(number, os.strerror(number)), Path("/x"), "writing")
    assert (type(error), error.code) == (kind, code)


def test_write_atomic_replaces_and_sets_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_atomic(path, b"old")
    files.write_atomic(path, b"new", 0o400)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o400
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    files.write_atomic(path, b"old")

    def full(fd: int, data: bytes) -> None:
        os.write(fd, data[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_all", full)
    with pytest.raises(Retry, match="No space left"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_create_exclusive_never_opens_what_is_there(tmp_path: Path) -> None:
    os.close(files.create_exclusive(tmp_path / "file"))
    with pytest.raises(Refuse) as caught:
        files.create_exclusive(tmp_path / "file")
    assert caught.value.code == "file.exists"
