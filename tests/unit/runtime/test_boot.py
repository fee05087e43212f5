"""Boot: what an earlier run left is entered or moved aside, whenever it broke off; then nothing is left.

Story of each test: a run that ends like a crash, one or more boots, and the ledger and the vault after them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.check import read_leaves
from agent.model.errors import AgentError, Halt, Refuse, Retry
from agent.model.ids import ChannelId, RecordingId
from agent.model.media import GapCause
from agent.model.times import rfc3339
from agent.runtime.book import Book
from agent.runtime.boot import (
    LOCK_WAIT_S,
    open_known_vault,
    prepare_state,
    recover,
    signing_key,
    wait_for_lock,
)
from agent.runtime.past import gather
from agent.runtime.past_index import NAME as INDEX_NAME
from agent.vault.identity import lock_vault
from agent.vault.recovery import plan
from agent.vault.store import list_recordings
from tests.fakes.clock import FakeClock
from tests.unit.runtime.vaults import FRAMES, SmallBox, enter, sha256, write_segment


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def leaves(box: SmallBox, *kinds: LeafType) -> list[Leaf]:
    return [leaf for leaf in read_leaves(box.vault / "ledger") if leaf.type in kinds]


def crash_in_a_segment(box: SmallBox) -> str:
    """One whole segment with its leaf, one that was broken off, and no word of either's end."""
    with box.running() as run:
        opened = box.begin(run)
        enter(run, opened, write_segment(opened, 0, box.clock), box.clock)
        write_segment(opened, 1, box.clock, finish=False)
    return opened.recording


def left_to_plan(box: SmallBox) -> tuple[object, ...]:
    past = gather(read_leaves(box.vault / "ledger"))
    return plan(past.recordings, list_recordings(box.vault))


def test_what_a_crash_left_is_entered_and_its_recording_closed(box: SmallBox) -> None:
    recording = crash_in_a_segment(box)
    assert len(left_to_plan(box)) == 2
    with box.running():
        pass
    _, adopted = leaves(box, LeafType.SEGMENT)
    path = box.file(recording, 1)
    assert adopted.body["name"] == "00000001.mp4.age"
    assert (adopted.body["final"], adopted.body["reason"]) == (False, "crash")
    assert (adopted.body["size_bytes"], adopted.body["sha256"]) == (path.stat().st_size, sha256(path))
    assert adopted.body["last_write"] == rfc3339(path.stat().st_mtime_ns)
    for unknown in ("start", "duration_ms", "frames", "frames_expected", "verdict"):
        assert adopted.body[unknown] is None
    [closing] = leaves(box, LeafType.RECORDING_CLOSED)
    assert (closing.body["recording"], closing.body["cause"]) == (recording, "restart")
    assert (closing.body["segments"], closing.body["frames"]) == (2, FRAMES)
    assert closing.body["verdict"] == "conforming"
    assert left_to_plan(box) == ()
    assert (box.verify().result, box.verify().problems) == ("ok", ())


def test_a_second_boot_finds_nothing_to_do(box: SmallBox) -> None:
    crash_in_a_segment(box)
    with box.running():
        pass
    before = len(leaves(box, *LeafType))
    with box.running():
        pass
    assert len(leaves(box, *LeafType)) == before


def test_two_crashes_in_a_row(box: SmallBox) -> None:
    names = [crash_in_a_segment(box), crash_in_a_segment(box)]
    with box.running():
        pass
    assert [leaf.body["recording"] for leaf in leaves(box, LeafType.RECORDING_CLOSED)] == names
    assert [leaf.body["number"] for leaf in leaves(box, LeafType.SEGMENT)] == [0, 1, 0, 1]
    assert box.verify().result == "ok"


class Broken(Exception):
    """Where the process ends."""


def test_a_boot_that_breaks_off_anywhere_is_made_good_by_the_next(box: SmallBox) -> None:
    recording = crash_in_a_segment(box)
    (box.directory(recording) / "note.txt").write_bytes(b"x")
    (box.vault / "recordings" / "stray").write_bytes(b"y")
    broken = 0
    for stop_at in range(1, 10):
        with box.running(recovered=False) as run:
            book = StoppingBook(run.book, stop_at)
            try:
                recover(box.vault, run.booted.past, book)
            except Broken:
                broken += 1
                continue
        break
    assert broken >= 1
    with box.running():
        pass
    assert left_to_plan(box) == ()
    assert box.verify().result == "ok"
    assert [leaf.body["number"] for leaf in leaves(box, LeafType.SEGMENT)] == [0, 1]
    assert len(leaves(box, LeafType.RECORDING_CLOSED)) == 1
    assert (box.vault / "quarantine" / recording / "note.txt").read_bytes() == b"x"
    assert (box.vault / "quarantine" / "recordings" / "stray").read_bytes() == b"y"


