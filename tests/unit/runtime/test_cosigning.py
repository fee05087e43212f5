"""The box takes cosignatures: what counts, what is kept, what is said of the rest, what is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.formats import mqtt_v1
from agent.formats.config_witness import WitnessConfig
from agent.formats.ledger_v1 import LeafType
from agent.formats.witness_v1 import Answer, decode_head, encode_answer
from agent.ledger.cosigned import EVERY, read_all
from agent.ledger.log import Ledger
from agent.ledger.witness import Witness
from agent.link.outbox import Outbox
from agent.model.errors import Refuse
from agent.model.outgoing import Priority
from agent.runtime.book import Book
from agent.runtime.cosigning import LIMIT_S, RESEND_S, Cosigning, Unwitnessed
from tests.fakes.clock import FakeClock
from tests.fakes.histories import LOGS, WITNESS, WITNESS_2, History, sent
from tests.fakes.ledgers import BOX, KEY, gap, grow
from tests.fakes.message_schemas import check_schema

MAIN = WitnessConfig(name="main", key=WITNESS.verifier_key)
OTHER = WitnessConfig(name="other", key=WITNESS_2.verifier_key)


@dataclass(slots=True)
class Place:
    """A box with an outbox that a witness reads."""

    root: Path
    ledger: Ledger
    outbox: Outbox
    book: Book
    clock: FakeClock
    cosigning: Cosigning

    def messages(self, topic: str) -> list[tuple[str, bytes]]:
        """Everything that waits on topics with this part, handed over."""
        rows = self.outbox.claim(100, live_from=0, backlog_limit=None, worst=Priority.MEASUREMENT)
        self.outbox.done(*(row.id for row in rows))
        return [(row.topic, row.payload) for row in rows if topic in row.topic]

    def ask(self, witness: Witness) -> None:
        """The newest head goes to the witness, its answer comes back."""
        for topic, payload in self.messages("/ckpt/head"):
            answer(self, witness, topic, payload)

    def state(self) -> dict[str, object]:
        [(_, payload)] = self.messages("/state/ledger")
        fields = mqtt_v1.decode(payload)
        check_schema("state-ledger", fields)
        return fields


def answer(place: Place, witness: Witness, topic: str, payload: bytes) -> None:
    message = decode_head(topic, payload)
    check_schema("ckpt-head", mqtt_v1.decode(payload))
    now = place.clock.now()
    try:
        note = witness.take(message.box, message.note, message.paths, message.sent, now)
        reply = Answer(witness=witness.name, note=note)
    except Refuse as error:
        head = witness.head(message.box)
        reply = Answer(witness=witness.name, code=error.code, size=None if head is None else head.size)
    place.cosigning.take(encode_answer(reply))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def make(root: Path, clock: FakeClock, *witnesses: WitnessConfig, log: str = "log") -> Place:
    ledger = Ledger.open(root / log, BOX, KEY)
    outbox = Outbox.open(root / "outbox.sqlite3", BOX, "1")
    book = Book(ledger, outbox, clock, 1, lambda: None)
    cosigning = Cosigning(witnesses, BOX, ledger, root / log, book, clock)
    return Place(root, ledger, outbox, book, clock, cosigning)


def end(place: Place) -> None:
    place.ledger.close()
    place.outbox.close()


@pytest.fixture
def place(tmp_path: Path, clock: FakeClock) -> Iterator[Place]:
    grow(tmp_path / "log", 20).close()
    made = make(tmp_path, clock, MAIN)
    yield made
    end(made)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = Witness.open(tmp_path / "witness", WITNESS, LOGS)
    yield made
    made.close()


def alarms(place: Place) -> set[str]:
    return {alarm.code for alarm in place.book.alarms}


def test_a_cosigned_head_counts_and_is_kept(place: Place, witness: Witness) -> None:
    place.book.checkpoint()
    place.ask(witness)
    assert place.cosigning.witnessed == 20
    assert [name for name, _ in read_all(place.root / "log")] == ["cosigned/main/newest"]
    assert place.book.proven_from == {20}
    place.ledger.append_many([gap(1)] * 5)
    place.cosigning.tick()
    place.book.checkpoint()
    place.ask(witness)
    assert place.cosigning.witnessed == 25


def test_the_state_says_what_no_witness_has_seen(place: Place, witness: Witness, clock: FakeClock) -> None:
    place.book.checkpoint()
    place.ask(witness)
    assert {key: value for key, value in place.state().items() if "witness" in key or key == "leaves"} == {
        "leaves": 20,
        "unwitnessed_leaves": 0,
        "unwitnessed_s": 0,
        "witnesses": [{"name": "main", "size": 20, "at": "2026-11-24T00:00:00.000000Z"}],
    }
    place.ledger.append_many([gap(1)] * 3)
    place.cosigning.tick()
    clock.advance(61)
    place.cosigning.tick()
    fields = place.state()
    assert (fields["unwitnessed_leaves"], fields["unwitnessed_s"]) == (3, 61)


def test_an_alarm_after_the_limit_until_a_witness_answers(
    place: Place, witness: Witness, clock: FakeClock
) -> None:
    place.cosigning.tick()
    assert alarms(place) == set()
    clock.advance(LIMIT_S + 1)
    place.cosigning.tick()
    assert alarms(place) == {"ledger.unwitnessed"}
    place.ask(witness)
    place.cosigning.tick()
    assert alarms(place) == set()


def test_a_head_that_nobody_answers_is_published_again(
    place: Place, witness: Witness, clock: FakeClock
) -> None:
    place.book.checkpoint()
    assert len(place.messages("/ckpt/head")) == 1  # and its answer is lost
    for _ in range(2 * RESEND_S):
        clock.advance(1)
        place.cosigning.tick()
    place.ask(witness)
    assert place.cosigning.witnessed == 20


def test_after_a_restart_the_kept_head_counts_and_the_wait_goes_on(
    place: Place, witness: Witness, clock: FakeClock
) -> None:
    place.book.checkpoint()
    place.ask(witness)
    place.ledger.append(clock.now(), 1, LeafType.GAP, {"number": 1})
    end(place)
    clock.advance(300)
    again = make(place.root, clock, MAIN)
    assert again.cosigning.witnessed == 20
    again.messages("")
    again.cosigning.tick()
    assert again.state()["unwitnessed_s"] == 300
    end(again)


def test_a_second_witness_gets_the_path_that_it_asks_for(
    place: Place, witness: Witness, clock: FakeClock
) -> None:
    """It has seen an older head than the first; what it asks for is published at once."""
    other = Witness.open(place.root / "witness-2", WITNESS_2, LOGS)
    place.book.checkpoint()
    [(topic, payload)] = place.messages("/ckpt/head")
    message = decode_head(topic, payload)
    other.take(BOX, message.note, {}, message.sent, clock.now())
    end(place)
    both = make(place.root, clock, MAIN, OTHER)
    both.ledger.append_many([gap(2)] * 9)
    both.book.checkpoint()
    [(topic, payload)] = both.messages("/ckpt/head")
    answer(both, other, topic, payload)  # no path yet
    [(topic, payload)] = both.messages("/ckpt/head")
    answer(both, other, topic, payload)
    answer(both, witness, topic, payload)
    assert both.book.proven_from == {29}
    assert {name for name, _ in read_all(both.root / "log")} == {
        "cosigned/main/newest", "cosigned/other/newest",
    }  # fmt: skip
    other.close()
    end(both)


def test_older_heads_are_kept_as_evidence(place: Place, witness: Witness) -> None:
    for count in (EVERY, 10, EVERY):
        place.ledger.append_many([gap(1)] * count)
        place.book.checkpoint()
        place.ask(witness)
    assert [name for name, _ in read_all(place.root / "log")] == [
        f"cosigned/main/at-{EVERY + 20}",
        f"cosigned/main/at-{2 * EVERY + 30}",
        "cosigned/main/newest",
    ]


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"v":1,"witness":"x","note":"y"}', b"\xff"])
def test_what_is_no_answer_is_counted_and_not_believed(place: Place, payload: bytes) -> None:
    place.cosigning.take(payload)
    place.cosigning.tick()
    assert place.state()["answers_refused"] == 1
    assert (place.cosigning.witnessed, alarms(place)) == (0, set())


def test_a_witness_that_is_not_configured_does_not_count(place: Place) -> None:
    other = Witness.open(place.root / "witness-2", WITNESS_2, LOGS)
    place.book.checkpoint()
    place.ask(other)
    assert place.cosigning.witnessed == 0
    other.close()


def test_another_history_that_the_witness_cosigned_is_an_alarm_and_evidence(
    place: Place, witness: Witness, clock: FakeClock
) -> None:
    """Somebody with the box's key has told the witness another story."""
    story = History.of(10, "another story")
    note = witness.take(BOX, story.note, {}, sent(1), clock.now())
    place.cosigning.take(encode_answer(Answer(witness=WITNESS.name, note=note)))
    assert alarms(place) == {"ledger.contradicted"}
    assert place.cosigning.witnessed == 0
    [(name, kept)] = read_all(place.root / "log")
    assert (name, kept) == (f"cosigned/main/contradiction-10-{story.head.root.hex()[:16]}", note)


