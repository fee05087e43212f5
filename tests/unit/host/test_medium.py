"""The medium as the kernel describes it; what it does not say stays unknown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host import medium
from agent.host.medium import Medium, SystemTrim, Trimmed, medium_of
from tests.fakes.agents import wait_until


def device_of(path: Path) -> str:
    number = path.stat().st_dev
    return f"{os.major(number)}:{os.minor(number)}"


def mounts(tmp_path: Path, options: str = "rw,relatime", super_options: str = "rw") -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(f"1 0 {device_of(tmp_path)} / / {options} shared:1 - ext4 /dev/sda1 {super_options}\n")
    return path


def disk(tmp_path: Path, name: str, **facts: str) -> Path:
    """A sysfs of one disk; keys name files, `_` is `/`."""
    root = tmp_path / "sys"
    place = root / "devices" / "pci" / name
    for key, value in facts.items():
        path = place / key.replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")
    link = root / "dev" / "block" / device_of(tmp_path)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(place)
    return root


def test_a_disk_that_says_everything(tmp_path: Path) -> None:
    root = disk(
        tmp_path, "nvme0n1", device_vendor="  ACME ", device_model="SSD 9\x01", device_serial="S123",
        removable="0", queue_rotational="0",
    )  # fmt: skip
    assert medium_of(tmp_path, root, mounts(tmp_path, super_options="rw,discard")) == Medium(
        maker="ACME", model="SSD 9", serial="S123", kind="flash", removable=False, file_system="ext4",
        discards_on_unlink=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rotational", "kind"),
    [("sda", "1", "magnetic"), ("sda", "0", "flash"), ("vda", "1", "virtual"), ("loop3", "0", "virtual"),
     ("mmcblk0", "0", "flash"), ("sda", "", None)],
)  # fmt: skip
def test_kinds(tmp_path: Path, name: str, rotational: str, kind: str | None) -> None:
    root = disk(tmp_path, name, queue_rotational=rotational)
    found = medium_of(tmp_path, root, mounts(tmp_path))
    assert (found.kind, found.maker, found.model, found.serial) == (kind, None, None, None)
    assert found.discards_on_unlink is False


def test_through_a_partition_and_a_mapping(tmp_path: Path) -> None:
    root = disk(tmp_path, "dm-0", removable="0")
    whole = root / "devices" / "pci" / "sda"
    part = whole / "sda1"
    (whole / "device").mkdir(parents=True)
    (whole / "device" / "model").write_text("HDD\n")
    part.mkdir()
    (part / "partition").write_text("1\n")
    slaves = root / "devices" / "pci" / "dm-0" / "slaves"
    slaves.mkdir()
    (slaves / "sda1").symlink_to(part)
    assert medium_of(tmp_path, root, mounts(tmp_path)).model == "HDD"
    (slaves / "sdb1").symlink_to(part)
    assert medium_of(tmp_path, root, mounts(tmp_path)).model is None, "two disks have no single serial number"


def test_nothing_is_known(tmp_path: Path) -> None:
    assert medium_of(tmp_path, tmp_path / "none", tmp_path / "none") == Medium()
    assert medium_of(tmp_path / "gone", tmp_path / "none", tmp_path / "none") == Medium()
    assert medium_of(tmp_path, tmp_path / "none", mounts(tmp_path)).file_system == "ext4"


def program(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "fstrim"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return (str(path),)


def ended(trim: SystemTrim) -> Trimmed:
    found: list[Trimmed] = []

    def has_ended() -> bool:
        if (result := trim.result(0)) is not None:
            found.append(result)
        return bool(found)

    wait_until("the end of the discard", has_ended)
    return found[0]


@pytest.mark.parametrize(
    ("script", "result"),
    [
        ('echo "$3: 5 GiB (5 bytes) trimmed"', Trimmed(done=True, text="fstrim: 5 GiB (5 bytes) trimmed")),
        ('echo "fstrim: $3: FITRIM ioctl failed: Operation not permitted"; exit 1',
         Trimmed(done=False, text="fstrim failed: Operation not permitted")),
        ("exit 32", Trimmed(done=False, text="fstrim failed: exit 32")),
    ],
)  # fmt: skip
def test_what_fstrim_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, result: Trimmed
) -> None:
    monkeypatch.setattr(medium, "_FSTRIM", program(tmp_path, script))
    trim = SystemTrim()
    trim.start(tmp_path)
    assert ended(trim) == result
    assert str(tmp_path) not in result.text


def test_one_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medium, "_FSTRIM", program(tmp_path, "exec sleep 60"))
    trim = SystemTrim()
    trim.start(tmp_path)
    assert trim.result(1) is None
    assert trim.result(medium.LIMIT_S) == Trimmed(done=False, text="fstrim did not end within 300 s")


def test_without_fstrim_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trim = SystemTrim()
    assert trim.result(0) == Trimmed(done=False, text="fstrim was not started")
    monkeypatch.setattr(medium, "_FSTRIM", (str(tmp_path / "none"),))
    trim.start(tmp_path)
    assert trim.result(0) == Trimmed(done=False, text="fstrim is not installed")
