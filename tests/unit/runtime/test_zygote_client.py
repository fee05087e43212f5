"""The zygote and its children, as real processes: every end is told once, and a zygote that died is replaced.

A child that gets no settings waits for them, so it stays until its socket is closed or it is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.model.errors import AgentError, Retry
from agent.runtime.zygote_client import Child, ZygoteClient
from agent.vault.identity import lock_vault

DEADLINE_S = 20.0
T = TypeVar("T")


def run(story: Callable[[], Coroutine[Any, Any, T]]) -> T:
    async def bounded() -> T:
        return await asyncio.wait_for(story(), 60)

    return asyncio.run(bounded())


async def until(what: str, holds: Callable[[], bool]) -> None:
    """Waits for a fact; the event loop runs on meanwhile."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.01)  # the distance of two looks


@asynccontextmanager
async def client(lock: int) -> AsyncIterator[ZygoteClient]:
    zygote = ZygoteClient(lock)
    try:
        yield zygote
    finally:
        zygote.close()


@pytest.fixture
def lock(tmp_path: Path) -> int:
    return lock_vault(tmp_path)


def is_alive(pid: int) -> bool:
    """Zombies do not count."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


class Ends:
    """Collects what `on_exit` was told, by child."""

    def __init__(self) -> None:
        self.words: dict[str, list[str]] = {}

    def of(self, channel: str) -> Callable[[str], None]:
        self.words[channel] = []
        return self.words[channel].append


def test_each_child_is_its_own_process_and_its_end_is_told_once(lock: int) -> None:
    async def story() -> None:
        ends = Ends()
        async with client(lock) as zygote:
            assert zygote.pid is None
            children = [await zygote.spawn(name, ends.of(name)) for name in ("ch0", "ch1", "ch2")]
            assert len({zygote.pid, os.getpid(), *(child.pid for child in children)}) == 5
            assert all(is_alive(child.pid) for child in children)
            children[0].end.close()
            await until("ch0 ended", lambda: ends.words["ch0"] == ["exit 0"])
            zygote.kill(children[1])
            await until("ch1 ended", lambda: ends.words["ch1"] == ["signal 9"])
            os.kill(children[2].pid, signal.SIGSEGV)
            await until("ch2 ended", lambda: ends.words["ch2"] == ["signal 11"])
            zygote.kill(children[1])  # gone already: the zygote knows that the pid is no longer its child
            again = await zygote.spawn("ch1", ends.of("ch1 again"))
            assert ends.words == {
                "ch0": ["exit 0"],
                "ch1": ["signal 9"],
                "ch2": ["signal 11"],
                "ch1 again": [],
            }
            again.end.close()
            await until("the last ended", lambda: ends.words["ch1 again"] == ["exit 0"])
        assert not any(is_alive(child.pid) for child in [*children, again])

    run(story)


def test_one_zygote_serves_all_children(lock: int) -> None:
    async def story() -> None:
        ends = Ends()
        async with client(lock) as zygote:
            spawned = [zygote.spawn(f"ch{number}", ends.of(f"ch{number}")) for number in range(4)]
            children = await asyncio.gather(*spawned)
            parents = {
                Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[1]
                for child in children
            }
            assert parents == {str(zygote.pid)}
            for child in children:
                child.end.close()
            await until("all ended", lambda: all(words == ["exit 0"] for words in ends.words.values()))

    run(story)


def test_a_killed_zygote_is_told_to_every_child_once_and_a_new_one_serves(lock: int) -> None:
    async def story() -> None:
        ends = Ends()
        async with client(lock) as zygote:
            children = [await zygote.spawn(name, ends.of(name)) for name in ("ch0", "ch1")]
            first = zygote.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until("told", lambda: ends.words == {"ch0": ["zygote died"], "ch1": ["zygote died"]})
            assert zygote.pid is None
            assert not is_alive(first)
            child = await zygote.spawn("ch0", ends.of("ch0 again"))
            assert zygote.pid not in (None, first)
            assert is_alive(child.pid)
            for old in children:
                old.end.close()
            await until("the old ones left", lambda: not any(is_alive(old.pid) for old in children))
            child.end.close()
            await until("the new one ended", lambda: ends.words["ch0 again"] == ["exit 0"])
            assert ends.words["ch0"] == ends.words["ch1"] == ["zygote died"]

    run(story)


def test_a_spawn_that_a_dying_zygote_does_not_answer_can_be_tried_again(lock: int) -> None:
    """Any other error would end the keeper, and with it every channel."""

    async def story() -> None:
        ends = Ends()
        async with client(lock) as zygote:
            child = await zygote.spawn("ch0", ends.of("ch0"))
            child.end.close()
            await until("ch0 ended", lambda: ends.words["ch0"] == ["exit 0"])
            pid = zygote.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            waiting = asyncio.create_task(zygote.spawn("ch1", ends.of("ch1")))
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(AgentError) as caught:
                await waiting
            assert isinstance(caught.value, Retry)
            again = await zygote.spawn("ch1", ends.of("ch1"))
            again.end.close()
            await until("ch1 ended", lambda: ends.words["ch1"] == ["exit 0"])

    run(story)


def test_closing_ends_the_zygote_and_its_children(lock: int) -> None:
    async def story() -> tuple[int, Child]:
        async with client(lock) as zygote:
            child = await zygote.spawn("ch0", lambda _how: None)
            assert zygote.pid is not None
            pid = zygote.pid
            child.end.close()
        return pid, child

    pid, child = run(story)
    assert not is_alive(pid)
    assert not is_alive(child.pid)


def test_the_vault_stays_locked_while_a_child_lives(tmp_path: Path) -> None:
    async def story() -> None:
        held = lock_vault(tmp_path)
        ends = Ends()
        async with client(held) as zygote:
            child = await zygote.spawn("ch0", ends.of("ch0"))
            os.close(held)
            with pytest.raises(Retry, match=r"vault\.locked"):
                lock_vault(tmp_path)
            child.end.close()
        os.close(lock_vault(tmp_path))

    run(story)


def held(pid: int) -> list[str]:
    """What the descriptors of a process are; one that it closes meanwhile is not among them."""
    names: list[str] = []
    for found in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            names.append(str(found.readlink()))
    return names


def closed(pid: int) -> bool:
    """True when one socket is left."""
    return sum(name.startswith("socket:") for name in held(pid)) == 1


def test_a_child_holds_nothing_of_the_keeper_but_its_socket_and_the_lock(lock: int, tmp_path: Path) -> None:
    async def story() -> None:
        secret = (tmp_path / "secret").open("w")
        async with client(lock) as zygote:
            first = await zygote.spawn("ch0", lambda _how: None)
            second = await zygote.spawn("ch1", lambda _how: None)
            for child in (first, second):
                await until("it closed what was the zygote's", partial(closed, child.pid))
                assert str(tmp_path / "secret") not in held(child.pid)
                assert str(tmp_path / "vault.lock") in held(child.pid)
            first.end.close()
            second.end.close()
        secret.close()

    run(story)


GONE = (1 << 22) + 1  # above what the kernel gives


class HastyZygote:
    """Answers a spawn and tells the child's end in one breath, as when a child dies at once.

    The pid is one that no process has.
    """

    pid = 4711

    def __init__(self, _command: list[str], pass_fds: tuple[int, ...], **_named: object) -> None:
        self._control = socket.socket(fileno=os.dup(pass_fds[0]))
        self._control.send(b'{"t":"ready"}')
        asyncio.get_running_loop().add_reader(self._control, self._serve)

    def _serve(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._control, 4096, 1)
        if not data:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            return
        for descriptor in descriptors:
            os.close(descriptor)
        channel = json.loads(data)["channel"]
        self._control.send(json.dumps({"t": "spawned", "channel": channel, "pid": GONE}).encode())
        self._control.send(json.dumps({"t": "exited", "pid": GONE, "status": -9}).encode())

    def wait(self) -> int:
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        return 0


def test_a_child_that_dies_at_once_is_told_too(lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its channel waits for ever and never starts again."""

    async def story() -> None:
        ends = Ends()
        async with client(lock) as zygote:
            try:
                child = await zygote.spawn("ch0", ends.of("ch0"))
            except Retry as error:
                assert error.code == "zygote.failed"
                return
            await until("told", lambda: ends.words["ch0"] == ["signal 9"])
            child.end.close()

    monkeypatch.setattr("agent.runtime.zygote_client.subprocess.Popen", HastyZygote)
    run(story)


@pytest.mark.parametrize("kinds", [(), ("rtsp", "onvif")], ids=["plain", "onvif"])
def test_the_zygote_forks_without_threads(lock: int, kinds: tuple[str, ...]) -> None:
    """A thread that holds a lock at the moment of a fork would hang the child for ever."""

    async def story() -> None:
        zygote = ZygoteClient(lock, kinds)
        try:
            child = await zygote.spawn("ch0", lambda _how: None)
            tasks = list(Path(f"/proc/{zygote.pid}/task").iterdir())
            child.end.close()
        finally:
            zygote.close()
        assert len(tasks) == 1

    run(story)
