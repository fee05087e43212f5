"""The pool: a ticket serves once, whatever stops in between; want of tickets never stops a recording."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.formats.tickets_v1 import TicketClass
from agent.model.errors import Refuse, Retry
from agent.model.outgoing import Json
from agent.runtime import recordings
from agent.runtime.tickets import Need, channel_pools, report
from agent.seal.capsule import make_capsule, open_capsule
from agent.seal.recording_key import new_key_pair
from tests.fakes.authorities import DAY_NS, FakeAuthority
from tests.fakes.clock import START_WALL_NS
from tests.unit.runtime.wards import Ward, alarms, leaves


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def test_a_ticket_is_reserved_before_its_capsule_is_made(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = ward.bring(2)
    seen: list[list[Json]] = []
    with ward.running() as (run, office):

        def looking(*arguments: object) -> bytes:
            seen.append([leaf.body["ticket"] for leaf in leaves(run, LeafType.TICKET_RESERVED)])
            return make_capsule(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(recordings, "make_capsule", looking)
        opened = ward.begin(run, office)
        first = batch.tickets[0].id
        assert seen == [[first]]
        [opening] = leaves(run, LeafType.RECORDING_OPENED)
        named = {
            "ticket": first,
            "ticket_batch": batch.batch,
            "ticket_class": "recording",
            "emergency": False,
        }
        assert named.items() <= opening.body.items()
        assert named.items() <= ward.manifest(opened).items()
    assert ward.box.verify().result == "incomplete"
    with ward.box.running():
        pass
    assert ward.box.verify().problems == ()


def test_the_capsule_needs_ticket_and_custodian(ward: Ward) -> None:
    ward.bring(1)
    with ward.running() as (run, office):
        opened = ward.begin(run, office)
    capsule = (opened.directory / "capsule.age").read_bytes()
    ticket = ward.authority.identities[str(ward.manifest(opened)["ticket"])]
    for alone in (ticket, ward.box.custodian.identity):
        with pytest.raises(Refuse) as caught:
            open_capsule(capsule, [alone])
        assert caught.value.code == "seal.no-matching-key"
    assert open_capsule(capsule, [ward.box.custodian.identity, ticket]).startswith("AGE-SECRET-KEY-1")


def test_no_ticket_serves_twice_over_many_lives(ward: Ward) -> None:
    ward.bring(6)
    used = []
    for _ in range(3):
        with ward.running() as (run, office):
            used += [ward.manifest(ward.begin(run, office))["ticket"] for _ in range(2)]
    assert len(set(used)) == 6
    assert None not in used


def test_a_reservation_without_a_capsule_is_spent_after_a_stop(ward: Ward) -> None:
    batch = ward.bring(2)

    class Killed(BaseException):
        pass

    def die(*_: object) -> bytes:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, ward.running() as (run, office):
        patch.setattr(recordings, "make_capsule", die)
        with pytest.raises(Killed):
            ward.begin(run, office)
    with ward.running() as (run, office):
        assert ward.manifest(ward.begin(run, office))["ticket"] == batch.tickets[1].id
    with ward.box.running():
        pass
    assert ward.box.verify().result == "ok"


def test_a_lost_state_directory_brings_no_spent_ticket_back(ward: Ward) -> None:
    batch = ward.bring(2)
    with ward.running() as (run, office):
        ward.begin(run, office)
    shutil.rmtree(ward.state / "tickets")
    ward.store(ward.authority.sign(batch))
    with ward.running() as (run, office):
        assert ward.manifest(ward.begin(run, office))["ticket"] == batch.tickets[1].id


def test_tries_that_fail_while_it_runs_do_not_drain_the_pool(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.bring(3)

    def full(*_: object) -> Path:
        raise Retry("disk.full", "full", "free space", after_s=1)

    with ward.running() as (run, office):
        with monkeypatch.context() as patch:
            patch.setattr(recordings, "open_recording", full)
            for _ in range(5):
                with pytest.raises(Retry):
                    ward.begin(run, office)
        first, second = ward.begin(run, office), ward.begin(run, office)
        reserved = [leaf.body["ticket"] for leaf in leaves(run, LeafType.TICKET_RESERVED)]
    assert [ward.manifest(one)["ticket"] for one in (first, second)] == reserved
    assert len(reserved) == 2


def test_an_empty_pool_is_an_emergency_and_not_a_stop(ward: Ward) -> None:
    ward.bring(1)
    with ward.running() as (run, office):
        ward.begin(run, office)
        opened = ward.begin(run, office)
        [alarm] = run.book.alarms
        assert (alarm.code, alarm.severity, alarm.entity) == ("tickets.empty", "critical", "ch0")
        facts = {"ticket": None, "emergency": True}
        assert facts.items() <= leaves(run, LeafType.RECORDING_OPENED)[1].body.items()
        assert facts.items() <= ward.manifest(opened).items()
        capsule = (opened.directory / "capsule.age").read_bytes()
        assert open_capsule(capsule, [ward.box.custodian.identity])
        ward.bring(5)
        assert ward.manifest(ward.begin(run, office))["emergency"] is False, "seen without a restart"
        assert alarms(run) == set()


def test_the_alarm_comes_at_a_fifth_of_the_last_batch(ward: Ward) -> None:
    ward.bring(10)
    with ward.running() as (run, office):
        for _ in range(7):
            ward.begin(run, office)
        assert alarms(run) == set()
        ward.begin(run, office)
        assert alarms(run) == {"tickets.low"}
        ward.begin(run, office)
        ward.begin(run, office)
        assert alarms(run) == {"tickets.empty"}
        ward.bring(2)
        office.look([], 0)
        ward.begin(run, office)
        assert alarms(run) == set(), "one of two is half"


def test_a_box_takes_only_its_own_share(ward: Ward) -> None:
    batch = replace(ward.authority.batch(4), boxes=("other-box", "test-box"))
    ward.store(ward.authority.sign(batch))
    with ward.running() as (run, office):
        used = [ward.manifest(ward.begin(run, office))["ticket"] for _ in range(3)]
        spent = run.booted.past.tickets
        [row] = report(ward.state, ward.authority.verifier, spent, "test-box", START_WALL_NS)
    assert used == [batch.tickets[1].id, batch.tickets[3].id, None]
    assert (row.tickets, row.left) == (2, 0)


def test_level_five_takes_a_post_quantum_ticket(ward: Ward) -> None:
    keeper = new_key_pair(os.urandom, "age-mlkem768x25519")
    ward.set(5)
    custodians = ward.config.custodians.model_copy(update={"recipients": (keeper.recipient,)})
    ward.box.config = ward.config.model_copy(update={"custodians": custodians})
    batch = ward.bring(1, level=5)
    with ward.running() as (run, office):
        opened = ward.begin(run, office)
    assert ward.manifest(opened)["ticket"] == batch.tickets[0].id
    capsule = (opened.directory / "capsule.age").read_bytes()
    keys = [keeper.identity, ward.authority.identities[batch.tickets[0].id]]
    assert open_capsule(capsule, keys).startswith("AGE-SECRET-KEY-PQ-1")


def test_expired_and_future_tickets_count_as_none(ward: Ward) -> None:
    ward.bring(5, days=2)
    ward.bring(5, from_ns=START_WALL_NS + 40 * DAY_NS)
    with ward.running() as (run, office):
        assert ward.manifest(ward.begin(run, office))["emergency"] is False
        ward.box.clock.advance(2 * 86_400)
        assert ward.manifest(ward.begin(run, office))["emergency"] is True
        assert alarms(run) == {"tickets.empty"}
        ward.box.clock.advance(40 * 86_400)
        assert ward.manifest(ward.begin(run, office))["emergency"] is False


@pytest.mark.parametrize(
    ("level", "tickets", "brought", "fits"),
    [
        (4, None, (4, "recording"), True),
        (4, None, (3, "recording"), False),
        (3, None, (4, "recording"), True),
        (3, None, (3, "daily"), False),
        (3, "daily", (3, "daily"), True),
        (3, "daily", (2, "daily"), False),
        (2, None, (3, "daily"), True),
        (2, None, (4, "recording"), False),
        (2, "recording", (4, "recording"), True),
        (4, None, (5, "recording"), False),
    ],
)
def test_level_and_class_must_fit(
    ward: Ward, level: int, tickets: str | None, brought: tuple[int, str], fits: bool
) -> None:
    ward.set(level, tickets)
    ward.bring(2, level=brought[0], kind=TicketClass(brought[1]))
    with ward.running() as (run, office):
        assert ward.manifest(ward.begin(run, office))["emergency"] is not fits


def test_a_camera_day_has_one_ticket_over_restarts(ward: Ward) -> None:
    ward.set(2)
    ward.bring(3, level=3, kind=TicketClass.DAILY)
    used = []
    for _ in range(2):
        with ward.running() as (run, office):
            used += [ward.manifest(ward.begin(run, office))["ticket"] for _ in range(2)]
    assert len(set(used)) == 1
    ward.box.clock.advance(86_400)
    with ward.running() as (run, office):
        used.append(ward.manifest(ward.begin(run, office))["ticket"])
        reserved = leaves(run, LeafType.TICKET_RESERVED)
    assert len(set(used)) == 2
    assert [leaf.body["day"] for leaf in reserved] == ["2026-11-24", "2026-11-25"]
    with ward.box.running():
        pass
    assert ward.box.verify().result == "ok"


def test_the_lowest_level_and_the_first_to_expire_go_first(ward: Ward) -> None:
    ward.set(3)
    late, high, soon = (
        ward.bring(1, level=3, days=30),
        ward.bring(1, level=4, days=3),
        ward.bring(1, level=3, days=20),
    )
    with ward.running() as (run, office):
        order = [ward.manifest(ward.begin(run, office))["ticket_batch"] for _ in range(3)]
    assert order == [soon.batch, late.batch, high.batch]


def test_a_stored_batch_that_was_changed_is_an_alarm_and_the_others_count(ward: Ward) -> None:
    changed, sound = ward.bring(2), ward.bring(2)
    [path] = (ward.state / "tickets").glob(f"*-{changed.batch}.tickets")
    path.write_bytes(path.read_bytes().replace(b"30 days", b"99 days"))
    with ward.running() as (run, office):
        assert ward.manifest(ward.begin(run, office))["ticket_batch"] == sound.batch
        [alarm] = [alarm for alarm in run.book.alarms if alarm.code == "tickets.bad-batch"]
        assert path.name in alarm.text
        assert "tickets.forged" in alarm.text
        ward.store(ward.authority.sign(changed))  # a damaged file keeps no good copy out
        path.unlink()
        ward.begin(run, office)
        assert alarms(run) == set()


def test_a_directory_that_is_none_does_not_stop_recording(ward: Ward) -> None:
    ward.state.mkdir()
    (ward.state / "tickets").write_text("in the way")
    with ward.running() as (run, office):
        assert ward.manifest(ward.begin(run, office))["emergency"] is True
        assert alarms(run) == {"tickets.unreadable", "tickets.empty"}


def test_what_was_read_before_counts_when_the_directory_goes_bad(ward: Ward) -> None:
    ward.bring(3)
    with ward.running() as (run, office):
        ward.begin(run, office)
        shutil.move(ward.state / "tickets", ward.state / "away")
        (ward.state / "tickets").write_text("in the way")
        assert ward.manifest(ward.begin(run, office))["emergency"] is False
        assert alarms(run) == {"tickets.unreadable"}
        (ward.state / "tickets").unlink()
        shutil.move(ward.state / "away", ward.state / "tickets")
        ward.begin(run, office)
        assert alarms(run) == {"tickets.empty"}


def test_a_second_copy_of_a_batch_in_the_directory_gives_no_ticket_twice(ward: Ward) -> None:
    ward.bring(2)
    [path] = (ward.state / "tickets").iterdir()
    shutil.copy(path, path.with_name(path.name.replace("000001", "000002")))
    with ward.running() as (run, office):
        used = [ward.manifest(ward.begin(run, office))["ticket"] for _ in range(3)]
    assert len(set(used)) == 3
    assert used[2] is None


def test_spent_tickets_do_not_fill_the_pool_after_a_restart(ward: Ward) -> None:
    ward.bring(5)
    with ward.running() as (run, office):
        for _ in range(4):
            ward.begin(run, office)
    with ward.running() as (run, office):
        office.look(map(Need.of, ward.config.channel), START_WALL_NS)
        assert alarms(run) == {"tickets.low"}


def test_without_an_authority_nothing_is_said_of_tickets(ward: Ward) -> None:
    with ward.box.running() as run:
        opened = ward.box.begin(run)
        [opening] = leaves(run, LeafType.RECORDING_OPENED)
    for facts in (opening.body, ward.manifest(opened)):
        assert not {"ticket", "ticket_batch", "ticket_class", "emergency"} & set(facts)


@pytest.mark.parametrize("what", ["stranger", "box", "expired", "replayed", "ticket", "garbage"])
def test_a_refused_batch_changes_nothing(ward: Ward, what: str) -> None:
    sound = ward.bring(2)
    before = {path.name: path.read_bytes() for path in (ward.state / "tickets").iterdir()}
    batch = ward.authority.batch(2)
    signer, code = ward.authority, f"tickets.{what}"
    if what == "stranger":
        signer = FakeAuthority("edgeward.authority/stranger")
        batch = replace(batch, authority=signer.name)
    elif what == "box":
        batch, code = replace(batch, boxes=("elsewhere",)), "tickets.other-box"
    elif what == "expired":
        batch = replace(batch, not_after_ns=START_WALL_NS)
    elif what == "replayed":
        batch = sound
    elif what == "ticket":
        batch, code = replace(batch, tickets=(batch.tickets[0], sound.tickets[1])), "tickets.duplicate"
    data = signer.sign(batch)
    if what == "garbage":
        data, code = data[:100], "tickets.bad"
    with pytest.raises(Refuse) as caught:
        ward.store(data)
    assert (caught.value.code, bool(caught.value.advice)) == (code, True)
    assert {path.name: path.read_bytes() for path in (ward.state / "tickets").iterdir()} == before


def test_the_report_counts_what_is_left(ward: Ward) -> None:
    ward.bring(4)
    ward.bring(3, days=2)
    with ward.running() as (run, office):
        ward.begin(run, office)
        spent = run.booted.past.tickets
        rows = list(report(ward.state, ward.authority.verifier, spent, "test-box", START_WALL_NS))
        later = list(
            report(ward.state, ward.authority.verifier, spent, "test-box", START_WALL_NS + 9 * DAY_NS)
        )
    assert [(row.tickets, row.left, row.usable) for row in rows] == [(4, 4, True), (3, 2, True)]
    assert [row.usable for row in later] == [True, False]
    [pool] = channel_pools(ward.config.channel, rows)
    assert (pool.left, pool.state) == (6, "good")
    assert [pool.state for pool in channel_pools(ward.config.channel, ())] == ["empty"]
