"""Root on the box, with the box's key: behind a cosigned head everything is found and named, and the first
wrong leaf is bracketed; in the tail that no witness has seen it is reported as exactly that tail.

Story of each test: a witness has cosigned 300 and 550 of 600 leaves; root makes the log anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.formats import signed_note
from agent.formats.ledger_v1 import CHECKPOINT, Leaf
from agent.ledger import checkpoint as checkpoints
from agent.ledger import cosignature
from agent.ledger.attack import WORDS, Kind, classify
from agent.ledger.check import LogReport, Problem, check_log
from agent.ledger.cosigned import CosignedHeads
from agent.ledger.signing import Verifier
from agent.ledger.witness import Witness
from agent.model.times import from_rfc3339, rfc3339
from tests.fakes.clock import FakeClock
from tests.fakes.histories import LOGS, WITNESS, WITNESS_2, sent
from tests.fakes.ledgers import BOX, KEY, NAME, OTHER_KEY, gap, grow
from tests.fakes.root_on_the_box import edited, rewrite

OLD, COSIGNED, COUNT = 300, 550, 600
NOW = FakeClock().now()


def make(folder: Path) -> list[bytes]:
    """The log in `folder / "log"`; gives the witness's notes."""
    witness = Witness.open(folder / "witness", WITNESS, LOGS)
    ledger = grow(folder / "log", OLD)
    first = witness.take(BOX, ledger.checkpoint(NOW), {}, sent(1), NOW)
    ledger.append_many([gap(number) for number in range(OLD, COSIGNED)])
    paths = {OLD: ledger.consistency_proof(OLD)}
    second = witness.take(BOX, ledger.checkpoint(NOW), paths, sent(2), NOW)
    heads = CosignedHeads(folder / "log", "main")
    verifier = Verifier(WITNESS.verifier_key, signed_note.COSIGNATURE)
    for note in (first, second):
        heads.keep(cosignature.verified(note, verifier, NAME), 0)
    (folder / "log" / "cosigned" / "main" / f"at-{OLD}").write_bytes(first)
    ledger.append_many([gap(number) for number in range(COSIGNED, COUNT)])
    ledger.checkpoint(NOW)
    ledger.close()
    witness.close()
    return [first, second]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    folder = tmp_path_factory.mktemp("made")
    return folder / "log", make(folder)


@pytest.fixture
def log(made: tuple[Path, list[bytes]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "log"))


def check(log: Path, *kept: bytes) -> LogReport:
    return check_log(log, KEY.verifier_key, kept=kept, witnesses=[WITNESS.verifier_key])


def kinds(report: LogReport) -> list[str]:
    assert report.ok == (not report.problems)
    return [attack.kind.value for attack in classify(report.problems)]


def edit(leaves: list[Leaf], at: int) -> Sequence[Leaf]:
    return [*leaves[:at], edited(leaves[at], word="forged"), *leaves[at + 1 :]]


def delete(leaves: list[Leaf], at: int) -> Sequence[Leaf]:
    return [*leaves[:at], *leaves[at + 1 :]]


def reorder(leaves: list[Leaf], at: int) -> Sequence[Leaf]:
    return [*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]]


def inject(leaves: list[Leaf], at: int) -> Sequence[Leaf]:
    return [*leaves[:at], edited(leaves[at], word="injected"), *leaves[at:]]


def truncate(leaves: list[Leaf], at: int) -> Sequence[Leaf]:
    return leaves[:at]


def regrow(leaves: list[Leaf], at: int) -> Sequence[Leaf]:
    return [*leaves[:at], *(edited(leaf, word="another story") for leaf in leaves[at:])]


def change_the_clock(leaves: list[Leaf], at: int) -> Sequence[Leaf]:
    wall = rfc3339(from_rfc3339(leaves[at].wall) - 3_600_000_000_000)
    return [*leaves[:at], replace(leaves[at], wall=wall), *leaves[at + 1 :]]


def change_who_did_it(leaves: list[Leaf], at: int) -> Sequence[Leaf]:
    return [*leaves[:at], replace(leaves[at], actor="dr-7"), *leaves[at + 1 :]]


