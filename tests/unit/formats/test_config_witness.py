"""`[[witness]]` and the witness's messages: what is taken, what is refused, and that both sides agree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import mqtt_v1
from agent.formats.config_v1 import AgentConfig, ConfigProblem, parse
from agent.formats.witness_v1 import Answer, cosign_topic, decode_answer, decode_head, encode_answer
from agent.model.errors import Refuse
from agent.model.times import ClockQuality, Instant
from agent.runtime.telemetry import ledger_head
from tests.fakes.histories import WITNESS, WITNESS_2
from tests.fakes.ledgers import KEY

CONFIG = """\
[box]
id = "or-3"
[custodians]
recipients = ["age1"]
{witnesses}
[[channel]]
id = "ch0"
category = "dt"
purpose = "test"
lawful_basis = "test"
[channel.source]
kind = "synthetic"
[channel.spec]
width = 640
height = 360
rate = "25"
"""
TOPIC = "edgeward/v1/or-3/_/ckpt/head"
HASH = b"\x07" * 32


def read(*witnesses: tuple[str, str]) -> AgentConfig | tuple[ConfigProblem, ...]:
    tables = "\n".join(f'[[witness]]\nname = "{name}"\nkey = "{key}"' for name, key in witnesses)
    return parse(CONFIG.format(witnesses=tables))


def test_two_witnesses() -> None:
    config = read(("main", WITNESS.verifier_key), ("other", WITNESS_2.verifier_key))
    assert isinstance(config, AgentConfig)
    assert [(one.name, one.key) for one in config.witness] == [
        ("main", WITNESS.verifier_key),
        ("other", WITNESS_2.verifier_key),
    ]
    without = read()
    assert isinstance(without, AgentConfig)
    assert without.witness == ()


@pytest.mark.parametrize(
    ("witnesses", "key", "words"),
    [
        ([("main", KEY.verifier_key)], "witness.0.key", "witness's"),
        ([("main", "x+y+z")], "witness.0.key", "not a verifier key"),
        ([("Main", WITNESS.verifier_key)], "witness.0.name", "pattern"),
        ([("a", WITNESS.verifier_key), ("a", WITNESS_2.verifier_key)], "witness", "the same name"),
        ([("a", WITNESS.verifier_key), ("b", WITNESS.verifier_key)], "witness", "the same key"),
    ],
)
def test_what_is_wrong_is_told(witnesses: list[tuple[str, str]], key: str, words: str) -> None:
    problems = read(*witnesses)
    assert isinstance(problems, tuple)
    [problem] = problems
    assert problem.key == key
    assert words in problem.text


def published(body: dict[str, object], *, box: str = "or-3", seq: int = 5) -> bytes:
    envelope = {
        "v": 1, "box": box, "boot": "1", "session": 1, "seq": seq,
        "ts": "2026-11-24T00:00:00.000000Z", "mono_ms": 0, "clk": "synced",
    }  # fmt: skip
    return json.dumps({**envelope, **body}).encode()


def test_the_witness_reads_what_the_box_publishes() -> None:
    message = ledger_head(b"text\n", {4: [HASH], 9: []})
    at = Instant(wall_ns=1_795_478_400_000_000_000, mono_ns=0, quality=ClockQuality.SYNCED)
    envelope = mqtt_v1.Envelope(box="or-3", boot="1", session=1, seq=5, at=at)
    found = decode_head(TOPIC, mqtt_v1.encode(message, envelope))
    assert (found.box, found.note, found.paths) == ("or-3", b"text\n", {4: [HASH], 9: []})
    assert (found.sent.seq, found.sent.wall_ns) == (5, at.wall_ns)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPIC, published({"note": 5})),
        (TOPIC, published({"note": "x", "consistency": [{"size": -1, "path": []}]})),
        (TOPIC, published({"note": "x", "consistency": [{"size": 1, "path": ["AA=="]}]})),
        (TOPIC, published({"note": "x", "consistency": [{"size": 1, "path": ["?"]}]})),
        (TOPIC, published({"note": "x", "consistency": [{"size": n, "path": []} for n in range(9)]})),
        (TOPIC, published({"note": "x"}, box="or-4")),
        ("edgeward/v1/or-3/_/cmd/head", published({"note": "x"})),
        ("edgeward/v1/Or-3/_/ckpt/head", published({"note": "x"})),
    ],
)
def test_what_is_no_checkpoint_is_refused(topic: str, payload: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        decode_head(topic, payload)
    assert caught.value.code == "witness.bad-message"


def test_the_answers_topic() -> None:
    assert cosign_topic("or-3") == "edgeward/v1/or-3/_/cosign/head"
    with pytest.raises(ValueError, match="not a topic"):
        cosign_topic("#")


@given(st.none() | st.integers(0, 1 << 62))
def test_an_answer_gives_itself_back(size: int | None) -> None:
    for answer in (
        Answer(witness="w", note="text \u2014\n".encode()),
        Answer(witness="w", code="witness.late", size=size),
    ):
        assert decode_answer(encode_answer(answer)) == answer
