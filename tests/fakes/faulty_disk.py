"""A disk that fails when told to, and a model of what would be left of it after a power cut.

Guarantees: below `root` every call that can change the disk, or that makes it durable, goes through here, in
the order of a counter; `strike` says for each call whether it fails, is cut short, or is the last one of its
process; a process that was stopped makes no further call. Durable is what an fsync of this model took in: the
data of a file by fsync of the file, a name by fsync of its directory, and no byte that was dirty when an
fsync failed, even if a later one succeeds. Nothing is really synced. Leaves out reads, and the order in which
a real disk may save what nobody synced; `power_cut` gives two of its extremes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

SYNCS = ("fsync", "fdatasync")
KEEPER, CHANNEL = "keeper", "channel"


class Stop(BaseException):
    """The process that made this call has been stopped."""


class Strike(StrEnum):
    """What happens to a call."""

    ENOSPC = "ENOSPC"
    EIO = "EIO"
    SHORT = "half is written, and that is what the call says"
    STOP = "the process ends before the call"
    TORN = "half is written, then the process ends"


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `makes` is true when it needs room on the disk."""

    number: int
    name: str
    path: str
    side: str
    makes: bool


@dataclass(eq=False, slots=True)
class _Node:
    """A file or directory, as it would be after a power cut."""

    is_dir: bool
    mode: int
    data: bytes = b""
    names: dict[str, _Node] = field(default_factory=dict)
    modified_ns: int = 0
    # Bytes that an fsync failed to save: the kernel calls them clean, and no later fsync writes them.
    dropped: list[tuple[int, int]] = field(default_factory=list)


Real = Callable[..., Any]


