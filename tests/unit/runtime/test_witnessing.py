"""The witness's desk: what is answered, what is not, and one box's trouble is no other's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.formats import mqtt_v1
from agent.formats.witness_v1 import Paths, decode_answer
from agent.ledger import checkpoint as checkpoints
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.signing import SigningKey, Verifier
from agent.ledger.witness import Witness
from agent.model.times import ClockQuality, Instant
from agent.runtime.telemetry import ledger_head
from agent.runtime.witnessing import WitnessDesk
from tests.fakes.clock import START_WALL_NS, FakeClock
from tests.fakes.histories import LOGS, WITNESS, History
from tests.fakes.ledgers import BOX

OTHER_BOX = "or-4"
OTHER = SigningKey.generate(bytes(range(9, 41)), f"edgeward.box/{OTHER_BOX}")
TEN = History.of(10)


@dataclass(slots=True)
class Desk:
    folder: Path
    witness: Witness
    said: list[str] = field(default_factory=list)
    seq: int = 0

    def give(self, note: bytes, paths: Paths, *, box: str = BOX) -> list[tuple[str, dict[str, object]]]:
        """What is published for a checkpoint of `box`."""
        self.seq += 1
        at = Instant(wall_ns=START_WALL_NS + self.seq * 10**9, mono_ns=0, quality=ClockQuality.SYNCED)
        envelope = mqtt_v1.Envelope(box=box, boot="1", session=1, seq=self.seq, at=at)
        payload = mqtt_v1.encode(ledger_head(note, paths), envelope)
        desk = WitnessDesk("main", self.witness, FakeClock(), self.said.append)
        found = desk.take(f"edgeward/v1/{box}/_/ckpt/head", payload)
        return [(one.topic, json.loads(one.payload or b"null")) for one in found]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    logs = {**LOGS, OTHER_BOX: Verifier(OTHER.verifier_key)}
    witness = Witness.open(tmp_path / "witness", WITNESS, logs)
    yield Desk(tmp_path / "witness", witness)
    witness.close()


def test_a_good_checkpoint_is_answered_with_a_cosignature(desk: Desk) -> None:
    [(topic, answer)] = desk.give(TEN.note, {})
    assert topic == f"edgeward/v1/{BOX}/_/cosign/head"
    assert decode_answer(json.dumps(answer).encode()).note is not None
    assert desk.said == []


def test_what_is_missing_is_asked_for(desk: Desk) -> None:
    desk.give(TEN.note, {})
    [(_, answer)] = desk.give(TEN.grown(3).note, {})
    assert (answer["code"], answer["size"], answer["note"]) == ("witness.need-proof", 10, None)
    [(_, answer)] = desk.give(TEN.grown(3).note, {10: TEN.grown(3).path(10)})
    assert answer["code"] is None


def test_a_fork_is_answered_and_is_the_retained_status(desk: Desk) -> None:
    desk.give(TEN.note, {})
    (_, answer), (topic, status) = desk.give(TEN.fork(2, 8).note, {})
    assert answer["code"] == "witness.forked"
    assert topic == "edgeward/v1/ctl/a/witness/main"
    assert status["stopped"] == [
        {"box": BOX, "code": "witness.forked", "since": "2026-11-24T00:00:00.000000Z"}
    ]
    assert any(line.startswith(f"ALARM {BOX}: ") for line in desk.said)


def test_what_anybody_can_send_gets_no_answer(desk: Desk) -> None:
    root = TEN.head.root
    forged = checkpoints.sign(Checkpoint(origin=f"edgeward.box/{BOX}", size=10, root=root), _stranger())
    assert desk.give(forged, {}) == []
    assert desk.give(TEN.note, {}, box="or-9") == []
    assert [line.rpartition(" ")[2] for line in desk.said] == ["[note.unsigned]", "[witness.unknown-log]"]


def _stranger() -> SigningKey:
    return SigningKey.generate(bytes(32), f"edgeward.box/{BOX}")


def test_one_boxs_damaged_state_is_an_alarm_and_the_others_go_on(desk: Desk) -> None:
    desk.give(TEN.note, {})
    (desk.folder / f"{BOX}.json").write_text("{")
    [(topic, status)] = desk.give(TEN.note, {})
    assert topic.endswith("/a/witness/main")
    assert status["stopped"] == [{"box": BOX, "code": "witness.state-damaged", "since": None}]
    head = Checkpoint(origin=OTHER.name, size=10, root=TEN.head.root)
    [(_, answer)] = desk.give(checkpoints.sign(head, OTHER), {}, box=OTHER_BOX)
    assert answer["code"] is None
