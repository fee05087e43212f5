"""Bytes from boxes: the contract's own vectors pass, everything else is refused with a code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.console.contract import FILTERS, address, parse
from agent.console.shapes import SHAPES
from agent.model.errors import Refuse
from tests.fakes.voices import BIRTH, M_CHANNEL, ONLINE, STATE, Voice, alarm

ROOT = Path(__file__).parents[3]
VECTORS = sorted((ROOT / "tests/vectors/mqtt-v1").glob("*/case.json"))
SCHEMAS = sorted((ROOT / "docs/formats/mqtt-v1").glob("*.schema.json"))


@pytest.mark.parametrize("case", VECTORS, ids=lambda path: path.parent.name)
def test_every_vector_of_the_contract(case: Path) -> None:
    told = json.loads(case.read_text())
    payload = (case.parent / "payload.json").read_bytes()
    topic = told.get("topic")
    if topic is None:  # a bad message; the box of its topic is box-1
        topic = "edgeward/v1/box-1/_/status/box"
    if told["expected"] != "ok":
        with pytest.raises(Refuse):
            parse(topic, payload or b"\0", None, retained=False)
    elif told.get("kind") == "will":
        found = parse(topic, payload, None, retained=True)
        assert found is not None
        assert (found.seq, found.address.key) == (None, "status")
    elif told["body"] is None:
        found = parse(topic, b"", payload.decode(), retained=False)
        assert found is not None
        assert (found.body, found.seq, found.bare) == (None, 7, False)
    else:
        found = parse(topic, payload, None, retained=True)
        assert found is not None
        assert found.retained
        assert found.body is not None
        assert told["body"].items() <= found.body.items()


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda path: path.name.removesuffix(".schema.json"))
def test_the_table_of_shapes_knows_every_field_that_the_schemas_require(schema: Path) -> None:
    name = schema.name.removesuffix(".schema.json")
    if name == "envelope":
        return
    required = set(json.loads(schema.read_text()).get("required", []))
    if name == "status":
        required -= {"v"}
    shape = SHAPES[name]
    assert required <= set(shape.required) | set(shape.optional)
    assert set(shape.required) <= required


def test_every_kind_of_the_contract_is_subscribed() -> None:
    kinds = {name.partition("-")[0] for name in SHAPES}
    assert {f"edgeward/v1/+/+/{kind}/#" for kind in kinds} == set(FILTERS)


def said(
    place: str = "_/status/box", body: dict[str, Any] | None = None, **changes: Any
) -> tuple[str, bytes]:
    return Voice().says(place, ONLINE if body is None else body, **changes)


def deep(levels: int) -> bytes:
    return b'{"v":' + b"[" * levels + b"]" * levels + b"}"


REFUSED = {
    "no JSON": ("edgeward/v1/or-3/_/status/box", b"<script>", "message.not-json"),
    "no UTF-8": ("edgeward/v1/or-3/_/status/box", b"\xff\xfe{}", "message.not-json"),
    "a list": ("edgeward/v1/or-3/_/status/box", b"[]", "message.not-json"),
    "deep": ("edgeward/v1/or-3/_/twin/keys", deep(30_000), "message.not-json"),
    "a long integer": ("edgeward/v1/or-3/_/status/box", b'{"v":' + b"9" * 5000 + b"}", "message.not-json"),
    "NaN": ("edgeward/v1/or-3/_/status/box", b'{"v":NaN}', "message.not-json"),
    "a name twice": ("edgeward/v1/or-3/_/status/box", b'{"v":1,"v":1}', "message.not-json"),
    "huge": ("edgeward/v1/or-3/_/status/box", b" " * 20_000, "message.too-large"),
    "no envelope": ("edgeward/v1/or-3/_/status/box", b"{}", "message.envelope"),
    "another box": (*said(box="or-4"), "message.forged"),
    "a box that is no text": (*said(box=["or-3"]), "message.forged"),
    "a version": (*said(v=2), "message.envelope"),
    "a version that is True": (*said(v=True), "message.envelope"),
    "a number that is True": (*said(seq=True), "message.envelope"),
    "no number": (*said("ch0/m/channel", M_CHANNEL, seq=None), "message.envelope"),
    "number 0": (*said(seq=0), "message.envelope"),
    "65 bits": (*said(seq=1 << 64), "message.envelope"),
    "local time": (*said(ts="2026-11-24T00:00:00.000000+01:00"), "message.envelope"),
    "month 13": (*said(ts="2026-13-24T00:00:00.000000Z"), "message.envelope"),
    "a clock": (*said(clk={}), "message.envelope"),
    "replaces": (*said(replaces=list(range(1, 100))), "message.envelope"),
    "replaces text": (*said(replaces=["1"]), "message.envelope"),
    "a status": (*said(body={"status": "fine", "cause": None}), "message.shape"),
    "a status in a list": (*said(body={"status": ["online"], "cause": None}), "message.shape"),
    "a channel's state of the box": (*said("_/state/channel", STATE), "message.topic"),
    "a birth of a channel": (*said("ch0/birth/box", BIRTH), "message.topic"),
    "too many channels": (*said("_/birth/box", {**BIRTH, "channels": [f"c{n}" for n in range(17)]}),
                          "message.shape"),
    "a channel's name": (*said("_/birth/box", {**BIRTH, "channels": ["<b>"]}), "message.shape"),
    "a long site": (*said("_/birth/box", {**BIRTH, "site": "x" * 201}), "message.shape"),
    "an alarm of another entity": (*said("ch1/a/source-lost", alarm()), "message.forged"),
    "an alarm of another code": (*said("ch0/a/source-slow", alarm()), "message.forged"),
    "an alarm of no time": (*said("ch0/a/source-lost", alarm(since="now")), "message.shape"),
    "text that is a number": (*said("ch0/a/source-lost", alarm(text=5)), "message.shape"),
    "a measurement that is text": (*said("ch0/m/channel", {**M_CHANNEL, "lost": "0"}), "message.shape"),
    "a negative one": (*said("ch0/m/channel", {**M_CHANNEL, "lost": -1}), "message.shape"),
    "entity": ("edgeward/v1/or-3/CH/m/channel", b"{}", "message.topic"),
    "path": ("edgeward/v1/or-3/../m/channel", b"{}", "message.topic"),
    "a script in a topic": ("edgeward/v1/or-3/_/a/<script>", b"{}", "message.topic"),
    "long topic": ("edgeward/v1/or-3/_/a/" + "a" * 300, b"{}", "message.topic"),
    "short topic": ("edgeward/v1/or-3", b"{}", "message.topic"),
    "capital box": ("edgeward/v1/OR/_/status/box", b"{}", "message.topic"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_contract_forbids(name: str) -> None:
    topic, payload, code = REFUSED[name]
    with pytest.raises(Refuse) as refused:
        parse(topic, payload, None, retained=False)
    assert refused.value.code == code


def test_a_later_contract_is_passed_over_and_unknown_fields_are_kept() -> None:
    assert parse("edgeward/v1/or-3/_/e/something-new", b"\xff", None, retained=False) is None
    found = parse(*said(body={**ONLINE, "later": [1]}), None, retained=False)
    assert found is not None
    assert found.body is not None
    assert found.body["later"] == [1]


@given(st.binary(max_size=200), st.text(max_size=80))
def test_nothing_but_refusals_comes_out(payload: bytes, rest: str) -> None:
    for topic in (f"edgeward/v1/or-3/{rest}", "edgeward/v1/or-3/_/status/box", rest):
        for envelope in (None, rest):
            try:
                parse(topic, payload, envelope, retained=True)
            except Refuse as error:
                assert error.code.startswith("message.")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_any_value_in_any_field_is_taken_or_refused(name: str, data: st.DataObject) -> None:
    shape = SHAPES[name]
    body = {field: data.draw(_VALUES) for field in (*shape.required, *shape.optional)}
    shape.wrong(body)


def test_an_address_has_its_parts() -> None:
    found = address("edgeward/v1/or-3/_/res/check.run/0193-x")
    assert (found.kind, found.type, found.key) == ("res", "check.run/0193-x", "res")


@pytest.mark.parametrize(
    "payload",
    [
        b'{"v": "\\ud800"}',
        b'{"v": "\xed\xa0\x80"}',
        '{"v": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"v": 1}',
        b'{"v": ' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"v": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
    ],
    ids=["half a pair", "its bytes", "UTF-16", "a mark", "40 deep", "900 deep"],
)
def test_what_could_not_be_said_again_is_refused(payload: bytes) -> None:
    with pytest.raises(Refuse, match=r"message\.not-json"):
        parse("edgeward/v1/or-3/_/status/box", payload, None, retained=False)


def test_a_whole_pair_is_text() -> None:
    topic, payload = said(body={**ONLINE, "later": "\U0001f600", "deep": [[[[1]]]] * 20})
    assert b"\\ud83d" in payload
    assert parse(topic, payload, None, retained=False) is not None