Attack = Callable[[list[Leaf], int], Sequence[Leaf]]
ATTACKS: list[tuple[Attack, set[str]]] = [
    (edit, {"rewritten", "forked"}),
    (delete, {"rewritten", "forked"}),
    (reorder, {"rewritten", "forked"}),
    (inject, {"rewritten", "forked"}),
    (truncate, {"rolled-back"}),
    (regrow, {"rewritten", "forked"}),
    (change_the_clock, {"rewritten", "forked"}),
    (change_who_did_it, {"rewritten", "forked"}),
]
BY_NAME = pytest.mark.parametrize(("attack", "named"), ATTACKS, ids=[one.__name__ for one, _ in ATTACKS])


def test_an_honest_log(log: Path) -> None:
    report = check(log)
    assert (kinds(report), report.witnessed, report.unwitnessed) == ([], COSIGNED, COUNT - COSIGNED)


@BY_NAME
def test_behind_a_cosigned_head_it_is_found_and_named(log: Path, attack: Attack, named: set[str]) -> None:
    rewrite(log, BOX, KEY, lambda leaves: attack(leaves, 420))
    report = check(log)
    assert set(kinds(report)) == named
    # Between the head that still fits and the one that does not.
    assert min(one.index for one in report.problems if one.index is not None) in (OLD, 420)
    assert report.witnessed == OLD


@BY_NAME
def test_also_when_root_removes_the_cosigned_heads_and_the_witness_has_them(
    log: Path, made: tuple[Path, list[bytes]], attack: Attack, named: set[str]
) -> None:
    shutil.rmtree(log / "cosigned")
    rewrite(log, BOX, KEY, lambda leaves: attack(leaves, 420))
    assert check(log).witnessed == 0  # all of it is a tail now: that too is told
    assert set(kinds(check(log, *made[1]))) == named


@BY_NAME
def test_in_the_tail_it_is_reported_as_the_unwitnessed_tail(
    log: Path, attack: Attack, named: set[str]
) -> None:
    rewrite(log, BOX, KEY, lambda leaves: attack(leaves, 570))
    report = check(log)
    assert (report.ok, report.witnessed) == (True, COSIGNED)
    assert report.unwitnessed == report.leaves - COSIGNED
    assert report.unwitnessed > 0
    assert named


@settings(max_examples=25, deadline=None)
@given(st.integers(0, len(ATTACKS) - 1), st.integers(0, COUNT - 3))
def test_at_every_place(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[Path, list[bytes]], number: int, at: int
) -> None:
    """100 % behind the cosigned head, and never a false word about an honest part."""
    attack, _ = ATTACKS[number]
    log = Path(shutil.copytree(made[0], tmp_path_factory.mktemp("at") / "log"))
    rewrite(log, BOX, KEY, lambda leaves: attack(leaves, at))
    report = check(log)
    assert report.ok == (at >= COSIGNED)
    assert report.witnessed == (0 if at < OLD else OLD if at < COSIGNED else COSIGNED)


def test_a_fork_to_two_witnesses(log: Path, made: tuple[Path, list[bytes]], tmp_path: Path) -> None:
    """Each witness has seen a sound log. Their notes together prove the fork without any leaf."""
    other = Path(shutil.copytree(log, tmp_path / "other"))
    rewrite(other, BOX, KEY, lambda leaves: regrow(leaves, 100)[:COSIGNED])
    witness = Witness.open(tmp_path / "witness-2", WITNESS_2, LOGS)
    theirs = witness.take(BOX, (other / CHECKPOINT).read_bytes(), {}, sent(1), NOW)
    witness.close()
    both = [WITNESS.verifier_key, WITNESS_2.verifier_key]
    report = check_log(log, KEY.verifier_key, kept=[theirs], witnesses=both)
    assert set(kinds(report)) == {"rewritten", "forked"}
    assert [one.code for one in report.problems] == ["log.differs", "head.forked"]


def test_a_smaller_fork_to_a_second_witness(log: Path, tmp_path: Path) -> None:
    """The other history has a size that this one never signed."""
    other = Path(shutil.copytree(log, tmp_path / "other"))
    rewrite(other, BOX, KEY, lambda leaves: regrow(leaves, 100)[:150])
    witness = Witness.open(tmp_path / "witness-2", WITNESS_2, LOGS)
    theirs = witness.take(BOX, (other / CHECKPOINT).read_bytes(), {}, sent(1), NOW)
    witness.close()
    report = check(log, theirs)
    assert set(kinds(report)) == {"rewritten", "forked"}


