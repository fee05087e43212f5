"""The witness: one history per log, durable before it answers, and every contradiction kept and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.formats.signed_note import COSIGNATURE
from agent.formats.witness_v1 import Paths, Sent, decode_state, encode_state
from agent.ledger import checkpoint as checkpoints
from agent.ledger import cosignature, tree
from agent.ledger import witness as module
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.signing import SigningKey, Verifier
from agent.ledger.witness import Known, Witness, judge
from agent.model.errors import AgentError, Halt, Refuse
from tests.fakes.clock import FakeClock
from tests.fakes.histories import LOGS, WITNESS, WITNESS_2, History, paths, sent
from tests.fakes.ledgers import BOX, KEY, NAME, OTHER_KEY

TEN = History.of(10)
NOW = FakeClock().now()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = Witness.open(tmp_path / "witness", WITNESS, LOGS)
    yield made
    made.close()


def give(witness: Witness, history: History, seq: int, *, old: int | None = None) -> bytes:
    head = witness.head(BOX)
    size = old if old is not None else head.size if head is not None else 0
    return witness.take(BOX, history.note, paths(history, size), sent(seq), NOW)


def refused(code: str, witness: Witness, history: History, seq: int, *, old: int | None = None) -> None:
    with pytest.raises(Refuse) as caught:
        give(witness, history, seq, old=old)
    assert caught.value.code == code


def test_it_cosigns_a_log_that_grows(witness: Witness) -> None:
    for seq, size in enumerate((10, 10, 11, 256, 300), 1):
        history = TEN.grown(size - 10)
        note = give(witness, history, seq)
        found = cosignature.verified(note, Verifier(WITNESS.verifier_key, COSIGNATURE), NAME)
        assert (found.head, found.at_s) == (history.head, NOW.wall_ns // 10**9)
        assert witness.head(BOX) == history.head


def test_an_empty_log_may_grow(witness: Witness) -> None:
    empty = checkpoints.sign(Checkpoint(origin=NAME, size=0, root=tree.EMPTY_ROOT), KEY)
    witness.take(BOX, empty, {}, sent(1), NOW)
    witness.take(BOX, TEN.note, {}, sent(2), NOW)
    assert witness.head(BOX) == TEN.head


def test_fork_two_roots_of_one_size(witness: Witness, tmp_path: Path) -> None:
    give(witness, TEN, 1)
    fork = TEN.fork(9, 1)
    refused("witness.forked", witness, fork, 2)
    evidence = witness.state(BOX).stopped
    assert evidence is not None
    assert (evidence.code, evidence.note) == ("witness.forked", fork.note.decode())
    # Neither branch is cosigned any more, after a restart neither.
    refused("witness.stopped", witness, TEN.grown(1), 3)
    witness.close()
    again = Witness.open(tmp_path / "witness", WITNESS, LOGS)
    refused("witness.stopped", again, TEN.grown(1), 4)
    assert again.head(BOX) == TEN.head
    again.close()


def test_roll_back_and_regrow(witness: Witness) -> None:
    give(witness, TEN, 1)
    regrown = TEN.fork(4, 20)
    refused("witness.inconsistent", witness, regrown, 2)
    evidence = witness.state(BOX).stopped
    assert evidence is not None
    assert evidence.paths == {10: regrown.path(10)}


def test_a_box_that_was_restored_from_an_old_image(witness: Witness) -> None:
    """Its message numbers are old again too; its clock is not."""
    for seq, size in ((5, 10), (6, 20), (7, 30)):
        give(witness, TEN.grown(size - 10), seq)
    with pytest.raises(Refuse) as caught:
        witness.take(BOX, TEN.note, {}, sent(6, seconds=100), NOW)
    assert caught.value.code == "witness.rolled-back"
    refused("witness.stopped", witness, TEN.grown(30), 8)


def test_a_restored_image_that_grew_beyond_the_head_before_it_was_seen(witness: Witness) -> None:
    give(witness, TEN.grown(10), 7)
    regrown = TEN.grown(50, "other facts")
    # The box knows an old cosigned size only: first it learns what to prove, then it can't.
    refused("witness.need-proof", witness, regrown, 3, old=10)
    assert witness.state(BOX).stopped is None
    refused("witness.inconsistent", witness, regrown, 4)


def test_a_delayed_message_is_no_roll_back(witness: Witness) -> None:
    give(witness, TEN.grown(5), 9)
    refused("witness.late", witness, TEN.grown(2), 8)
    assert witness.state(BOX).stopped is None
    give(witness, TEN.grown(6), 10)


def test_a_newer_message_with_an_older_head_is_a_roll_back_whatever_its_clock_says(witness: Witness) -> None:
    give(witness, TEN.grown(5), 9)
    with pytest.raises(Refuse) as caught:
        witness.take(BOX, TEN.grown(2).note, {}, sent(10, seconds=1), NOW)
    assert caught.value.code == "witness.rolled-back"


def test_two_witnesses_and_two_stories(tmp_path: Path) -> None:
    """Each alone sees a sound log; side by side their notes prove the fork, by the box's own signature."""
    one = Witness.open(tmp_path / "one", WITNESS, LOGS)
    two = Witness.open(tmp_path / "two", WITNESS_2, LOGS)
    mine, yours = TEN.grown(5), TEN.fork(8, 7)
    give(one, mine, 1)
    note = give(two, yours, 2)
    with pytest.raises(Refuse) as caught:
        one.take(BOX, note, {}, sent(2), NOW)
    assert caught.value.code == "witness.forked"
    for each in (one, two):
        each.close()


