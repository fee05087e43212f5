"""One segment file: exclusive, sealed pieces only, hashed as written, honest after each error of the disk."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from agent.model.errors import Halt, Retry
from agent.model.ids import RecordingId
from agent.model.media import Accepted, Sealed, Stored, SyncedPrefix
from agent.vault.segment_file import SegmentFile

ONE = RecordingId("01a20b87-3fc9-73f8-8307-89737bba7342")
PIECE = Sealed(b"sealed" * 100, final=False)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_closed_file_holds_what_was_written_and_is_named_and_hashed(tmp_path: Path) -> None:
    before = descriptors()
    file = SegmentFile(tmp_path, ONE, 7)
    file.write(PIECE)
    file.write(Sealed(b"end", final=True))
    assert file.size_bytes == 603
    data = PIECE.data + b"end"
    assert file.close(final=True) == Stored(
        recording=ONE,
        number=7,
        name="00000007.mp4.age",
        size_bytes=603,
        sha256=hashlib.sha256(data).hexdigest(),
        final=True,
    )
    assert (tmp_path / "00000007.mp4.age").read_bytes() == data
    assert (tmp_path / "00000007.mp4.age").stat().st_mode & 0o777 & ~0o640 == 0
    assert descriptors() == before


def test_a_file_that_is_there_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "00000000.mp4.age").write_bytes(b"old")
    with pytest.raises(Halt) as caught:
        SegmentFile(tmp_path, ONE, 0)
    assert caught.value.code == "vault.occupied"
    assert (tmp_path / "00000000.mp4.age").read_bytes() == b"old"


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "00000000.mp4.age").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Halt) as caught:
        SegmentFile(tmp_path, ONE, 0)
    assert caught.value.code == "vault.occupied"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("piece", [b"clear", bytearray(b"clear"), Accepted(b"clear", 1, 1), None])
def test_only_sealed_pieces_are_written(tmp_path: Path, piece: object) -> None:
    file = SegmentFile(tmp_path, ONE, 0)
    with pytest.raises(TypeError, match="only sealed pieces"):
        file.write(piece)  # type: ignore[arg-type]
    assert file.close(final=False).size_bytes == 0
    assert (tmp_path / "00000000.mp4.age").read_bytes() == b""


def test_what_was_abandoned_stays_and_is_not_final(tmp_path: Path) -> None:
    before = descriptors()
    file = SegmentFile(tmp_path, ONE, 0)
    file.write(PIECE)
    stored = file.abandon()
    assert (stored.final, stored.size_bytes) == (False, 600)
    assert stored.sha256 == hashlib.sha256(PIECE.data).hexdigest()
    assert (tmp_path / "00000000.mp4.age").read_bytes() == PIECE.data
    assert descriptors() == before


def test_what_was_abandoned_says_up_to_where_it_was_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SegmentFile(tmp_path, ONE, 0)
    file.write(PIECE)
    file.sync()
    file.write(PIECE)
    monkeypatch.setattr("agent.vault.segment_file.os.fdatasync", broken_sync)
    with pytest.raises(Halt):
        file.sync()
    stored = file.abandon()
    assert stored.size_bytes == 1200
    assert stored.synced == SyncedPrefix(size_bytes=600, sha256=hashlib.sha256(PIECE.data).hexdigest())


def test_nothing_is_synced_before_the_first_sync(tmp_path: Path) -> None:
    file = SegmentFile(tmp_path, ONE, 0)
    file.write(PIECE)
    assert file.abandon().synced == SyncedPrefix(size_bytes=0, sha256=hashlib.sha256().hexdigest())


def test_a_file_that_is_all_synced_has_no_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SegmentFile(tmp_path, ONE, 0)
    file.write(PIECE)
    file.sync()
    assert file.abandon().synced is None
    file = SegmentFile(tmp_path, ONE, 1)
    file.write(PIECE)
    assert file.close(final=True).synced is None
    file = SegmentFile(tmp_path, ONE, 2)
    file.write(PIECE)
    monkeypatch.setattr("agent.vault.segment_file.os.fsync", broken_sync)
    with pytest.raises(Halt):
        file.close(final=True)
    synced = file.abandon().synced
    assert synced is not None
    assert synced.size_bytes == 0


def broken_sync(_fd: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    file = SegmentFile(tmp_path, ONE, 0)
    monkeypatch.setattr("agent.vault.segment_file.os.write", lambda fd, data: real(fd, data[:7]))
    file.write(PIECE)
    monkeypatch.undo()
    stored = file.close(final=True)
    assert (tmp_path / stored.name).read_bytes() == PIECE.data
    assert (stored.size_bytes, stored.sha256) == (600, hashlib.sha256(PIECE.data).hexdigest())


def test_an_error_in_the_middle_of_a_piece_counts_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    calls: list[int] = []

    def torn(fd: int, data: memoryview) -> int:
        calls.append(1)
        if len(calls) == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(fd, data[:100])

    file = SegmentFile(tmp_path, ONE, 0)
    monkeypatch.setattr("agent.vault.segment_file.os.write", torn)
    with pytest.raises(Halt) as caught:
        file.write(PIECE)
    monkeypatch.undo()
    assert caught.value.code == "disk.error"
    stored = file.abandon()
    assert (tmp_path / stored.name).read_bytes() == PIECE.data[:200]
    assert (stored.size_bytes, stored.sha256) == (200, hashlib.sha256(PIECE.data[:200]).hexdigest())


@pytest.mark.parametrize("call", ["fsync", "fdatasync"])
def test_a_failed_sync_is_never_taken_for_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    before = descriptors()
    file = SegmentFile(tmp_path, ONE, 0)
    file.write(PIECE)
    monkeypatch.setattr(f"agent.vault.segment_file.os.{call}", broken)
    with pytest.raises(Halt) as caught:
        if call == "fsync":
            file.close(final=True)
        else:
            file.sync()
    assert caught.value.code == "disk.error"
    monkeypatch.undo()
    if call == "fdatasync":
        file.abandon()
    assert (tmp_path / "00000000.mp4.age").read_bytes() == PIECE.data
    assert descriptors() == before


def test_a_file_without_pictures_that_can_not_be_taken_away_hides_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    monkeypatch.setattr(os, "unlink", broken)
    with pytest.raises(Halt) as caught:
        SegmentFile(tmp_path, ONE, 0)
    assert caught.value.code == "disk.error"
    monkeypatch.undo()
    with pytest.raises(Halt) as caught:
        SegmentFile(tmp_path, ONE, 0)
    assert caught.value.code == "vault.occupied"


def test_a_full_disk_is_told_and_costs_nothing_that_was_written(small_disk: Path) -> None:
    file = SegmentFile(small_disk, ONE, 0)
    with pytest.raises(Retry) as caught:
        for _ in range(1000):
            file.write(PIECE)
    assert caught.value.code == "disk.full"
    assert caught.value.after_s == 30.0
    assert str(small_disk / "00000000.mp4.age") in caught.value.text
    assert "No space left on device" in caught.value.text
    stored = file.abandon()
    data = (small_disk / stored.name).read_bytes()
    assert 200_000 < len(data) == stored.size_bytes
    assert stored.sha256 == hashlib.sha256(data).hexdigest()


def test_a_disk_that_may_not_be_written_halts(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(Halt) as caught:
        SegmentFile(small_disk, ONE, 0)
    assert caught.value.code == "disk.read-only"
    assert "Read-only file system" in caught.value.text
    assert list(small_disk.iterdir()) == []


def test_a_missing_directory_halts(tmp_path: Path) -> None:
    with pytest.raises(Halt) as caught:
        SegmentFile(tmp_path / "nothing", ONE, 0)
    assert caught.value.code == "disk.error"