class StoppingBook(Book):
    """Takes what the real book does, and ends before its `stop_at`-th leaf of this life."""

    def __init__(self, real: Book, stop_at: int) -> None:
        self.__dict__.update(real.__dict__)
        self._left = stop_at

    def leaf(self, *arguments: object, **named: object) -> int:
        self._left -= 1
        if self._left == 0:
            raise Broken
        return super().leaf(*arguments, **named)  # type: ignore[arg-type]


def test_a_file_without_explanation_is_moved_aside_with_a_leaf(box: SmallBox) -> None:
    [recording] = box.record(segments=1)
    (box.directory(recording) / "note.txt").write_bytes(b"x")
    with box.running():
        pass
    [leaf] = leaves(box, LeafType.QUARANTINE)
    assert leaf.body == {
        "path": f"recordings/{recording}/note.txt",
        "moved_to": f"quarantine/{recording}/note.txt",
        "reason": "no ledger leaf names this file",
    }


def test_a_file_that_was_moved_aside_before_a_stop_gets_its_leaf(box: SmallBox) -> None:
    [recording] = box.record(segments=1)
    aside = box.vault / "quarantine" / recording / "note.txt.1"
    aside.parent.mkdir()
    aside.write_bytes(b"x")
    for _ in range(2):
        with box.running():
            pass
    [leaf] = leaves(box, LeafType.QUARANTINE)
    assert leaf.body == {
        "path": f"recordings/{recording}/note.txt",
        "moved_to": f"quarantine/{recording}/note.txt.1",
        "reason": "moved aside before a stop",
    }


def test_a_recording_of_which_nothing_was_told_is_accounted_for_from_its_opening_on(box: SmallBox) -> None:
    with box.running() as run:
        box.begin(run)
        opened_wall_ns = box.clock.now().wall_ns
    box.clock.advance(60)
    with box.running() as run:
        assert run.booted.past.channels[ChannelId("ch0")].end_wall_ns == opened_wall_ns


def test_a_capsule_whose_recording_never_reached_the_ledger_is_moved_aside(box: SmallBox) -> None:
    with box.running() as run:
        opened = box.begin(run)
    stolen = (opened.directory / "capsule.age").read_bytes()
    lost = box.vault / "recordings" / "01a20b87-3fc9-73f8-8307-89737bba7342"
    lost.mkdir()
    (lost / "capsule.age").write_bytes(stolen)
    with box.running():
        pass
    assert (box.vault / "quarantine" / lost.name / "capsule.age").read_bytes() == stolen
    assert box.verify().result == "ok"


def test_gather_knows_what_the_leaves_say(box: SmallBox) -> None:
    with box.running() as run:
        opened = box.begin(run)
        stored = [write_segment(opened, number, box.clock) for number in range(2)]
        start_wall_ns = box.clock.now().wall_ns
        for one in stored:
            enter(run, opened, one, box.clock)
        past = gather(run.booted.ledger.leaves())
    recording = RecordingId(opened.recording)
    known, totals = past.recordings[recording], past.totals[recording]
    assert (known.channel, known.closed, known.next_number) == ("ch0", False, 2)
    assert known.names == {"00000000.mp4.age", "00000001.mp4.age"}
    assert known.last_end_wall_ns == start_wall_ns + FRAMES * 40_000_000
    assert (totals.segments, totals.frames, totals.expected) == (2, 2 * FRAMES, 2 * FRAMES)
    assert totals.size_bytes == sum(one.size_bytes for one in stored)
    assert totals.hashes == [bytes.fromhex(one.sha256) for one in stored]
    with box.running():
        pass
    past = gather(read_leaves(box.vault / "ledger"))
    assert past.recordings[recording].closed
    assert past.totals == {}
    assert past.channels[ChannelId("ch0")].cause is GapCause.RESTART
    assert past.channels[ChannelId("ch0")].end_wall_ns == known.last_end_wall_ns


def test_the_state_is_prepared_and_boots_are_counted(box: SmallBox) -> None:
    assert [prepare_state(box.config) for _ in range(3)] == [1, 2, 3]
    for name in ("state", "vault", "run"):
        assert (box.root / name).stat().st_mode & 0o777 & ~0o750 == 0
    assert (box.root / "state" / "boot").read_text() == "3\n"


@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe", b"1.5", b"-7", b"1 2", b"1" * 30])
def test_a_damaged_boot_counter_gives_a_new_number_that_fits_a_leaf(box: SmallBox, content: bytes) -> None:
    prepare_state(box.config)
    (box.root / "state" / "boot").write_bytes(content)
    with box.running() as run:
        assert 2 <= run.booted.boot <= 2**53 - 1
        run.book.leaf(LeafType.BOOT, {"boot": run.booted.boot})
    assert prepare_state(box.config) == run.booted.boot + 1


