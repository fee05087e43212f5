"""The local door: a real socket, the kernel's word for who is there, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.control import door as door_module
from agent.control.client import ask, send_note
from agent.control.door import MAX_CLIENTS, SOCKET_NAME, Door
from agent.formats import command_v1
from agent.model.commands import Answer, CommandType, Status
from agent.model.errors import Halt, Refuse, Retry
from tests.fakes.brokers import wait_until
from tests.unit.control.desks import DeskBox


@contextmanager
def opened(folder: Path, answer: object) -> Iterator[Path]:
    """A door on a loop of its own thread, as the keeper's clients meet it."""
    loop = asyncio.new_event_loop()
    door = Door(folder, answer)  # type: ignore[arg-type] # tests give simple functions
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(door.open(), loop).result(10)
        yield folder / SOCKET_NAME
    finally:
        asyncio.run_coroutine_threadsafe(door.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def good(data: bytes, uid: int) -> Answer:
    return Answer(status=Status.SUCCEEDED, result={"uid": uid, "bytes": len(data)})


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(10)
    client.connect(str(path))
    return client


def read(client: socket.socket) -> bytes:
    data = b""
    while part := client.recv(65536):
        data += part
    return data


def test_a_request_gets_one_line_and_the_kernel_says_who_asked(tmp_path: Path) -> None:
    with opened(tmp_path, good) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        answer = ask(tmp_path, CommandType.IDENTIFY, {"a": 1})
    assert answer["status"] == "succeeded"
    line = command_v1.encode_request(CommandType.IDENTIFY, {"a": 1})
    assert answer["result"] == {"uid": os.geteuid(), "bytes": len(line)}
    assert not path.exists()


def test_the_door_of_a_killed_agent_is_replaced(tmp_path: Path) -> None:
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(str(tmp_path / SOCKET_NAME))
    stale.close()
    with pytest.raises(Retry) as caught:
        send_note(tmp_path, b"x")
    assert caught.value.code == "door.none"
    with opened(tmp_path, good):
        assert send_note(tmp_path, b"x")["status"] == "succeeded"


def test_no_agent_no_door(tmp_path: Path) -> None:
    with pytest.raises(Retry) as caught:
        ask(tmp_path, CommandType.IDENTIFY, {})
    assert caught.value.code == "door.none"
    with pytest.raises(Refuse) as wrong:
        ask(tmp_path, CommandType.IDENTIFY, {"x": 0.5})
    assert wrong.value.code == "command.bad"


def test_a_door_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).mkdir()
    (tmp_path / SOCKET_NAME / "x").touch()
    with pytest.raises(Halt) as caught:
        asyncio.run(Door(tmp_path, good).open())
    assert caught.value.code == "disk.error"


def test_too_much_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    box = DeskBox(tmp_path / "ledger")
    with opened(tmp_path, box.desk.ask):
        answer = send_note(tmp_path, b"x" * 5_000_000)
    assert (answer["status"], answer["reason"]) == ("rejected", "command.too-large")


def test_a_silent_client_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "TIMEOUT_S", 0.2)
    with opened(tmp_path, good) as path:
        silent = connect(path)
        silent.sendall(b'{"v":1')
        assert send_note(tmp_path, b"x")["status"] == "succeeded"
        assert read(silent) == b""
        silent.close()


def test_more_clients_than_places_are_told(tmp_path: Path) -> None:
    with opened(tmp_path, good) as path:
        waiting = [connect(path) for _ in range(MAX_CLIENTS)]
        for client in waiting:
            client.sendall(b"x")
        late = connect(path)
        late.shutdown(socket.SHUT_WR)
        assert json.loads(read(late))["reason"] == "door.busy"
        for client in waiting:
            client.shutdown(socket.SHUT_WR)
            assert json.loads(read(client))["status"] == "succeeded"
        for client in (*waiting, late):
            client.close()


def test_a_client_that_goes_away_is_nobodys_trouble(tmp_path: Path) -> None:
    with opened(tmp_path, good) as path:
        for _ in range(3 * MAX_CLIENTS):
            gone = connect(path)
            gone.sendall(b"x")
            gone.close()
        # While the door still looks at them it may be full, and says so; then it is free again.
        wait_until(lambda: send_note(tmp_path, b"x")["status"] == "succeeded", "the door is free")


def test_a_ledger_that_failed_is_an_answer_too(tmp_path: Path) -> None:
    def broken(_data: bytes, _uid: int) -> Answer:
        raise Halt("ledger.failed", "the ledger takes no more leaves", "look at the disk")

    with opened(tmp_path, broken):
        answer = send_note(tmp_path, b"x")
    assert (answer["status"], answer["reason"]) == ("failed", "ledger.failed")


def test_an_agent_that_answers_nothing_is_told(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / SOCKET_NAME))
    listener.listen(1)

    def hang_up() -> None:
        connection, _ = listener.accept()
        connection.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    with pytest.raises(Retry) as caught:
        send_note(tmp_path, b"x")
    thread.join(10)
    listener.close()
    assert caught.value.code == "door.no-answer"


def test_signed_and_unsigned_go_through_the_desk(tmp_path: Path) -> None:
    box = DeskBox(tmp_path / "ledger")
    with opened(tmp_path, box.desk.ask):
        unsigned = ask(tmp_path, CommandType.IDENTIFY, {})
        refused = ask(tmp_path, CommandType.PLAN_SET, {})
        signed = send_note(
            tmp_path, box.office.write(CommandType.PLAN_SET, "wang", "zhao", nonce=box.office.nonce)
        )
    assert (unsigned["status"], refused["reason"], signed["status"]) == (
        "succeeded",
        "command.not-local",
        "succeeded",
    )
    assert [leaf.actor for leaf in box.leaves()] == [
        *[f"uid:{os.geteuid()}"] * 3,
        "wang",
        "wang",
    ]
