"""The key authority: what it issues passes the box's door, what it destroys opens nothing; its record."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.authority.disk import SystemDisk
from agent.authority.door import create, opened
from agent.authority.spent import Use
from agent.authority.store import Order
from agent.formats.tickets_v1 import Batch, TicketClass
from agent.ledger.signing import Verifier
from agent.model.errors import AgentError, Refuse
from agent.runtime.ticket_batches import check_batch
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import seal_bytes
from agent.seal.capsule import make_capsule, open_capsule, read_identity_file
from agent.seal.recording_key import new_key_pair
from tests.fakes.authorities import DAY_NS
from tests.fakes.clock import START_WALL_NS

DISK = SystemDisk()
CUSTODIAN = new_key_pair(os.urandom)
RECORDING = new_key_pair(os.urandom)


class House:
    """An authority in a directory of its own, its epoch key on another medium."""

    def __init__(self, root: Path) -> None:
        self.directory, self.epoch_key = root / "authority", root / "medium" / "epoch.key"
        self.epoch_key.parent.mkdir()
        vkey = create(self.directory, self.epoch_key, "h1", DISK, START_WALL_NS, os.urandom)
        self.verifier = Verifier(vkey)

    def issue(self, count: int, level: int = 4, kind: TicketClass = TicketClass.RECORDING) -> Batch:
        order = Order(
            boxes=("test-box",),
            kind=kind,
            level=level,
            count=count,
            not_before_ns=START_WALL_NS,
            not_after_ns=START_WALL_NS + DAY_NS,
            retention="30 days",
        )
        with opened(self.directory, self.epoch_key, DISK) as authority:
            data = authority.issue(order, START_WALL_NS, os.urandom)
        return check_batch(data, self.verifier, "test-box", START_WALL_NS)

    def destroy(self, *tickets: str, reason: str = "retention is over") -> int:
        """With the word of a manifest for each ticket."""
        with opened(self.directory, self.epoch_key, DISK) as authority:
            uses = [
                Use(ticket=ticket.id, batch=batch.batch, day="2026-01-01")
                for batch in authority.batches()
                for ticket in batch.tickets
            ]
            return authority.destroy(tickets, reason, START_WALL_NS, os.urandom, uses=uses)

    def unwrap(self, capsule: bytes, ticket: str | None = None, directory: Path | None = None) -> bytes:
        with opened(directory or self.directory, self.epoch_key, DISK) as authority:
            return authority.unwrap(capsule, ticket, START_WALL_NS).inner

    def alive(self) -> set[str]:
        with opened(self.directory, self.epoch_key, DISK) as authority:
            return {state.id for state in authority.states() if not state.destroyed}

    def audit(self) -> tuple[str, ...]:
        with opened(self.directory, self.epoch_key, DISK) as authority:
            return authority.audit(with_key=True)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def capsule_of(batch: Batch, number: int) -> bytes:
    return make_capsule(
        RECORDING.identity, [CUSTODIAN.recipient], os.urandom, batch.tickets[number].recipient
    )


def code_of(error: pytest.ExceptionInfo[AgentError]) -> str:
    assert error.value.advice
    assert "AGE-SECRET" not in error.value.text + error.value.advice
    return error.value.code


@pytest.mark.parametrize(
    ("level", "kind", "suite"),
    [
        (4, TicketClass.RECORDING, "age-x25519"),
        (2, TicketClass.DAILY, "age-x25519"),
        (5, TicketClass.RECORDING, "age-mlkem768x25519"),
    ],
)
def test_what_it_issues_passes_the_boxs_door(house: House, level: int, kind: TicketClass, suite: str) -> None:
    batch = house.issue(3, level, kind)
    assert (batch.max_level, batch.kind, batch.suite, len(batch.tickets)) == (level, kind, suite, 3)
    assert house.alive() == {ticket.id for ticket in batch.tickets}
    assert house.audit() == ()


@pytest.mark.parametrize(
    ("count", "level", "kind"),
    [
        (0, 4, TicketClass.RECORDING),
        (10_001, 4, TicketClass.RECORDING),
        (1, 4, TicketClass.DAILY),
        (1, 2, TicketClass.RECORDING),
        (2_500, 5, TicketClass.RECORDING),
    ],
)
def test_what_can_be_no_batch_is_refused(house: House, count: int, level: int, kind: TicketClass) -> None:
    with pytest.raises(Refuse) as caught:
        house.issue(count, level, kind)
    assert code_of(caught) == "authority.bad-request"
    assert house.alive() == set()


def test_it_peels_the_outer_layer_and_never_the_inner(house: House) -> None:
    batch = house.issue(3)
    capsule = capsule_of(batch, 1)
    for ticket in (None, batch.tickets[1].id):
        inner = house.unwrap(capsule, ticket)
        assert open_capsule(inner, [CUSTODIAN.identity]) == RECORDING.identity
        assert RECORDING.identity.encode() not in inner
    with opened(house.directory, house.epoch_key, DISK) as authority:
        uses = {state.id: state.unwrapped for state in authority.states()}
        assert [entry.type for entry in authority.record.entries][-2:] == ["unwrapped", "unwrapped"]
    assert uses[batch.tickets[1].id] == 2


def test_a_layer_that_hides_nothing_sealed_is_not_handed_out(house: House) -> None:
    batch = house.issue(1)
    naked = seal_bytes(RECORDING.identity.encode(), [batch.tickets[0].recipient], os.urandom)
    with pytest.raises(Refuse) as caught:
        house.unwrap(naked)
    assert code_of(caught) == "authority.not-a-capsule"


def test_a_destroyed_ticket_opens_nothing_and_the_others_do(house: House) -> None:
    batch, other = house.issue(2), house.issue(1, 5)
    doomed, living = capsule_of(batch, 0), capsule_of(batch, 1)
    assert house.destroy(batch.tickets[0].id) == 2
    with pytest.raises(Refuse) as caught:
        house.unwrap(doomed)
    assert code_of(caught) == "authority.no-ticket"
    with pytest.raises(Refuse) as caught:
        house.unwrap(doomed, batch.tickets[0].id)
    assert code_of(caught) == "authority.destroyed"
    assert open_capsule(house.unwrap(living), [CUSTODIAN.identity]) == RECORDING.identity
    assert house.alive() == {batch.tickets[1].id, other.tickets[0].id}
    assert house.audit() == ()
    assert not house.epoch_key.with_name("epoch.key.next").exists()


def test_an_old_backup_dies_with_its_epoch_key(house: House, tmp_path: Path) -> None:
    batch = house.issue(2)
    backup = Path(shutil.copytree(house.directory, tmp_path / "backup"))
    old_key = house.epoch_key.read_text()
    house.destroy(batch.tickets[0].id)
    with pytest.raises(Refuse) as caught:
        house.unwrap(capsule_of(batch, 0), directory=backup)
    assert code_of(caught) == "authority.wrong-epoch-key"
    [wrapped] = (backup / "wrapped" / "1").iterdir()
    today = read_identity_file(house.epoch_key.read_text())
    with pytest.raises(Refuse) as caught:
        open_bytes(wrapped.read_bytes(), today)
    assert code_of(caught) == "seal.no-matching-key"
    # What the document says that this does not give: a backup of the old epoch key opens it.
    assert open_bytes(wrapped.read_bytes(), read_identity_file(old_key))


def test_destroying_all_leaves_no_wrapped_file(house: House) -> None:
    batch = house.issue(2)
    house.destroy(*(ticket.id for ticket in batch.tickets), reason="学习结束")
    assert [path.name for path in (house.directory / "wrapped").rglob("*")] == ["2"]
    assert house.audit() == ()


@pytest.mark.parametrize(
    ("which", "reason", "code"),
    [
        ("unknown", "over", "authority.unknown-ticket"),
        ("destroyed", "over", "authority.destroyed"),
        ("none", "over", "authority.bad-request"),
        ("living", "", "authority.bad-request"),
        ("living", "two\nlines", "authority.bad-request"),
    ],
)
def test_a_refused_destruction_destroys_nothing(house: House, which: str, reason: str, code: str) -> None:
    batch = house.issue(3)
    house.destroy(batch.tickets[0].id)
    named = {"unknown": [CUSTODIAN.recipient], "destroyed": [batch.tickets[0].id], "none": [], "living": []}
    also = [] if which == "none" else [batch.tickets[1].id]
    with pytest.raises(Refuse) as caught:
        house.destroy(*named[which], *also, reason=reason)
    assert code_of(caught) == code
    assert house.alive() == {ticket.id for ticket in batch.tickets[1:]}


def test_survivors_that_are_missing_stop_a_destruction(house: House) -> None:
    """Else the new epoch would be without them, and they would be destroyed unseen."""
    batch, other = house.issue(1), house.issue(1)
    (house.directory / "wrapped" / "1" / f"{other.batch}.age").unlink()
    with pytest.raises(Refuse) as caught:
        house.destroy(batch.tickets[0].id)
    assert code_of(caught) == "authority.damaged"
    assert len(house.audit()) == 1
    assert house.unwrap(capsule_of(batch, 0))


def test_issuing_needs_no_epoch_key(house: House) -> None:
    away = house.epoch_key.rename(house.epoch_key.with_name("in-the-safe"))
    batch = house.issue(2)
    with pytest.raises(Refuse) as caught:
        house.unwrap(capsule_of(batch, 0))
    assert code_of(caught) == "authority.no-epoch-key"
    away.rename(house.epoch_key)
    assert house.unwrap(capsule_of(batch, 0))


def test_an_epoch_key_that_others_may_read_is_not_used(house: House) -> None:
    batch = house.issue(1)
    house.epoch_key.chmod(0o644)
    with pytest.raises(Refuse) as caught:
        house.unwrap(capsule_of(batch, 0))
    assert code_of(caught) == "authority.epoch-key-exposed"


def test_a_second_command_waits_outside(house: House) -> None:
    with opened(house.directory, house.epoch_key, DISK), pytest.raises(Refuse) as caught:
        house.alive()
    assert code_of(caught) == "authority.busy"


def test_init_takes_nothing_that_is_there(house: House, tmp_path: Path) -> None:
    for directory, key in ((house.directory, None), (tmp_path / "new", house.epoch_key)):
        with pytest.raises(Refuse) as caught:
            create(directory, key, "h2", DISK, START_WALL_NS, os.urandom)
        assert code_of(caught) == "authority.exists"
    with pytest.raises(Refuse) as caught:
        create(tmp_path / "new", None, "Not A Name", DISK, START_WALL_NS, os.urandom)
    assert code_of(caught) == "authority.bad-request"


@pytest.mark.parametrize("harm", ["edit", "remove", "swap", "fork", "other-key", "batch"])
def test_a_record_that_was_changed_is_not_gone_on_with(house: House, tmp_path: Path, harm: str) -> None:
    before = Path(shutil.copytree(house.directory, tmp_path / "fork"))
    first = house.issue(1)
    house.issue(1)
    notes = house.directory / "record"
    one, two = notes / "00000001.note", notes / "00000002.note"
    expected = "authority.record-bad"
    if harm == "edit":
        one.write_bytes(one.read_bytes().replace(b'"tickets":1', b'"tickets":2'))
    elif harm == "remove":
        one.unlink()
    elif harm == "swap":
        data = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(data)
    elif harm == "fork":
        rightful, house.directory = house.directory, before
        house.issue(1)
        house.directory = rightful
        shutil.copy(before / "record" / one.name, one)
    elif harm == "other-key":
        (house.directory / "signing.key").unlink()
        shutil.rmtree(house.directory / "other", ignore_errors=True)
        create(house.directory / "other", None, "h1", DISK, START_WALL_NS, os.urandom)
        shutil.copy(house.directory / "other" / "signing.key", house.directory / "signing.key")
    else:
        path = house.directory / "batches" / f"{first.batch}.tickets"
        path.write_bytes(path.read_bytes() + b" ")
        expected = "authority.damaged"
    with pytest.raises(Refuse) as caught:
        house.alive()
    assert code_of(caught) == expected
