"""What the keeper does in a vault: a capsule before any segment, a full listing, a harmless quarantine."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from agent.host import files
from agent.model.errors import AgentError, Halt
from agent.model.ids import RecordingId
from agent.vault.identity import open_vault
from agent.vault.store import (
    FoundFile,
    durable_sha256_of,
    free_bytes,
    list_quarantine,
    list_recordings,
    make_durable,
    open_recording,
    original_path,
    prefix_sha256_of,
    quarantine,
    sha256_of,
)

ONE = RecordingId("01a20b87-3fc9-73f8-8307-89737bba7342")


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    open_vault(tmp_path / "vault", None, "id-1")
    return tmp_path / "vault"


def test_a_recording_opens_with_capsule_and_manifest(vault: Path) -> None:
    directory = open_recording(vault, ONE, b"capsule", b"manifest")
    assert directory == vault / "recordings" / ONE
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {
        "capsule.age": b"capsule",
        "manifest.json": b"manifest",
    }
    assert directory.stat().st_mode & 0o777 & ~0o750 == 0
    assert (directory / "capsule.age").stat().st_mode & 0o777 == 0o640


def test_a_recording_is_opened_once(vault: Path) -> None:
    directory = open_recording(vault, ONE, b"capsule", b"manifest")
    with pytest.raises(AgentError) as caught:
        open_recording(vault, ONE, b"other", b"other")
    assert caught.value.code == "file.exists"
    assert (directory / "capsule.age").read_bytes() == b"capsule"


def test_a_recording_needs_its_vault(tmp_path: Path) -> None:
    with pytest.raises(Halt) as caught:
        open_recording(tmp_path, ONE, b"capsule", b"manifest")
    assert caught.value.code == "disk.error"
    assert list(tmp_path.iterdir()) == []


def test_the_capsule_is_durable_before_the_manifest_is_begun(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    real = files.write_atomic

    def watch(path: Path, data: bytes, mode: int = 0o600) -> None:
        written.append(path.name)
        real(path, data, mode)

    monkeypatch.setattr("agent.vault.store.write_atomic", watch)
    open_recording(vault, ONE, b"capsule", b"manifest")
    assert written == ["capsule.age", "manifest.json"]


def test_every_file_is_listed_with_its_size_and_time(vault: Path) -> None:
    directory = open_recording(vault, ONE, b"capsule", b"manifest")
    segment = directory / "00000000.mp4.age"
    segment.write_bytes(b"12345")
    os.utime(segment, ns=(1, 1_795_478_400_123_456_789))
    (vault / "recordings" / "stray").write_bytes(b"")
    (directory / "deep").mkdir()
    (directory / "deep" / "file").write_bytes(b"1")
    (vault / "outside").write_bytes(b"")
    found = list_recordings(vault)
    assert [file.path for file in found] == sorted(
        f"recordings/{name}"
        for name in (
            f"{ONE}/00000000.mp4.age",
            f"{ONE}/capsule.age",
            f"{ONE}/deep/file",
            f"{ONE}/manifest.json",
            "stray",
        )
    )
    assert found[0] == FoundFile(
        path=f"recordings/{ONE}/00000000.mp4.age", size_bytes=5, modified_wall_ns=1_795_478_400_123_456_789
    )


def test_a_link_is_listed_and_not_followed(vault: Path) -> None:
    outside = vault.parent / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"12345")
    (vault / "recordings" / "to-file").symlink_to(outside / "file")
    (vault / "recordings" / "to-nothing").symlink_to(outside / "nothing")
    (vault / "recordings" / "to-directory").symlink_to(outside)
    names = [file.path for file in list_recordings(vault)]
    assert names == ["recordings/to-directory", "recordings/to-file", "recordings/to-nothing"]


def test_a_directory_that_can_not_be_read_is_an_error_and_not_an_empty_one(vault: Path) -> None:
    """An empty listing would close every recording without its last segments."""
    (vault / "recordings").rmdir()
    (vault / "recordings").write_bytes(b"")
    with pytest.raises(Halt) as caught:
        list_recordings(vault)
    assert caught.value.code == "disk.error"


def test_a_missing_recordings_directory_is_an_error(vault: Path) -> None:
    (vault / "recordings").rmdir()
    with pytest.raises(Halt) as caught:
        list_recordings(vault)
    assert caught.value.code == "disk.error"


def test_quarantine_moves_a_file_and_says_where(vault: Path) -> None:
    (vault / "recordings" / "x").mkdir()
    (vault / "recordings" / "x" / "file").write_bytes(b"1")
    assert quarantine(vault, "recordings/x/file") == "quarantine/x/file"
    assert (vault / "quarantine" / "x" / "file").read_bytes() == b"1"
    assert list_recordings(vault) == []


def test_quarantine_never_overwrites(vault: Path) -> None:
    (vault / "recordings" / "x").mkdir()
    moved = []
    for content in (b"1", b"2", b"3"):
        (vault / "recordings" / "x" / "file").write_bytes(content)
        moved.append(quarantine(vault, "recordings/x/file"))
    assert moved == ["quarantine/x/file", "quarantine/x/file.1", "quarantine/x/file.2"]
    assert [(vault / path).read_bytes() for path in moved] == [b"1", b"2", b"3"]


def test_quarantine_never_overwrites_a_link_to_nothing(vault: Path) -> None:
    (vault / "recordings" / "x").mkdir()
    (vault / "recordings" / "x" / "file").symlink_to("nothing")
    assert quarantine(vault, "recordings/x/file") == "quarantine/x/file"
    (vault / "recordings" / "x" / "file").write_bytes(b"2")
    assert quarantine(vault, "recordings/x/file") == "quarantine/x/file.1"
    assert (vault / "quarantine" / "x" / "file").is_symlink()


def test_quarantine_of_what_is_gone_is_an_error(vault: Path) -> None:
    with pytest.raises(Halt) as caught:
        quarantine(vault, "recordings/x/file")
    assert caught.value.code == "disk.error"


@pytest.mark.parametrize(
    "path", ["recordings/x/file", "recordings/x/00000000.mp4.age", "recordings/stray", "recordings/x/.7"]
)
def test_a_name_in_quarantine_says_where_the_file_was(vault: Path, path: str) -> None:
    (vault / "recordings" / "x").mkdir()
    for _ in range(2):
        (vault / path).write_bytes(b"1")
        quarantine(vault, path)
    found = [file.path for file in list_quarantine(vault)]
    assert len(found) == 2
    assert [original_path(name) for name in found] == [path, path]


@pytest.mark.parametrize("doubted", [False, True])
def test_what_another_process_left_is_hashed_as_it_is_and_stays(tmp_path: Path, doubted: bool) -> None:
    data = os.urandom(3 << 20)
    path = tmp_path / "00000000.mp4.age"
    path.write_bytes(data)
    path.chmod(0o640)
    os.utime(path, ns=(7, 1_795_478_400_123_456_789))
    (tmp_path / "00000000.mp4.age.new").write_bytes(b"a copy that a stop cut off")
    inode = path.stat().st_ino
    assert durable_sha256_of(path, doubted=doubted) == hashlib.sha256(data).hexdigest()
    status = path.stat()
    assert (status.st_ino == inode) is not doubted, "a copy takes the place of what may not be on the disk"
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, 1_795_478_400_123_456_789)
    assert path.read_bytes() == data


def test_without_room_for_a_copy_what_is_there_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "00000000.mp4.age"
    path.write_bytes(b"sealed")
    monkeypatch.setattr(os, "write", full)
    assert durable_sha256_of(path, doubted=True) == hashlib.sha256(b"sealed").hexdigest()
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("doubted", "room", "sure"), [(True, True, True), (True, False, False), (False, False, True)]
)
def test_doubt_is_left_only_where_a_doubted_file_could_not_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doubted: bool, room: bool, sure: bool
) -> None:
    def full(_descriptor: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "00000000.mp4.age"
    path.write_bytes(b"sealed")
    if not room:
        monkeypatch.setattr(os, "write", full)
    assert make_durable(path, doubted=doubted) is sure
    assert path.read_bytes() == b"sealed"


@pytest.mark.parametrize("size_bytes", [0, 1, (1 << 20) + 1, 3 << 20, 4 << 20])
def test_a_hash_of_the_beginning_of_a_file(tmp_path: Path, size_bytes: int) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "file").write_bytes(data)
    assert prefix_sha256_of(tmp_path / "file", size_bytes) == hashlib.sha256(data[:size_bytes]).hexdigest()


def test_a_hash_is_that_of_the_whole_file(tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "file").write_bytes(data)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(data).hexdigest()
    with pytest.raises(Halt) as caught:
        sha256_of(tmp_path / "nothing")
    assert caught.value.code == "disk.error"


def test_free_space_is_asked_and_never_guessed(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    assert abs(free_bytes(tmp_path) - status.f_bavail * status.f_frsize) < 1 << 30
    with pytest.raises(Halt) as caught:
        free_bytes(tmp_path / "nothing")
    assert caught.value.code == "disk.error"
