"""The only code that removes anything of a recording (a test proves it: tests/architecture/test_removal.py).

Guarantees: only files of the named recording, in its own directory and in quarantine, and only regular files
and links; the capsule goes first, so that a stop at any call leaves nothing that can be opened with what is
left here; each directory is durable after its last file; doing it again goes on where it stopped. The caller
must have written the leaf that allows it (`destroy-executed` with phase `intent`, or `evicted`) before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from agent.host.files import fsync_dir, translate
from agent.model.errors import Halt, Refuse
from agent.model.ids import RecordingId, is_recording_id
from agent.vault.layout import CAPSULE_NAME, MANIFEST_NAME, QUARANTINE, recording_dir, segment_number


class RemovalDisk(Protocol):
    """Every change that removal makes, as single steps that a test can stop between."""

    def unlink(self, path: Path) -> None: ...
    def remove_directory(self, path: Path) -> None: ...
    def sync_directory(self, path: Path) -> None: ...


class SystemRemovalDisk:
    """The real one."""

    def unlink(self, path: Path) -> None:
        """A file or link; one that is gone already counts as removed."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise translate(error, path, "removing") from None

    def remove_directory(self, path: Path) -> None:
        """An empty directory."""
        try:
            path.rmdir()
        except OSError as error:
            raise translate(error, path, "removing") from None

    def sync_directory(self, path: Path) -> None:
        fsync_dir(path)


def places_of(vault: Path, recording: str) -> tuple[Path, Path]:
    """The two directories that may hold files of a recording: its own, and that in quarantine."""
    if not is_recording_id(recording):
        raise Refuse("removal.bad-id", "this is no recording's id", "see: edgeward recordings")
    return recording_dir(vault, RecordingId(recording)), vault / QUARANTINE / recording


def check_explained(vault: Path, recording: str) -> None:
    """Refuse `removal.unexplained` for what lies in the recording's directories and is no file of it.

    Nothing that can't be explained is removed: recovery puts such files into quarantine at the next boot,
    where they belong to this recording and go with it.
    """
    own, aside = places_of(vault, recording)
    for place in (own, aside):
        for path in _listed(place):
            if not _is_file(path) or (place == own and not _is_name(path.name)):
                raise Refuse(
                    "removal.unexplained",
                    f"{path} is no file of a recording",
                    "restart the agent: recovery moves what no leaf names into quarantine; then ask again",
                )


def remove_some(vault: Path, recording: str, disk: RemovalDisk, most: int) -> bool:
    """Removes up to `most` files of a recording. Returns True when nothing of it is left, durably.

    Halt `removal.unexplained` for a directory inside; Halt or Retry `disk.*`.
    """
    for place in places_of(vault, recording):
        if not place.is_dir():
            # A stop may have come between removing the directory and making that durable.
            if place.parent.is_dir():
                disk.sync_directory(place.parent)
            continue
        paths = sorted(_listed(place), key=_order)
        for path in paths[:most]:
            if not _is_file(path):
                raise Halt(
                    "removal.unexplained",
                    f"{path} is not a file",
                    "look what it is, move it away, and let the agent go on",
                )
            disk.unlink(path)
        if len(paths) > most:
            return False
        most -= len(paths)
        disk.sync_directory(place)
        disk.remove_directory(place)
        disk.sync_directory(place.parent)
    return True


def left_of(vault: Path, recordings: Iterable[str]) -> tuple[str, ...]:
    """The verification: the recordings of which anything is still in the vault."""
    return tuple(
        name for name in recordings if any(os.path.lexists(place) for place in places_of(vault, name))
    )


def _listed(place: Path) -> list[Path]:
    try:
        return list(place.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise translate(error, place, "listing") from None


def _order(path: Path) -> tuple[int, str]:
    """Capsule, segments, manifest last: it says what the directory was."""
    return (0 if path.name == CAPSULE_NAME else 2 if path.name == MANIFEST_NAME else 1, path.name)


def _is_name(name: str) -> bool:
    return name in (CAPSULE_NAME, MANIFEST_NAME) or segment_number(name) is not None


def _is_file(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise translate(error, path, "looking at") from None
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)