def test_a_box_restored_from_an_old_image_learns_it_from_the_witness(
    place: Place, witness: Witness, clock: FakeClock
) -> None:
    place.ledger.append_many([gap(1)] * 30)
    place.book.checkpoint()
    place.ask(witness)
    end(place)
    grow(place.root / "old image", 20).close()
    restored = make(place.root, clock, MAIN, log="old image")
    clock.advance(60)
    restored.messages("")
    restored.book.checkpoint()
    restored.ask(witness)
    assert alarms(restored) == {"ledger.witness-refuses"}
    [alarm] = restored.book.alarms
    assert "witness.rolled-back" in alarm.text
    restored.cosigning.take(encode_answer(Answer(witness=WITNESS.name, code="witness.need-proof", size=50)))
    assert "ledger.contradicted" in alarms(restored)
    end(restored)


def test_a_kept_head_that_is_not_of_this_log_does_not_count(
    place: Place, witness: Witness, clock: FakeClock
) -> None:
    place.book.checkpoint()
    place.ask(witness)
    end(place)
    newest = place.root / "log" / "cosigned" / "main" / "newest"
    newest.write_bytes(newest.read_bytes().replace(b"\n20\n", b"\n19\n"))
    again = make(place.root, clock, MAIN)
    assert (again.cosigning.witnessed, alarms(again)) == (0, {"ledger.bad-cosignature"})
    end(again)


def test_the_wait_counts_from_the_oldest_leaf_that_waits() -> None:
    wait = Unwitnessed()
    assert wait.age_ns(9) == 0
    for size, at in ((5, 10), (9, 20), (9, 30), (12, 40)):
        wait.grown(size, at)
    assert wait.age_ns(100) == 90
    wait.covered(4)
    assert wait.age_ns(100) == 90
    wait.covered(5)
    assert wait.age_ns(100) == 80
    wait.covered(10)
    assert wait.age_ns(100) == 60
    wait.covered(12)
    assert wait.age_ns(100) == 0
    for size in range(13, 200):
        wait.grown(size, size)
    wait.covered(198)
    assert wait.age_ns(200) > 0