class FaultyDisk:
    """One disk; several processes (`side`) in one thread."""

    def __init__(self, root: Path, wall_ns: Callable[[], int]) -> None:
        self.root = root
        self._wall_ns = wall_ns
        self._prefix = str(root) + "/"
        self.calls: list[Call] = []
        self.strike: Callable[[Call], Strike | None] = _never
        self.side = KEEPER
        self.dead: set[str] = set()
        self.removed: list[tuple[str, bytes]] = []
        self._real: dict[str, Real] = {}
        self._open: dict[int, tuple[str, str]] = {}
        self._nodes: dict[int, _Node] = {}
        self._top = self._node(str(root))

    @contextmanager
    def installed(self) -> Iterator[None]:
        """In place of `os` inside the block, for everybody."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("open", "close", "write", "fsync", "fdatasync", "rename", "replace", "mkdir"):
                self._install(patch, name)
            for name in ("unlink", "remove", "rmdir", "statvfs", "utime"):
                self._install(patch, name)
            yield

    def _install(self, patch: pytest.MonkeyPatch, name: str) -> None:
        real = getattr(os, name)
        self._real[name] = real
        own = {
            "open": self._os_open,
            "close": self._os_close,
            "write": self._os_write,
            "utime": self._os_utime,
        }.get(name)
        if own is None:
            own = self._on_descriptor(name) if name in SYNCS else self._on_path(name)
        patch.setattr(os, name, own)

    @contextmanager
    def acting(self, side: str) -> Iterator[None]:
        """Calls inside the block are those of process `side`."""
        before, self.side = self.side, side
        try:
            yield
        finally:
            self.side = before

    def stop(self, *sides: str) -> None:
        """The end of processes: their descriptors are closed, and they make no further call."""
        self.dead.update(sides)
        for descriptor, (_path, side) in list(self._open.items()):
            if side in sides:
                self._os_close(descriptor)

    def start(self, *sides: str) -> None:
        """New processes take the places of those that were stopped."""
        self.dead.difference_update(sides)

    def _is_here(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and f"{os.fspath(path)}/".startswith(self._prefix)

    def _count(self, name: str, path: str, *, makes: bool) -> Strike | None:
        if self.side in self.dead:
            raise Stop
        call = Call(len(self.calls), name, path.removeprefix(self._prefix), self.side, makes)
        self.calls.append(call)
        strike = self.strike(call)
        if strike is Strike.STOP:
            raise Stop
        if strike is Strike.ENOSPC:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if strike is Strike.EIO:
            if name in SYNCS:
                self._drop_dirty(path)
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return strike

    def _os_open(self, path: Any, flags: int, *args: Any, **more: Any) -> int:
        if not self._is_here(path):
            opened: int = self._real["open"](path, flags, *args, **more)
            return opened
        path = os.fspath(path)
        makes = bool(flags & os.O_CREAT) and not os.path.lexists(path)
        self._count("open", path, makes=makes)
        descriptor: int = self._real["open"](path, flags, *args, **more)
        self._open[descriptor] = (path, self.side)
        if makes:
            self._nodes[os.fstat(descriptor).st_ino] = _Node(False, os.fstat(descriptor).st_mode)
            self._touch(path)
        return descriptor

    def _os_close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        self._real["close"](descriptor)

    def _os_write(self, descriptor: int, data: Any) -> int:
        if descriptor not in self._open:
            count: int = self._real["write"](descriptor, data)
            return count
        path, _ = self._open[descriptor]
        strike = self._count("write", path, makes=True)
        view = memoryview(data).cast("B")
        if strike in (Strike.SHORT, Strike.TORN):
            view = view[: max(1, len(view) // 2)]
        count = self._real["write"](descriptor, view)
        self._touch(path)
        if strike is Strike.TORN:
            raise Stop
        return count

    def _os_utime(self, descriptor: Any, *, ns: tuple[int, int]) -> None:
        if descriptor in self._open:
            path, _ = self._open[descriptor]
            self._count("utime", path, makes=False)
            self._node(path).modified_ns = ns[1]
        self._real["utime"](descriptor, ns=ns)

    def _on_descriptor(self, name: str) -> Real:
        def call(descriptor: int) -> None:
            if descriptor not in self._open:
                self._real[name](descriptor)
                return
            path, _ = self._open[descriptor]
            self._count(name, path, makes=False)
            self._take_in(path)

        return call

    def _on_path(self, name: str) -> Real:
        def call(path: Any, *args: Any, **more: Any) -> Any:
            if not self._is_here(path):
                return self._real[name](path, *args, **more)
            path = os.fspath(path)
            self._count(name, path, makes=name in ("mkdir", "rename", "replace"))
            if name in ("unlink", "remove") and os.path.lexists(path):
                self.removed.append((path.removeprefix(self._prefix), Path(path).read_bytes()))
            result = self._real[name](path, *args, **more)
            if name == "mkdir":
                status = os.lstat(path)
                self._nodes[status.st_ino] = _Node(True, status.st_mode)
            return result

        return call

    def _touch(self, path: str) -> None:
        """The time of the last write, by the clock of the test."""
        now_ns = self._wall_ns()
        self._real["utime"](path, ns=(now_ns, now_ns))
        self._node(path).modified_ns = now_ns

    def _node(self, path: str) -> _Node:
        status = os.lstat(path)
        if status.st_ino not in self._nodes:
            self._nodes[status.st_ino] = _Node(Path(path).is_dir(), status.st_mode)
        return self._nodes[status.st_ino]

    def _take_in(self, path: str) -> None:
        """What an fsync that succeeds makes durable."""
        node = self._node(path)
        if node.is_dir:
            node.names = {one.name: self._node(str(one)) for one in Path(path).iterdir()}
            return
        data = Path(path).read_bytes()
        for start, end in node.dropped:
            data = data[:start] + bytes(end - start) + data[end:]
        node.data = data

    def _drop_dirty(self, path: str) -> None:
        node = self._node(path)
        if not node.is_dir:
            size = Path(path).stat().st_size
            if size > len(node.data):
                node.dropped.append((len(node.data), size))

    def durable(self, path: Path) -> bytes:
        """What a power cut would leave of a file that is there."""
        return self._node(str(path)).data

    def power_cut(self, *, names_kept: bool = False) -> None:
        """Leaves what is durable; with `names_kept` all names and sizes too, lost data as zeros.

        To be called outside `installed`, with all processes stopped.
        """
        if names_kept:
            for path in [path for path in self.root.rglob("*") if path.is_file()]:
                node = self._node(str(path))
                saved = node.data + bytes(max(0, path.stat().st_size - len(node.data)))
                path.write_bytes(saved)
                os.utime(path, ns=(node.modified_ns, node.modified_ns))
        else:
            _clear(self.root)
            _write(self.root, self._top)
        self.settle()

    def settle(self) -> None:
        """Everything that is there is durable from now on."""
        self._nodes = {}
        self._top = self._node(str(self.root))
        self._all_durable(self.root, self._top)

    def _all_durable(self, path: Path, node: _Node) -> None:
        for one in path.iterdir():
            child = node.names[one.name] = self._node(str(one))
            if child.is_dir:
                self._all_durable(one, child)
            else:
                child.data = one.read_bytes()
                child.modified_ns = one.stat().st_mtime_ns


def _never(_call: Call) -> Strike | None:
    return None


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            _clear(path)
            path.rmdir()
        else:
            path.unlink()


def _write(folder: Path, node: _Node) -> None:
    for name, child in node.names.items():
        path = folder / name
        if child.is_dir:
            path.mkdir()
            _write(path, child)
        else:
            path.write_bytes(child.data)
            os.utime(path, ns=(child.modified_ns, child.modified_ns))
        path.chmod(child.mode & 0o7777)
