"""A ticket that may be unspent is not destroyed by mistake; the boxes know of withdrawn ones first."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent.authority.disk import SystemDisk
from agent.authority.door import opened
from agent.authority.spent import Use, use_in
from agent.formats.tickets_v1 import Batch, TicketClass
from agent.formats.withdrawal_v1 import Withdrawal
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.model.times import rfc3339
from agent.runtime.ticket_withdrawals import signed_withdrawal
from tests.fakes.authorities import DAY_NS
from tests.fakes.clock import START_WALL_NS
from tests.unit.authority.test_authority import House, capsule_of

DISK = SystemDisk()
TODAY = rfc3339(START_WALL_NS)[:10]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def destroy(house: House, *tickets: str, uses: list[Use] | None = None, unspent: bool = False) -> int:
    with opened(house.directory, house.epoch_key, DISK) as authority:
        return authority.destroy(tickets, "over", START_WALL_NS, os.urandom, uses=uses or [], unspent=unspent)


def withdraw(house: House, *tickets: str) -> Withdrawal:
    with opened(house.directory, house.epoch_key, DISK) as authority:
        data = authority.withdraw(tickets, "the box was stolen", START_WALL_NS, os.urandom)
        return signed_withdrawal(data, Verifier(authority.verifier_key))


def use(batch: Batch, number: int = 0, day: str = "2026-01-01") -> Use:
    return Use(ticket=batch.tickets[number].id, batch=batch.batch, day=day)


def refused(house: House, *tickets: str, uses: list[Use] | None = None, unspent: bool = False) -> str:
    alive, epoch = house.alive(), sorted((house.directory / "wrapped").iterdir())
    with pytest.raises(Refuse) as caught:
        destroy(house, *tickets, uses=uses, unspent=unspent)
    assert (house.alive(), sorted((house.directory / "wrapped").iterdir())) == (alive, epoch)
    return caught.value.code


def test_a_ticket_that_nothing_names_is_not_destroyed(house: House) -> None:
    batch = house.issue(3)
    one, two, _ = (ticket.id for ticket in batch.tickets)
    assert refused(house, one) == "authority.maybe-unspent"
    assert refused(house, one, two, uses=[use(batch)]) == "authority.maybe-unspent", "all or none"
    other = Use(ticket=one, batch=house.issue(1).batch, day="2026-01-01")
    assert refused(house, one, uses=[other]) == "authority.maybe-unspent", "a manifest of another batch"
    assert destroy(house, one, uses=[use(batch)]) == 2


def test_a_capsule_that_was_unwrapped_proves_its_ticket(house: House) -> None:
    batch = house.issue(2)
    house.unwrap(capsule_of(batch, 0))
    assert destroy(house, batch.tickets[0].id) == 2
    assert refused(house, batch.tickets[1].id) == "authority.maybe-unspent"


@pytest.mark.parametrize(("kind", "level"), [(TicketClass.DAILY, 3), (TicketClass.EMERGENCY, 4)])
def test_a_ticket_of_the_day_is_destroyed_on_a_later_day(house: House, kind: TicketClass, level: int) -> None:
    batch = house.issue(1, level, kind)
    [ticket] = batch.tickets
    house.unwrap(capsule_of(batch, 0))
    assert refused(house, ticket.id) == "authority.maybe-unspent", "it may be taken again today"
    assert refused(house, ticket.id, uses=[use(batch, day=TODAY)]) == "authority.in-use-today"
    yesterday = rfc3339(START_WALL_NS - DAY_NS)[:10]
    both = [use(batch, day=yesterday), use(batch, day=TODAY)]
    assert refused(house, ticket.id, uses=both) == "authority.in-use-today"
    assert destroy(house, ticket.id, uses=[use(batch, day=yesterday)]) == 2


def test_unspent_tickets_are_withdrawn_before(house: House) -> None:
    batch = house.issue(3)
    one, two, three = (ticket.id for ticket in batch.tickets)
    assert refused(house, one, unspent=True) == "authority.not-withdrawn"
    assert withdraw(house, two, one).tickets == tuple(sorted((one, two)))
    assert refused(house, one) == "authority.maybe-unspent", "nobody said that the boxes know"
    assert refused(house, one, three, unspent=True) == "authority.not-withdrawn"
    assert destroy(house, one, unspent=True) == 2
    assert withdraw(house, three).tickets == tuple(sorted((one, two, three))), "a list holds all so far"
    with opened(house.directory, house.epoch_key, DISK) as authority:
        states = {row.id: (row.destroyed, row.withdrawn) for row in authority.states()}
        assert authority.audit(with_key=True) == ()
        last = [entry for entry in authority.record.entries if entry.type == "destroyed"][-1]
    assert states == {one: (True, True), two: (False, True), three: (False, True)}
    assert (last.body["tickets"], last.body["withdrawn"]) == ([one], [one])


def test_a_withdrawn_ticket_still_opens_what_it_closed(house: House) -> None:
    batch = house.issue(1)
    withdraw(house, batch.tickets[0].id)
    assert house.unwrap(capsule_of(batch, 0))


def test_a_destroyed_ticket_is_not_withdrawn(house: House) -> None:
    batch = house.issue(1)
    destroy(house, batch.tickets[0].id, uses=[use(batch)])
    with pytest.raises(Refuse) as caught:
        withdraw(house, batch.tickets[0].id)
    assert caught.value.code == "authority.destroyed"


GOOD = {"v": 1, "ticket": "t", "ticket_batch": "b", "opened": "2026-11-24T00:20:00.000000Z"}


def test_what_a_manifest_says() -> None:
    assert use_in(json.dumps(GOOD).encode()) == Use(ticket="t", batch="b", day="2026-11-24")


@pytest.mark.parametrize(
    "manifest",
    [
        b"", b"[]", b"\xff", b"[" * 100_000, b"{}", b" " * (1 << 20) + b"{}",
        json.dumps({**GOOD, "ticket": None}).encode(), json.dumps({**GOOD, "ticket": ["t"]}).encode(),
        json.dumps({**GOOD, "opened": "yesterday"}).encode(), json.dumps({**GOOD, "opened": 7}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_manifest(manifest: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        use_in(manifest)
    assert caught.value.code == "authority.bad-manifest"
