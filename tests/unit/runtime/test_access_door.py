"""Only where no keeper listens may an opening be recorded elsewhere; every other answer is final."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.control import client
from agent.formats.access_record_v1 import from_args
from agent.formats.command_v1 import decode_request, encode_request
from agent.model.commands import Command, CommandType
from agent.model.errors import AgentError, Refuse, Retry
from agent.model.outgoing import Json
from agent.runtime.access_door import ask_keeper
from agent.runtime.access_handler import handle_access_record
from tests.unit.runtime.vaults import SmallBox

FACTS: Mapping[str, Json] = {"access": "x"}


def asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Json] | AgentError
) -> int | None:
    box = SmallBox(tmp_path)

    def ask(runtime_dir: Path, type: CommandType, args: Mapping[str, Json]) -> Mapping[str, Json]:
        assert (runtime_dir, type, args) == (tmp_path / "run", CommandType.ACCESS_RECORD, FACTS)
        if isinstance(answer, AgentError):
            raise answer
        return answer

    monkeypatch.setattr(client, "ask", ask)
    return ask_keeper(box.config, FACTS)


def test_the_leaf_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Mapping[str, Json] = {"status": "succeeded", "result": {"leaf": 7}}
    assert asked(tmp_path, monkeypatch, answer) == 7


def test_nobody_listens(tmp_path: Path) -> None:
    assert ask_keeper(SmallBox(tmp_path).config, FACTS) is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"status": "rejected", "reason": "command.denied", "text": "not you"}, "access.refused"),
        ({"status": "accepted", "result": {"leaf": 7}}, "access.refused"),
        ({"status": "succeeded", "result": {}}, "access.refused"),
        ({"status": "succeeded", "result": None}, "access.refused"),
        (Retry("door.no-answer", "none", "look", after_s=1), "door.no-answer"),
        (Refuse("door.forbidden", "no", "no"), "door.forbidden"),
    ],
)
def test_everything_else_is_final(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Mapping[str, Json] | AgentError,
    code: str,
) -> None:
    with pytest.raises(AgentError) as caught:
        asked(tmp_path, monkeypatch, answer)
    assert caught.value.code == code


def test_the_longest_record_fits_through_the_door(tmp_path: Path) -> None:
    document: dict[str, Json] = {
        "v": 1,
        "access": "01a20b87-3fc9-73f8-8307-89737bba7342",
        "at": "2026-11-24T00:20:00.000000Z",
        "tool": "edgeward 0.1.0",
        "box": "b" * 63,
        "recording": "01a20b87-3fc9-73f8-8307-89737bba7342",
        "capsule_sha256": "ab" * 32,
        "keys": [f"{number:012x}" for number in range(64)],
        "purpose": "教" * 200,
        "who": {"key": None, "uid": 1000, "user": "u" * 64},
        "ledger": None,
        "result": {
            "ended": "2026-11-24T00:21:00.000000Z", "frames": 1, "segments": 1, "truncated": 0, "parts": 1,
            "problems": 0, "error": None,
        },
    }  # fmt: skip
    record = from_args(document)
    request = decode_request(encode_request(CommandType.ACCESS_RECORD, record.model_dump(mode="json")))
    assert from_args(request.args) == record
    box = SmallBox(tmp_path)
    with box.running() as run:
        command = Command(id="x", type=CommandType.ACCESS_RECORD, args=request.args, signers=("uid:0",))
        assert handle_access_record(run.book, command)["leaf"] == run.book.leaves - 1
