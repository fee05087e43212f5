"""Commands as text: one spelling, bounded, and answers that come back as they went."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import command_v1, tlog_proof_v1
from agent.formats.command_v1 import CommandBody
from agent.model.commands import Answer, CommandType, Status
from agent.model.errors import Refuse
from agent.model.outgoing import Json

BODY = CommandBody(
    cmd_id="019ab3a1-0400-7abc-8def-0123456789ab",
    type=CommandType.IDENTIFY,
    by="li",
    box="or-3",
    issued_ns=1_795_478_400_000_001_000,
    not_after_ns=1_795_478_400_000_002_000,
    counter=1,
    nonce=None,
    args={},
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53) + 1, (1 << 53) - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def code_of(text: str) -> str:
    with pytest.raises(Refuse) as caught:
        command_v1.decode(text)
    return caught.value.code


@given(st.dictionaries(st.text(max_size=8), _JSON, max_size=4), st.integers(1, (1 << 53) - 1))
def test_what_is_written_is_read(args: dict[str, Json], counter: int) -> None:
    body = replace(BODY, args=args, counter=counter)
    try:
        text = command_v1.encode(body)
    except Refuse as error:
        assert error.code == "command.bad"  # too deep, or a lone surrogate
        return
    assert command_v1.decode(text) == body
    assert text.startswith("edgeward.command/v1\n{")


@pytest.mark.parametrize(
    "change",
    [
        {"by": "Li"}, {"by": ""}, {"by": "x" * 33}, {"box": "OR-3"}, {"counter": 0}, {"counter": 1 << 53},
        {"nonce": "F" * 32}, {"nonce": "f" * 31}, {"cmd_id": "x"}, {"args": {"a": 1.5}},
        {"args": {"a": 1 << 53}}, {"args": {"a": [0] * 4096}}, {"not_after_ns": BODY.issued_ns},
        {"not_after_ns": BODY.issued_ns + command_v1.MAX_WINDOW_NS + 1000},
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_not_written(change: dict[str, object]) -> None:
    with pytest.raises(Refuse) as caught:
        command_v1.encode(replace(BODY, **change))  # type: ignore[arg-type] # wrong on purpose
    assert caught.value.code == "command.bad"


def test_a_text_has_one_spelling() -> None:
    text = command_v1.encode(BODY)
    for other in (
        text.replace('"v":1', '"v":1.0'),
        text.replace('"v":1', '"v": 1'),
        text + "\n",
        text[:-1],
        text.replace('{"args":{},', '{"args":{},"args":{},'),
        text.replace('"counter":1', '"counter":01'),
        text.replace("edgeward.command/v1", "edgeward.command/v1 "),
        "",
        "\n\n",
    ):
        assert code_of(other) == "command.bad"
    assert code_of(text.replace("/v1", "/v10")) == "command.version"
    assert code_of(" " * (command_v1.MAX_NOTE + 1)) == "command.too-large"


@given(st.text(max_size=200))
def test_garbage_is_refused(text: str) -> None:
    assert code_of(text) == "command.bad"
    with pytest.raises(Refuse):
        command_v1.decode_request(text.encode("utf-8", "replace"))


def test_deep_garbage_is_refused() -> None:
    assert code_of("edgeward.command/v1\n" + "[" * 60_000 + "\n") == "command.bad"
    with pytest.raises(Refuse):
        command_v1.decode_request(b'{"a":' * 10_000)


@given(
    st.sampled_from(Status),
    st.none() | st.text(max_size=20),
    st.none() | st.dictionaries(st.text(), st.integers()),
)
def test_answers_come_back(status: Status, text: str | None, result: dict[str, Json] | None) -> None:
    answer = Answer(status=status, cmd_id=BODY.cmd_id, type="identify", text=text, result=result, leaf=3)
    assert command_v1.decode_answer(json.dumps(command_v1.answer_fields(answer)).encode()) == answer


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"null", b'{"status":"done"}', b'{"status":"failed","leaf":"x"}', b"\xff",
     b'{"status":"failed","result":[]}', b'{"status":"failed","more":1}', b" " * 70_000],
)  # fmt: skip
def test_what_is_no_answer_is_told(line: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        command_v1.decode_answer(line)
    assert caught.value.code == "answer.bad"


def test_addresses_are_those_of_this_box() -> None:
    good = f"edgeward/v1/or-3/_/cmd/channel.stop/{BODY.cmd_id}"
    assert command_v1.address_of(good, "or-3") == ("channel.stop", BODY.cmd_id)
    for other in (
        good.replace("or-3", "or-4"), good.replace("channel.stop", "x/y"), good + "/x", "x" + good, "",
        good.replace("channel", "+"), good.replace(BODY.cmd_id, "1"), good.replace("cmd", "res"),
    ):  # fmt: skip
        assert command_v1.address_of(other, "or-3") is None


def test_a_proof_comes_back_and_nothing_else_is_one() -> None:
    note = "or-3\n7\nroot\n\n— x sig\n".encode()
    text = tlog_proof_v1.encode(5, [bytes(32), b"\x01" * 32], note)
    found = tlog_proof_v1.decode(text)
    assert (found.index, found.path, found.note) == (5, (bytes(32), b"\x01" * 32), note)
    for wrong in (
        "",
        text.replace("@v1", "@v2"),
        text.replace("index 5", "index 05"),
        text.replace("AAA", "?", 1),
    ):
        with pytest.raises(Refuse) as caught:
            tlog_proof_v1.decode(wrong)
        assert caught.value.code == "proof.bad"
