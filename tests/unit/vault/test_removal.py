"""Removal: only what is of the recording, capsule first, again and again to the same end."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model.errors import Halt, Refuse
from agent.vault.removal import SystemRemovalDisk, check_explained, left_of, remove_some

ONE = "01a20ada-2c00-7cef-beed-5ad5e4821e6c"
TWO = "01a20ada-2c00-783e-b0e0-589a5c5c75b7"
NAMES = ("00000000.mp4.age", "00000001.mp4.age", "capsule.age", "manifest.json")


class Watching(SystemRemovalDisk):
    """Keeps the order of the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def unlink(self, path: Path) -> None:
        self.calls.append(path.name)
        super().unlink(path)

    def remove_directory(self, path: Path) -> None:
        self.calls.append(f"rmdir {path.parent.name}")
        super().remove_directory(path)

    def sync_directory(self, path: Path) -> None:
        self.calls.append(f"sync {path.name if path.name != ONE else path.parent.name + '/one'}")
        super().sync_directory(path)


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    for name in (ONE, TWO):
        folder = tmp_path / "recordings" / name
        folder.mkdir(parents=True)
        for file in NAMES:
            (folder / file).write_bytes(b"sealed")
    (tmp_path / "quarantine" / ONE).mkdir(parents=True)
    (tmp_path / "quarantine" / ONE / "00000007.mp4.age.1").write_bytes(b"sealed")
    return tmp_path


def test_order_and_end(vault: Path) -> None:
    disk = Watching()
    assert remove_some(vault, ONE, disk, 64)
    assert disk.calls == [
        "capsule.age", "00000000.mp4.age", "00000001.mp4.age", "manifest.json",
        "sync recordings/one", "rmdir recordings", "sync recordings",
        "00000007.mp4.age.1", "sync quarantine/one", "rmdir quarantine", "sync quarantine",
    ]  # fmt: skip
    assert left_of(vault, [ONE, TWO]) == (TWO,)
    assert sorted(path.name for path in (vault / "recordings" / TWO).iterdir()) == list(NAMES)
    again = Watching()
    assert remove_some(vault, ONE, again, 64)
    assert again.calls == ["sync recordings", "sync quarantine"], "a stop may have come before the last sync"


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
def test_step_by_step(vault: Path, most: int) -> None:
    steps = 0
    while not remove_some(vault, ONE, SystemRemovalDisk(), most):
        steps += 1
        assert left_of(vault, [ONE]) == (ONE,)
        assert steps < 10
    assert left_of(vault, [ONE]) == ()


def test_a_link_is_removed_and_never_followed(vault: Path) -> None:
    outside = vault / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"kept")
    (vault / "recordings" / ONE / "00000002.mp4.age").symlink_to(outside / "file")
    check_explained(vault, ONE)
    assert remove_some(vault, ONE, SystemRemovalDisk(), 64)
    assert (outside / "file").read_bytes() == b"kept"


def test_what_is_unexplained_is_not_removed(vault: Path) -> None:
    check_explained(vault, ONE)
    (vault / "recordings" / ONE / "notes.txt").write_bytes(b"?")
    with pytest.raises(Refuse, match=r"removal\.unexplained"):
        check_explained(vault, ONE)
    (vault / "recordings" / ONE / "notes.txt").unlink()
    (vault / "recordings" / ONE / "folder").mkdir()
    with pytest.raises(Refuse, match=r"removal\.unexplained"):
        check_explained(vault, ONE)
    with pytest.raises(Halt, match=r"removal\.unexplained"):
        remove_some(vault, ONE, SystemRemovalDisk(), 64)
    assert (vault / "recordings" / ONE / "folder").is_dir()


@pytest.mark.parametrize("name", ["..", "", ".", "../recordings", ONE.upper(), ONE + "/.."])
def test_only_a_recordings_id(vault: Path, name: str) -> None:
    with pytest.raises(Refuse, match=r"removal\.bad-id"):
        remove_some(vault, name, SystemRemovalDisk(), 64)
    assert (vault / "recordings" / ONE / "capsule.age").is_file()
