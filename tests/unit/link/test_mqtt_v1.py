"""MQTT messages as bytes: every vector, every schema, and what must be refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import mqtt_v1
from agent.link.client import LinkSettings, Secret
from agent.model.errors import Refuse
from agent.model.outgoing import Outgoing, Priority
from agent.model.times import ClockQuality, Instant
from tests.fakes.message_schemas import SCHEMAS, check_schema

VECTORS = Path(__file__).parents[3] / "tests/vectors/mqtt-v1"
CASES = sorted(path for path in VECTORS.iterdir() if path.is_dir())


def _envelope(seq: int | None = 7, replaces: tuple[int, ...] = ()) -> mqtt_v1.Envelope:
    at = Instant(wall_ns=1_795_478_400_123_456_789, mono_ns=5_000_999_999, quality=ClockQuality.SYNCED)
    return mqtt_v1.Envelope(box="box-1", boot="boot-a", session=3, seq=seq, at=at, replaces=replaces)


def _case(folder: Path) -> tuple[dict[str, Any], bytes]:
    return json.loads((folder / "case.json").read_text()), (folder / "payload.json").read_bytes()


@pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
def test_vectors(folder: Path) -> None:
    case, payload = _case(folder)
    if folder.name.endswith("_fail"):
        with pytest.raises(Refuse) as caught:
            mqtt_v1.decode(payload)
        assert caught.value.code == case["expected"] == "mqtt.bad-message"
        return
    fields = mqtt_v1.decode(payload)
    assert case["expected"] == "ok"
    check_schema(case["schema"], fields)
    if case["kind"] == "will":
        assert mqtt_v1.encode_will(_envelope(None)) == payload
        return
    message = Outgoing(
        entity=case["entity"],
        kind=case["kind"],
        type=case["type"],
        body=case["body"],
        priority=Priority.EVENT,
    )
    assert mqtt_v1.encode(message, _envelope(replaces=tuple(case.get("replaces", [])))) == payload
    assert mqtt_v1.topic("box-1", message) == case["topic"]


def test_every_schema_has_a_vector() -> None:
    used = {_case(folder)[0].get("schema") for folder in CASES}
    named = {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.schema.json")}
    assert named - {"envelope"} <= used


@pytest.mark.parametrize(
    ("entity", "kind", "type_"),
    [
        ("ch0/x", "e", "x"),
        ("+", "e", "x"),
        ("_", "cmd", "x"),
        ("_", "e", "#"),
        ("", "e", "x"),
        ("_", "e", "X"),
    ],
)
def test_a_wrong_topic_is_our_mistake(entity: str, kind: str, type_: str) -> None:
    with pytest.raises(ValueError, match="not a topic"):
        mqtt_v1.topic_of("box-1", entity, kind, type_)


@pytest.mark.parametrize(
    ("data", "window_s"),
    [
        (b'{"v":1,"window_s":60}', 60),
        (b'{"window_s":0,"v":1,"new":[1]}', 0),
        (b'{"v":1,"window_s":600}', 600),
    ],
)
def test_a_wish_for_births(data: bytes, window_s: int) -> None:
    assert mqtt_v1.decode_rebirth(data) == window_s


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"v":2,"window_s":1}',
        b'{"v":1}',
        b'{"v":1,"window_s":601}',
        b'{"v":1,"window_s":-1}',
        b'{"v":1,"window_s":true}',
        b'{"v":1,"window_s":1.5}',
        b'{"v":1,"window_s":"1"}',
        b'{"v":1,"window_s":1,"pad":"' + b"x" * 1024 + b'"}',
    ],
)
def test_another_wish_is_refused(data: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        mqtt_v1.decode_rebirth(data)
    assert caught.value.code == "rebirth.bad"


def test_oversize_is_refused_unread() -> None:
    with pytest.raises(Refuse) as caught:
        mqtt_v1.decode(b" " * (mqtt_v1.MAX_BYTES + 1))
    assert caught.value.code == "mqtt.bad-message"


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else_happens(data: bytes) -> None:
    with pytest.raises(Refuse):
        mqtt_v1.decode(data)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(Refuse):
        mqtt_v1.decode(b"[" * 100_000)


def test_a_will_has_no_number() -> None:
    with pytest.raises(ValueError, match="sequence"):
        mqtt_v1.encode_will(_envelope(1))


def test_a_secret_is_never_printed() -> None:
    settings = LinkSettings(host="h", port=1, box="b", password=Secret("planted"))
    assert "planted" not in f"{settings} {settings!r} {settings.password}"