def test_roll_back_to_an_old_image(log: Path, made: tuple[Path, list[bytes]]) -> None:
    """Everything on the disk is old, the kept heads too; the witness has the newest."""
    rewrite(log, BOX, KEY, lambda leaves: leaves[: OLD + 20])
    (log / "cosigned" / "main" / "newest").write_bytes(made[1][0])
    assert kinds(check(log)) == []
    assert check(log).unwitnessed == 20
    report = check(log, made[1][1])
    assert kinds(report) == ["rolled-back"]
    assert report.problems[0].index == OLD + 20


def _replace_signature(log: Path) -> None:
    head = checkpoints.parse(signed_note.parse((log / CHECKPOINT).read_bytes()).text)
    (log / CHECKPOINT).write_bytes(checkpoints.sign(head, OTHER_KEY))


def _strip_signature(log: Path) -> None:
    (log / CHECKPOINT).write_bytes((log / CHECKPOINT).read_bytes().rpartition(b"\n\n")[0] + b"\n\n")


def _forge_cosignature(log: Path) -> None:
    """Root asks a witness of its own, with the name of the real one."""
    newest = log / "cosigned" / "main" / "newest"
    newest.write_bytes(newest.read_bytes().replace(b"\n550\n", b"\n549\n"))


@pytest.mark.parametrize(
    ("attack", "kind"),
    [
        (_replace_signature, "signature-replaced"),
        (_strip_signature, "signature-stripped"),
        (_forge_cosignature, "signature-forged"),
        (lambda log: (log / CHECKPOINT).unlink(), "signature-stripped"),
    ],
    ids=["replace", "strip", "forge a cosigned head", "remove"],
)
def test_signatures(log: Path, attack: Callable[[Path], None], kind: str) -> None:
    attack(log)
    assert kinds(check(log)) == [kind]


def test_a_cosignature_of_a_witness_that_nobody_knows_covers_nothing(log: Path) -> None:
    report = check_log(log, KEY.verifier_key, witnesses=[WITNESS_2.verifier_key])
    assert (report.ok, report.witnessed, report.unwitnessed) == (True, 0, COUNT)


def test_without_a_witness_key_nothing_is_said_of_witnesses(log: Path) -> None:
    report = check_log(log, KEY.verifier_key)
    assert (report.witnessed, report.unwitnessed) == (None, None)


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        ([("bundle.missing", 256, None, None), ("log.truncated", 256, 0, None)], [("deleted", 256)]),
        (
            [("leaf.misplaced", 10, None, 11), ("leaf.misplaced", 11, None, 10),
             ("leaf.misplaced", 12, None, 12),
          ("log.differs", 0, 0, None)], [("reordered", 10)]),
        ([("leaf.misplaced", 10, None, 11), ("log.truncated", 599, 0, None)], [("deleted", 10)]),
        ([("leaf.misplaced", 10, None, 9), ("log.differs", 0, 0, None)], [("inserted", 10)]),
        ([("log.truncated", 5, 0, None)], [("truncated", 5)]),
        ([("log.truncated", 5, 1, None)], [("rolled-back", 5)]),
        ([("tile.differs", 7, None, None)], [("tiles-changed", 7)]),
        ([("tile.differs", 7, None, None), ("log.differs", 0, 0, None)], [("edited", 7)]),
        ([("note.bad", None, 0, None)], [("signature-stripped", None)]),
    ],
)  # fmt: skip
def test_words(
    problems: list[tuple[str, int | None, int | None, int | None]], expected: list[tuple[str, int | None]]
) -> None:
    given = [
        Problem(code=code, index=index, text="", head=head, found=n) for code, index, head, n in problems
    ]
    attacks = classify(given)
    assert [(one.kind.value, one.index) for one in attacks] == expected
    assert all(one.text.startswith(WORDS[one.kind]) for one in attacks)


def test_every_kind_has_words() -> None:
    assert set(WORDS) == set(Kind)
