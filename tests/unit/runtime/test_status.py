"""The status file: replaced whole, read back as it was, and an answer with a code when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model.errors import AgentError, Retry
from agent.model.outgoing import Json
from agent.runtime import status

FACTS: dict[str, Json] = {"v": 1, "box": "ö", "channels": [{"id": "ch0", "width": None}], "alarms": []}


def test_a_status_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    status.write(tmp_path, {"v": 0})
    status.write(tmp_path, FACTS)
    assert status.read(tmp_path) == FACTS
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_a_reader_never_sees_a_half_of_it(tmp_path: Path) -> None:
    status.write(tmp_path, FACTS)
    held = (tmp_path / "status.json").open(encoding="utf-8")
    status.write(tmp_path, {"v": 2})
    assert "channels" in held.read()
    held.close()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"3", b"\xff\xfe"])
def test_no_status_is_told_with_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "status.json").write_bytes(content)
    with pytest.raises(Retry) as caught:
        status.read(tmp_path)
    assert caught.value.code == "status.none"
    assert caught.value.advice == "start it: systemctl start edgeward, or edgeward run -c …"


def test_a_directory_that_is_gone_is_an_error_with_a_code(tmp_path: Path) -> None:
    with pytest.raises(AgentError) as caught:
        status.write(tmp_path / "gone", FACTS)
    assert caught.value.code == "disk.error"
