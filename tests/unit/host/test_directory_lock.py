"""One at a time in a directory: the second is told at once, or waits; the end of a block lets go."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from agent.host.directory_lock import locked
from agent.model.errors import AgentError, Refuse

BUSY = Refuse("test.busy", "somebody is there", "wait")


def test_the_second_is_refused_and_the_third_gets_in(tmp_path: Path) -> None:
    with locked(tmp_path, BUSY):
        with pytest.raises(Refuse) as caught, locked(tmp_path, BUSY):
            pytest.fail("two at a time")
        assert caught.value is BUSY
    with locked(tmp_path, BUSY):
        assert list(tmp_path.iterdir()) == []


def test_without_a_refusal_it_waits(tmp_path: Path) -> None:
    inside, order = threading.Event(), []

    def second() -> None:
        inside.wait()
        with locked(tmp_path):
            order.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    with locked(tmp_path):
        inside.set()
        order.append("first")
    waiting.join(20)
    assert order == ["first", "second"]


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), locked(tmp_path, BUSY):
        raise ValueError("inside")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(AgentError) as caught, locked(tmp_path / "none", BUSY):
        pytest.fail("there is nothing to lock")
    assert caught.value.code == "disk.error"
