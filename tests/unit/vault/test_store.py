"""What the keeper does in a vault: a capsule before any segment, a full listing, a harmless quarantine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from agent.host import files
from agent.model.errors import AgentError, Halt
from agent.model.ids import RecordingId
from agent.vault.identity import open_vault
from agent.vault.store import FoundFile, free_bytes, list_recordings, open_recording, quarantine, sha256_of

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