def test_the_boots_of_a_damaged_counter_are_not_told_apart_by_luck(box: SmallBox) -> None:
    numbers = set()
    for _ in range(5):
        prepare_state(box.config)
        (box.root / "state" / "boot").write_bytes(b"damaged")
        numbers.add(prepare_state(box.config))
    assert len(numbers) == 5


def test_a_state_directory_that_can_not_be_made(box: SmallBox) -> None:
    (box.root / "state").write_bytes(b"")
    with pytest.raises(AgentError) as caught:
        prepare_state(box.config)
    assert caught.value.code == "file.exists"


def test_the_signing_key_is_made_once_with_its_public_half_beside_it(box: SmallBox) -> None:
    prepare_state(box.config)
    key = signing_key(box.config, os.urandom)
    assert signing_key(box.config, os.urandom).verifier_key == key.verifier_key == box.vkey
    assert (box.root / "state" / "signing.key").stat().st_mode & 0o077 == 0
    assert box.vkey.startswith("edgeward.box/test-box+")


def test_waiting_for_the_lock_ends_with_the_other_writer(box: SmallBox) -> None:
    box.vault.mkdir()
    clock, held = FakeClock(), lock_vault(box.vault)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock.advance(seconds)
        if len(waited) == 4:
            os.close(held)

    os.close(wait_for_lock(box.vault, clock, sleep))
    assert waited == [0.2] * 4


def test_waiting_for_the_lock_gives_up(box: SmallBox) -> None:
    box.vault.mkdir()
    clock, held = FakeClock(), lock_vault(box.vault)
    started_ns = clock.mono_ns()
    with pytest.raises(Retry) as caught:
        wait_for_lock(box.vault, clock, clock.advance)
    assert caught.value.code == "vault.locked"
    assert LOCK_WAIT_S <= (clock.mono_ns() - started_ns) / 1e9 <= LOCK_WAIT_S + 0.5
    os.close(held)


def test_a_disk_that_is_not_mounted_is_noticed(box: SmallBox) -> None:
    box.record()
    (box.vault / "vault.json").unlink()
    with pytest.raises(Halt) as caught, box.running():
        pass
    assert caught.value.code == "vault.missing"


def test_another_disk_is_noticed(box: SmallBox) -> None:
    box.record()
    (box.vault / "vault.json").write_text('{"v":1,"id":"other"}')
    with pytest.raises(Halt) as caught, box.running():
        pass
    assert caught.value.code == "vault.foreign"


@pytest.mark.parametrize("content", [b"\xff\xfe", b""])
def test_a_damaged_memory_of_the_vault_is_an_error_with_a_code(box: SmallBox, content: bytes) -> None:
    box.record()
    (box.root / "state" / "vault-id").write_bytes(content)
    with pytest.raises(AgentError) as caught:
        open_known_vault(box.config, box.clock, os.urandom)
    assert caught.value.code.startswith("vault.")


def test_a_boot_that_fails_leaves_the_vault_free_for_the_next(box: SmallBox) -> None:
    box.record()
    tail = box.vault / "ledger" / "tail.entries"
    whole = tail.read_bytes()
    tail.write_bytes(b"\xff\xff garbage")
    with pytest.raises(Halt), box.running():
        pass
    tail.write_bytes(whole)
    with box.running():
        pass


def test_another_boxs_key_is_refused(box: SmallBox, tmp_path: Path) -> None:
    box.record()
    other = SmallBox(tmp_path)
    object.__setattr__(other.config.box, "id", "other-box")
    with pytest.raises(Refuse) as caught, other.running():
        pass
    assert caught.value.code == "key.other-box"


@pytest.mark.parametrize("damage", ["none", "cut", "flipped", "gone", "of a longer ledger"])
def test_the_index_spares_reading_and_is_never_believed_over_the_ledger(tmp_path: Path, damage: str) -> None:
    box = SmallBox(tmp_path)
    box.record(2)
    with box.running() as run:
        run.booted.index.advance(run.booted.ledger)
        run.booted.index.save(run.booted.ledger)
    path = tmp_path / "state" / INDEX_NAME
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        path.write_bytes(data.replace(b"0", b"1"))
    elif damage == "gone":
        path.unlink()
    elif damage == "of a longer ledger":
        path.write_bytes(data.replace(b'"size": ', b'"size": 9'))
    box.record(1)
    with box.running() as run:
        assert run.booted.past == gather(run.booted.ledger.leaves())
