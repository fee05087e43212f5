"""What the keeper does in the vault: open a recording, list it, look at files, quarantine.

Guarantees: a capsule is durable before `open_recording` returns, so there is never a segment without
one; nothing is ever deleted, quarantine moves. The caller writes the ledger leaf next.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from agent.host.files import fsync_dir, make_directories, translate, write_again, write_atomic
from agent.model.errors import Retry
from agent.model.ids import RecordingId
from agent.vault.layout import CAPSULE_NAME, MANIFEST_NAME, QUARANTINE, RECORDINGS, recording_dir

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file in a vault: path relative to the vault, size, time of the last write (wall, ns)."""

    path: str
    size_bytes: int
    modified_wall_ns: int


def open_recording(vault: Path, recording: RecordingId, capsule: bytes, manifest: bytes) -> Path:
    """Makes the recording's directory with capsule and manifest, all durable. Returns the directory."""
    directory = recording_dir(vault, recording)
    try:
        directory.mkdir(mode=0o750)
        write_atomic(directory / CAPSULE_NAME, capsule, mode=0o640)
        write_atomic(directory / MANIFEST_NAME, manifest, mode=0o640)
        fsync_dir(directory.parent)
    except OSError as error:
        raise translate(error, directory, "opening the recording") from None
    return directory


def settle_names(vault: Path) -> None:
    """Makes durable what an earlier process, stopped before its fsync, has made, renamed or removed."""
    for root in (vault / RECORDINGS, vault / QUARANTINE):
        try:
            folders = [Path(folder) for folder, _folders, _names in os.walk(root, onerror=_raise)]
        except OSError as error:
            raise translate(error, root, "listing") from None
        for folder in folders:
            fsync_dir(folder)


def list_recordings(vault: Path) -> list[FoundFile]:
    """Every file and link below `recordings/`, sorted by path. Links are listed, never followed."""
    return _listed(vault, RECORDINGS)


def list_quarantine(vault: Path) -> list[FoundFile]:
    """The same below `quarantine/`."""
    return _listed(vault, QUARANTINE)


def _listed(vault: Path, below: str) -> list[FoundFile]:
    found: list[FoundFile] = []
    root = vault / below
    try:
        for folder, folders, names in os.walk(root, onerror=_raise):
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            for name in (*names, *links):
                path = Path(folder) / name
                status = path.lstat()
                found.append(
                    FoundFile(
                        path=str(path.relative_to(vault)),
                        size_bytes=status.st_size,
                        modified_wall_ns=status.st_mtime_ns,
                    )
                )
    except OSError as error:
        raise translate(error, root, "listing") from None
    return sorted(found, key=lambda file: file.path)


def _raise(error: OSError) -> None:
    """For os.walk, which else passes over what it can't read."""
    raise error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise translate(error, path, "reading") from None


def prefix_sha256_of(path: Path, size_bytes: int) -> str:
    """SHA-256 of the first `size_bytes` bytes of a file, or of all of a shorter one, in hex."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while size_bytes > 0 and (piece := stream.read(min(size_bytes, _PIECE))):
                digest.update(piece)
                size_bytes -= len(piece)
    except OSError as error:
        raise translate(error, path, "reading") from None
    return digest.hexdigest()


def make_durable(path: Path, *, doubted: bool) -> bool:
    """Makes a file that another process left, and its name, durable. False when doubt is left.

    For what gets a leaf without having been closed by us: a leaf must not outlive its file. `doubted` when an
    fsync of it has failed, or nobody knows: then it is written again, and without room for that only synced.
    """
    if doubted:
        try:
            write_again(path)
        except Retry:
            _sync(path)
            return False
        return True
    _sync(path)
    return True


def durable_sha256_of(path: Path, *, doubted: bool) -> str:
    """`make_durable`, whatever doubt is left, and the SHA-256 of the file, in hex."""
    make_durable(path, doubted=doubted)
    return sha256_of(path)


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise translate(error, path, "syncing") from None
    fsync_dir(path.parent)


def quarantine(vault: Path, relative: str) -> str:
    """Moves a file that can't be explained aside, durably; returns its new path in the vault."""
    source = vault / relative
    target_dir = vault / QUARANTINE / Path(relative).parent.name
    target = target_dir / Path(relative).name
    try:
        make_directories(target_dir, 0o750)
        suffix = 0
        while os.path.lexists(target):
            suffix += 1
            target = target_dir / f"{Path(relative).name}.{suffix}"
        source.rename(target)
        fsync_dir(target_dir)
        fsync_dir(source.parent)
    except OSError as error:
        raise translate(error, source, "moving aside") from None
    return str(target.relative_to(vault))


def original_path(quarantined: str) -> str:
    """Where `quarantine` found the file that is now at `quarantined`, both in the vault."""
    name = Path(quarantined).name
    stem, _, suffix = name.rpartition(".")
    if suffix.isascii() and suffix.isdigit() and stem:
        name = stem
    folder = Path(quarantined).parent.name
    return f"{RECORDINGS}/{name}" if folder == RECORDINGS else f"{RECORDINGS}/{folder}/{name}"


def free_bytes(vault: Path) -> int:
    """Bytes that this process may still write. Unknown counts as none (raises, never guesses)."""
    try:
        status = os.statvfs(vault)
    except OSError as error:
        raise translate(error, vault, "asking for the free space of") from None
    return status.f_bavail * status.f_frsize
