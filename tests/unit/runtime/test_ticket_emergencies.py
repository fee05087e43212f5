"""An empty pool takes the box's one emergency ticket of the day; a withdrawn ticket is never given out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.formats import withdrawal_v1
from agent.formats.ledger_v1 import LeafType
from agent.formats.tickets_v1 import MAX_BATCH, Batch, TicketClass
from agent.formats.withdrawal_v1 import Withdrawal
from agent.model.errors import Refuse
from agent.model.ids import new_uuid7
from agent.runtime.recordings import OpenRecording
from agent.runtime.ticket_withdrawals import import_withdrawal
from agent.runtime.tickets import report
from agent.seal.capsule import open_capsule
from tests.unit.runtime.wards import Ward, alarms, leaves

EMERGENCY = TicketClass.EMERGENCY


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def facts(ward: Ward, opened: OpenRecording) -> tuple[object, object, object]:
    manifest = ward.manifest(opened)
    return manifest["ticket"], manifest["ticket_class"], manifest["emergency"]


def withdraw(ward: Ward, *tickets: str) -> str:
    now = ward.box.clock.now().wall_ns
    one = Withdrawal(
        withdrawal=new_uuid7(now, os.urandom(10)),
        authority=ward.authority.name,
        at_ns=now // 1000 * 1000,
        tickets=tuple(sorted(tickets)),
    )
    data = ward.authority.key.sign_note(withdrawal_v1.encode(one), MAX_BATCH)
    import_withdrawal(ward.state, data, ward.authority.verifier)
    return f"{one.withdrawal}.withdrawn"


def left(ward: Ward, batch: Batch) -> int:
    with ward.running() as (run, _):
        spent = run.booted.past.tickets
    now = ward.box.clock.now().wall_ns
    rows = report(ward.state, ward.authority.verifier, spent, "test-box", now)
    return next(row.left for row in rows if row.batch == batch.batch)


def test_the_pool_comes_first_then_one_emergency_ticket_for_the_day(ward: Ward) -> None:
    batch, spare = ward.bring(1), ward.bring(2, kind=EMERGENCY)
    with ward.running() as (run, office):
        first = ward.begin(run, office)
        assert "tickets.empty" in alarms(run)
        second, third = ward.begin(run, office), ward.begin(run, office)
        reserved = leaves(run, LeafType.TICKET_RESERVED)
        opened = leaves(run, LeafType.RECORDING_OPENED)
    assert facts(ward, first) == (batch.tickets[0].id, "recording", False)
    assert facts(ward, second) == facts(ward, third) == (spare.tickets[0].id, "emergency", True)
    assert [leaf.body["class"] for leaf in reserved] == ["recording", "emergency"]
    assert reserved[1].body["day"] == "2026-11-24"
    assert [leaf.body["emergency"] for leaf in opened] == [False, True, True]
    with ward.box.running():
        pass
    assert ward.box.verify().result == "ok"


def test_the_days_ticket_lasts_over_a_restart_and_the_next_day_takes_another(ward: Ward) -> None:
    spare = ward.bring(2, kind=EMERGENCY)
    with ward.running() as (run, office):
        first = ward.begin(run, office)
    with ward.running() as (run, office):
        again = ward.begin(run, office)
        ward.box.clock.advance(86_400)
        tomorrow = ward.begin(run, office)
        ward.box.clock.advance(86_400)
        none = ward.begin(run, office)
    assert facts(ward, first) == facts(ward, again) == (spare.tickets[0].id, "emergency", True)
    assert facts(ward, tomorrow) == (spare.tickets[1].id, "emergency", True)
    assert facts(ward, none) == (None, None, True), "none left: custodians only, and it records"


def test_the_emergency_ticket_closes_the_capsule(ward: Ward) -> None:
    ward.bring(1, kind=EMERGENCY)
    with ward.running() as (run, office):
        opened = ward.begin(run, office)
    capsule = (opened.directory / "capsule.age").read_bytes()
    with pytest.raises(Refuse) as caught:
        open_capsule(capsule, [ward.box.custodian.identity])
    assert caught.value.code == "seal.no-matching-key"
    ticket = ward.authority.identities[str(facts(ward, opened)[0])]
    assert open_capsule(capsule, [ticket, ward.box.custodian.identity])


def test_an_emergency_ticket_of_too_low_a_level_or_out_of_date_is_none(ward: Ward) -> None:
    ward.bring(3, kind=EMERGENCY, level=3)
    ward.bring(3, kind=EMERGENCY, days=2)
    ward.box.clock.advance(2 * 86_400)
    with ward.running() as (run, office):
        assert facts(ward, ward.begin(run, office)) == (None, None, True)


def test_daily_channels_share_it_too(ward: Ward) -> None:
    ward.set(2)
    spare = ward.bring(1, kind=EMERGENCY, level=3)
    with ward.running() as (run, office):
        opened = ward.begin(run, office)
    assert facts(ward, opened) == (spare.tickets[0].id, "emergency", True)


def test_a_withdrawn_ticket_is_never_given_out(ward: Ward) -> None:
    batch = ward.bring(3)
    one, two, three = (ticket.id for ticket in batch.tickets)
    with ward.running() as (run, office):
        office.look([], ward.box.clock.now().wall_ns)
        withdraw(ward, one, two)
        assert facts(ward, ward.begin(run, office))[0] == three, "seen while it runs"
        assert "tickets.empty" in alarms(run)
        assert facts(ward, ward.begin(run, office)) == (None, None, True)
    assert left(ward, batch) == 0


def test_lists_count_together_and_again_after_a_start(ward: Ward) -> None:
    batch = ward.bring(4)
    withdraw(ward, batch.tickets[1].id)
    withdraw(ward, batch.tickets[0].id)
    assert left(ward, batch) == 2
    with ward.running() as (run, office):
        assert facts(ward, ward.begin(run, office))[0] == batch.tickets[2].id


@pytest.mark.parametrize(("kind", "level"), [(TicketClass.DAILY, 2), (EMERGENCY, 4)])
def test_a_days_ticket_that_is_withdrawn_serves_no_more(ward: Ward, kind: TicketClass, level: int) -> None:
    ward.set(level)
    batch = ward.bring(2, kind=kind, level=max(level, 3))
    with ward.running() as (run, office):
        first = ward.begin(run, office)
        withdraw(ward, batch.tickets[0].id)
        second = ward.begin(run, office)
    assert [facts(ward, one)[0] for one in (first, second)] == [ticket.id for ticket in batch.tickets]


def test_while_a_list_is_damaged_no_ticket_is_given_out_and_recording_goes_on(ward: Ward) -> None:
    batch = ward.bring(3)
    name = withdraw(ward, batch.tickets[0].id)
    withdraw(ward, batch.tickets[1].id)
    path = ward.state / "tickets" / name
    good = path.read_bytes()
    path.write_bytes(good.replace(batch.tickets[0].id.encode(), batch.tickets[2].id.encode()))
    with ward.running() as (run, office):
        opened = ward.begin(run, office)
        assert "tickets.bad-withdrawal" in alarms(run)
        path.write_bytes(good)
        office.look([], ward.box.clock.now().wall_ns)
        assert "tickets.bad-withdrawal" not in alarms(run)
        later = ward.begin(run, office)
    assert facts(ward, opened)[0] is None, "a destroyed ticket would lose this recording"
    assert facts(ward, later)[0] == batch.tickets[2].id
