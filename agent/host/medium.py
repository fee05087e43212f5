"""What a directory lies on: maker, model, serial number and kind of its disk, and whether it can be told to
discard freed blocks.

Guarantees: reads sysfs and mountinfo only; what the kernel does not say is None, never guessed. `SystemTrim`
runs fstrim(8) beside the caller, reports what it said, and ends it after `LIMIT_S`. Leaves out what a discard
means: a medium may keep the old cells (docs/formats/destruction-v1.md, Limits).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LIMIT_S = 300.0
_FSTRIM = ("/usr/sbin/fstrim", "/sbin/fstrim")


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """The disk under a directory. `kind` is `flash`, `magnetic`, `virtual`, `memory` or None."""

    maker: str | None = None
    model: str | None = None
    serial: str | None = None
    kind: str | None = None
    removable: bool | None = None
    file_system: str | None = None
    discards_on_unlink: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """How a discard ended. `done` is true only when the file system confirmed it."""

    done: bool
    text: str


class Trim(Protocol):
    """Tells the file system of a directory to discard its free blocks."""

    def start(self, path: Path) -> None: ...
    def result(self, waited_s: float) -> Trimmed | None: ...


def medium_of(path: Path, sys_root: Path = Path("/sys"), mountinfo: Path | None = None) -> Medium:
    """The medium of `path`. Never raises: what can't be read is not known."""
    try:
        number = path.stat().st_dev
    except OSError:
        return Medium()
    device = f"{os.major(number)}:{os.minor(number)}"
    file_system, options = _mount_of(device, mountinfo or Path("/proc/self/mountinfo"))
    discards = None if options is None else "discard" in options
    if file_system in ("tmpfs", "ramfs"):
        return Medium(kind="memory", file_system=file_system, discards_on_unlink=None)
    disk = _disk_of(sys_root / "dev" / "block" / device)
    if disk is None:
        return Medium(file_system=file_system, discards_on_unlink=discards)
    removable = word(disk / "removable")
    return Medium(
        maker=word(disk / "device" / "vendor") or word(disk / "device" / "manfid"),
        model=word(disk / "device" / "model") or word(disk / "device" / "name"),
        serial=word(disk / "device" / "serial"),
        kind=_kind(disk),
        removable=None if removable is None else removable == "1",
        file_system=file_system,
        discards_on_unlink=discards,
    )


def _disk_of(link: Path) -> Path | None:
    """The whole disk behind a block device; through partitions and, where there is one way only, mappings."""
    try:
        found = link.resolve(strict=True)
        for _ in range(8):
            if (found / "partition").exists():
                found = found.parent
            below = sorted((found / "slaves").iterdir()) if (found / "slaves").is_dir() else []
            if len(below) != 1:
                return found if not below else None  # several disks: no single serial number would be true
            found = below[0].resolve(strict=True)
    except OSError:
        return None
    return None


def _kind(disk: Path) -> str | None:
    if disk.name.startswith(("loop", "zram", "ram", "nbd", "vd", "xvd")):
        return "virtual"
    if disk.name.startswith(("nvme", "mmcblk")):
        return "flash"
    rotational = word(disk / "queue" / "rotational")
    return {"0": "flash", "1": "magnetic"}.get(rotational or "")


def word(path: Path) -> str | None:
    """One printable line of at most 100 characters; None when there is none."""
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    text = "".join(c for c in text if 0x20 <= ord(c) < 0x7F)[:100].strip()
    return text or None


def _mount_of(device: str, mountinfo: Path) -> tuple[str | None, set[str] | None]:
    """File system and options of a device; see proc(5), mountinfo."""
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None, None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) >= 6 and len(rest) >= 3 and fields[2] == device:
            return rest[0], {*fields[5].split(","), *rest[2].split(",")}
    return None, None


class SystemTrim:
    """fstrim(8) in a process of its own: on a large disk it takes minutes."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._failed: str | None = None

    def start(self, path: Path) -> None:
        """Begins. What hinders it is told by `result`."""
        program = next((name for name in _FSTRIM if os.access(name, os.X_OK)), None)
        self._process, self._failed = None, None
        if program is None:
            self._failed = "fstrim is not installed"
            return
        try:
            self._process = subprocess.Popen(
                [program, "--verbose", "--", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        except OSError as error:
            self._failed = f"fstrim could not be started: {error.strerror}"

    def result(self, waited_s: float) -> Trimmed | None:
        """None while it runs; ends it after `LIMIT_S`."""
        process = self._process
        if process is None:
            return Trimmed(done=False, text=self._failed or "fstrim was not started")
        if process.poll() is None:
            if waited_s < LIMIT_S:
                return None
            process.kill()
            process.communicate()
            return Trimmed(done=False, text=f"fstrim did not end within {LIMIT_S:.0f} s")
        said = process.communicate()[0].strip().splitlines()
        self._process = None
        # Without the path: the certificate goes to people outside.
        text = said[0].rpartition(": ")[2][:200] if said else f"exit {process.returncode}"
        if process.returncode != 0:
            return Trimmed(done=False, text=f"fstrim failed: {text}")
        return Trimmed(done=True, text=f"fstrim: {text}")