def test_what_anybody_can_send_stops_nothing(witness: Witness) -> None:
    give(witness, TEN, 1)
    forged = checkpoints.sign(TEN.fork(3, 7).head, OTHER_KEY)
    for note, code in (
        (forged, "note.unsigned"),
        (b"text", "note.bad"),
        (TEN.note.replace(b"\n10\n", b"\n9\n"), "note.forged"),
    ):
        with pytest.raises(Refuse) as caught:
            witness.take(BOX, note, {}, sent(2), NOW)
        assert caught.value.code == code
    with pytest.raises(Refuse) as caught:
        witness.take("or-4", TEN.note, {}, sent(2), NOW)
    assert caught.value.code == "witness.unknown-log"
    assert witness.state(BOX).stopped is None


def test_reset_keeps_the_evidence_and_begins_at_first_contact(witness: Witness, tmp_path: Path) -> None:
    assert witness.reset(BOX, NOW) is None
    give(witness, TEN, 1)
    refused("witness.forked", witness, TEN.fork(9, 1), 2)
    kept = witness.reset(BOX, NOW)
    assert kept is not None
    stopped = decode_state(NAME, kept.read_bytes()).stopped
    assert stopped is not None
    assert stopped.code == "witness.forked"
    give(witness, TEN.fork(9, 1), 3)


def test_nothing_leaves_before_it_is_on_the_disk(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    give(witness, TEN, 1)

    def full(_path: Path, _data: bytes, _mode: int = 0) -> None:
        raise Halt("disk.error", "planned", "planned")

    monkeypatch.setattr(module, "write_atomic", full)
    with pytest.raises(AgentError) as caught:
        give(witness, TEN.grown(1), 2)
    assert caught.value.code == "disk.error"
    monkeypatch.undo()
    assert witness.head(BOX) == TEN.head


@pytest.mark.parametrize("damage", ["{", "", '{"v":1}'])
def test_a_damaged_state_halts(witness: Witness, tmp_path: Path, damage: str) -> None:
    give(witness, TEN, 1)
    (tmp_path / "witness" / f"{BOX}.json").write_text(damage)
    with pytest.raises(Halt) as caught:
        give(witness, TEN.grown(1), 2, old=10)
    assert caught.value.code == "witness.state-damaged"


def test_a_state_that_somebody_wrote_without_the_key_halts(witness: Witness, tmp_path: Path) -> None:
    give(witness, TEN, 1)
    path = tmp_path / "witness" / f"{BOX}.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, "note": TEN.fork(5, 1).note.decode()}))
    with pytest.raises(Halt) as caught:
        give(witness, TEN.grown(1), 2, old=6)
    assert caught.value.code == "witness.state-damaged"


def test_one_process_per_directory_and_right_enrolment(witness: Witness, tmp_path: Path) -> None:
    with pytest.raises(Halt) as halted:
        Witness.open(tmp_path / "witness", WITNESS, LOGS)
    assert halted.value.code == "witness.busy"
    with pytest.raises(Refuse) as refusal:
        Witness.open(tmp_path / "other", WITNESS, {"or-4": LOGS[BOX]})
    assert refusal.value.code == "witness.bad-enrolment"


def test_a_key_of_a_witness_survives_its_file(tmp_path: Path) -> None:
    WITNESS.save(tmp_path / "key")
    assert SigningKey.load(tmp_path / "key", COSIGNATURE).verifier_key == WITNESS.verifier_key
    with pytest.raises(Refuse) as caught:
        SigningKey.load(tmp_path / "key")
    assert caught.value.code == "key.bad"


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 99), st.integers(0, 99))
def test_judge_accepts_exactly_what_begins_with_the_known_tree(
    common: int, mine: int, theirs: int, known_seq: int, seq: int
) -> None:
    trunk = History.of(common + 1)
    known, found = trunk.grown(mine, "a"), trunk.grown(theirs, "b")
    before: Known = Known(head=known.head, sent=sent(known_seq))
    offered: Paths = paths(found, known.size)
    if found.leaves[: known.size] == known.leaves:
        judge(before, found.head, sent(seq), offered)
        return
    with pytest.raises(Refuse) as caught:
        judge(before, found.head, sent(seq), offered)
    expected = {"witness.late" if seq <= known_seq else "witness.rolled-back"}
    if found.size >= known.size:
        expected = {"witness.forked" if found.size == known.size else "witness.inconsistent"}
    assert caught.value.code in expected


class _Model:
    """What was ever cosigned."""

    def __init__(self) -> None:
        self.cosigned: list[History] = []


steps = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 6), st.booleans(), st.booleans(), st.booleans()),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(steps)
def test_whatever_root_sends_all_that_was_cosigned_is_one_history(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[int, int, bool, bool, bool]]
) -> None:
    """Cut anywhere, regrow, replay, restart: any two cosigned heads are prefixes of one another."""
    folder = tmp_path_factory.mktemp("w") / "state"
    witness = Witness.open(folder, WITNESS, LOGS)
    model, now, seq = _Model(), History.of(3), 0
    for cut, count, other, with_path, restart in moves:
        seq += 1
        now = now.fork(min(cut, now.size), count, f"s{seq}") if other else now.grown(count)
        if not now.size:
            continue
        head = witness.head(BOX)
        offered: Paths = paths(now, head.size) if head is not None and with_path else {}
        try:
            witness.take(BOX, now.note, offered, Sent(seq=seq, wall_ns=seq), NOW)
            model.cosigned.append(now)
        except Refuse as error:
            assert error.code.startswith("witness.")
        if restart:
            witness.close()
            witness = Witness.open(folder, WITNESS, LOGS)
    witness.close()
    for earlier, later in zip(model.cosigned, model.cosigned[1:], strict=False):
        assert later.leaves[: earlier.size] == earlier.leaves


def test_a_state_file_gives_itself_back(witness: Witness) -> None:
    give(witness, TEN, 1)
    refused("witness.inconsistent", witness, TEN.fork(2, 30), 2)
    state = witness.state(BOX)
    assert decode_state(NAME, encode_state(NAME, state)) == state
