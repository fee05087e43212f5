"""Hold, request, approval, execution: what is done, what is refused; a command twice is a command once."""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from agent.formats import certificate_v1 as v1
from agent.formats.ledger_v1 import LeafType
from agent.formats.tickets_v1 import TicketClass
from agent.host.medium import Trimmed
from agent.model.commands import CommandType
from agent.model.errors import AgentError
from agent.model.outgoing import Json
from agent.model.times import ClockQuality
from agent.runtime.opening import open_recording_to
from agent.runtime.verify import verify_vault
from agent.vault.disposal import State
from tests.fakes.authorities import FakeAuthority
from tests.unit.runtime.disposals import CLINICAL, DAY_S, IMPORTANT, WARD, DisposalBox, FakeTrim, Life


def refused(code: str) -> AbstractContextManager[pytest.ExceptionInfo[AgentError]]:
    """The block must raise `AgentError` with this code."""
    return pytest.raises(AgentError, match=re.escape(f"[{code}]"))


@pytest.fixture
def box(tmp_path: Path) -> DisposalBox:
    made = DisposalBox(tmp_path)
    with made.running():
        made.bring(6)
    return made


def state(life: Life, recording: str) -> State:
    one = life.context.refresh().recordings[recording]
    return one.state(life.context.clock.now().wall_ns)


def test_from_request_to_certificate(box: DisposalBox) -> None:
    with box.running() as life:
        gone, other = box.record(life, segments=2), box.record(life)
        files = sorted(path.name for path in box.directory(gone).iterdir())
        assert files == ["00000000.mp4.age", "00000001.mp4.age", "capsule.age", "manifest.json"]
        box.clock.advance(91 * DAY_S)
        request = box.ask(life, gone)
        assert state(life, gone) is State.REQUESTED
        assert box.approve(life, request, "bob", "carl") == 2
        assert state(life, gone) is State.APPROVED
        answer = life.disposal.destroy_execute(
            box.execution(request, box.record_of(box.ticket_of(life, gone)))
        )
        assert answer["state"] == "certified"
        assert state(life, gone) is State.CERTIFIED
    assert not box.directory(gone).exists()
    data = box.certificate(request)
    assert answer["certificate_sha256"] == hashlib.sha256(data).hexdigest()
    certificate = v1.decode_certificate(data.decode().partition("\n\n—")[0] + "\n")
    assert certificate.sanitization.method is v1.Method.PURGE
    assert [one.recording for one in certificate.recordings] == [gone]
    assert [one.name for one in certificate.people.approved_by] == ["bob", "carl"]
    assert (certificate.people.place, certificate.people.title) == ("Building 2", None)
    kinds = [leaf.type for leaf in box.leaves() if leaf.type.value.startswith("destroy-")]
    assert kinds == [
        LeafType.DESTROY_REQUESTED, LeafType.DESTROY_APPROVED, LeafType.DESTROY_APPROVED,
        LeafType.DESTROY_EXECUTED, LeafType.DESTROY_EXECUTED, LeafType.DESTROY_CERTIFIED,
    ]  # fmt: skip
    report = verify_vault(box.vault, box.vkey)
    assert (report.result, report.problems) == ("ok", ())
    assert {one.recording: one.disposed for one in report.recordings} == {gone: "certified", other: None}
    with refused("open.destroyed"):
        open_recording_to(box.vault, gone, [box.custodian.identity], io.BytesIO())


def test_a_command_that_comes_again_changes_nothing(box: DisposalBox) -> None:
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(91 * DAY_S)
        ask = box.command(CommandType.DESTROY_REQUEST, recordings=[one], reason="over")
        hold = box.command(CommandType.HOLD_SET, recordings=[one], reason="complaint")
        held = life.disposal.hold_set(hold)
        clear = box.command(CommandType.HOLD_CLEAR, "bob", "carl", hold=held["hold"], reason="settled")
        cleared = life.disposal.hold_clear(clear)
        first = life.disposal.destroy_request(ask)
        approve = box.command(
            CommandType.DESTROY_APPROVE, "bob", "carl",
            request=first["request"], challenge_sha256=first["challenge_sha256"],
        )  # fmt: skip
        approved = life.disposal.destroy_approve(approve)
        assert approved["approvals"] == 2
        execute = box.execution(str(first["request"]), box.record_of(box.ticket_of(life, one)))
        done = life.disposal.destroy_execute(execute)
        size = life.ledger.size
    with box.running() as life:
        born = life.ledger.size
        assert life.disposal.hold_set(hold) == held
        assert life.disposal.hold_clear(clear) == cleared
        assert life.disposal.destroy_request(ask) == first
        assert life.disposal.destroy_approve(approve) == approved
        assert life.disposal.destroy_execute(execute) == done
        assert life.ledger.size == born == size


def test_the_challenge_says_what_is_lost(box: DisposalBox) -> None:
    with box.running() as life:
        one = box.record(life, segments=2)
        box.clock.advance(91 * DAY_S)
        size, root = life.ledger.size, life.ledger.root().hex()
        answer = life.disposal.destroy_request(
            box.command(CommandType.DESTROY_REQUEST, recordings=[one], reason="over")
        )
        challenge = v1.decode_challenge(str(answer["challenge"]))
        assert v1.challenge_sha256(str(answer["challenge"])) == answer["challenge_sha256"]
        account = life.context.refresh().recordings[one]
    assert (challenge.ledger_size, challenge.ledger_root) == (size, root)
    assert challenge.recordings[0].root == account.root
    assert challenge.recordings[0].segments == 2
    assert challenge.requested_by == ["anna"]


def test_four_eyes(box: DisposalBox) -> None:
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(91 * DAY_S)
        request = box.ask(life, one, by="anna")
        with refused("destroy.own-request"):
            box.approve(life, request, "anna")
        assert box.approve(life, request, "bob") == 1
        with refused("destroy.approved-before"):
            box.approve(life, request, "bob")
        with refused("destroy.not-approved"):
            life.disposal.destroy_execute(box.execution(request, box.record_of(box.ticket_of(life, one))))
        sha256 = life.context.account.requests[request].body["challenge_sha256"]
        both = box.command(
            CommandType.DESTROY_APPROVE, "anna", "carl", request=request, challenge_sha256=sha256
        )
        assert life.disposal.destroy_approve(both)["approvals"] == 2, "only carl's counts"
        with refused("destroy.other-challenge"):
            life.disposal.destroy_approve(
                box.command(CommandType.DESTROY_APPROVE, "dora", request=request, challenge_sha256="0" * 64)
            )
        assert box.directory(one).is_dir()


def test_an_approval_must_come_in_time(box: DisposalBox) -> None:
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(91 * DAY_S)
        request = box.ask(life, one)
        box.approve(life, request, "bob")
        box.clock.advance(14 * DAY_S)
        with refused("destroy.expired"):
            box.approve(life, request, "carl")
        with refused("destroy.expired"):
            life.disposal.destroy_execute(box.execution(request, box.record_of(box.ticket_of(life, one))))
        assert state(life, one) is State.CLOSED, "the request counts no more"
        again = box.ask(life, one)
        assert box.approve(life, again, "bob", "carl") == 2


def test_a_hold_overrides_everything(box: DisposalBox) -> None:
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(91 * DAY_S)
        hold = life.disposal.hold_set(
            box.command(CommandType.HOLD_SET, recordings=[one], reason="complaint")
        )["hold"]
        with refused("destroy.on-hold"):
            box.ask(life, one)
        with refused("destroy.on-hold"):
            box.ask(life, one, ground="court-or-ethics")
        life.disposal.hold_clear(box.command(CommandType.HOLD_CLEAR, "bob", "carl", hold=hold, reason="over"))
        request = box.ask(life, one)
        box.approve(life, request, "bob", "carl")
        life.disposal.hold_set(box.command(CommandType.HOLD_SET, recordings=[one], reason="another"))
        with refused("destroy.on-hold"):
            life.disposal.destroy_execute(box.execution(request, box.record_of(box.ticket_of(life, one))))
        assert box.directory(one).is_dir()
        with refused("hold.none"):
            life.disposal.hold_clear(
                box.command(CommandType.HOLD_CLEAR, "bob", "carl", hold=hold, reason="over")
            )


def test_what_may_not_be_asked_for(box: DisposalBox) -> None:
    with box.running() as life:
        one, still_open = box.record(life), box.record(life, close=False)
        with refused("destroy.too-early"):
            box.ask(life, one)
        box.clock.advance(91 * DAY_S)
        cases: list[tuple[str, dict[str, Json]]] = [
            ("destroy.unknown", {"recordings": ["nothing"]}),
            ("destroy.open", {"recordings": [still_open]}),
            ("destroy.bad-request", {"recordings": []}),
            ("destroy.bad-request", {"recordings": [one, one]}),
            ("destroy.bad-request", {"recordings": "all"}),
            ("destroy.bad-request", {"recordings": [one], "reason": "two\nlines"}),
            ("destroy.bad-request", {"recordings": [one], "reason": ""}),
            ("destroy.bad-request", {"recordings": [one], "ground": "because"}),
            ("destroy.bad-request", {"recordings": [one], "without_ticket": "yes"}),
            ("destroy.bad-request", {"recordings": [one], "at_once": True}),
        ]
        size = life.ledger.size
        for code, args in cases:
            with refused(code):
                life.disposal.destroy_request(
                    box.command(CommandType.DESTROY_REQUEST, **{"reason": "x", **args})
                )
        assert life.ledger.size == size, "nothing that was refused is entered here"
        box.ask(life, one)
        with refused("destroy.requested"):
            box.ask(life, one)
        with refused("destroy.no-request"):
            life.disposal.destroy_execute(box.execution("nothing"))


def test_only_the_authority_says_that_a_ticket_is_destroyed(box: DisposalBox) -> None:
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(91 * DAY_S)
        ticket = box.ticket_of(life, one)
        request = box.ask(life, one)
        box.approve(life, request, "bob", "carl")
        real, box.authority = box.authority, FakeAuthority("edgeward.authority/stranger")
        stranger = box.record_of(ticket)
        box.authority = real
        good = box.record_of(ticket)
        wrong = {
            "destroy.ticket-lives": (),
            "note.unsigned": (stranger,),
            "note.forged": (good.replace('"reason":"term"', '"reason":"more"'),),
            "note.bad": ("nothing",),
            "destroy.bad-record": (real.key.sign_note('{"tickets":["x"]}\n').decode(),),
        }
        for code, notes in wrong.items():
            with refused(code):
                life.disposal.destroy_execute(box.execution(request, *notes))
        with refused("destroy.ticket-lives"):
            life.disposal.destroy_execute(box.execution(request, box.record_of("0" * 8 + ticket[8:])))
        assert box.directory(one).is_dir()
        assert box.leaves(LeafType.DESTROY_EXECUTED) == []
        answer = life.disposal.destroy_execute(
            box.execution(request, box.record_of("0" * 8 + ticket[8:]), good)
        )
        assert answer["state"] == "certified"
        certificate = v1.decode_certificate(box.certificate(request).decode().partition("\n\n—")[0] + "\n")
        assert [one.note for one in certificate.authority] == [good], "only what was needed"


def test_without_a_ticket_it_is_no_more_than_clear(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path)
    with box.running() as life:
        one = box.record(life)  # no batch: an emergency capsule
        box.clock.advance(91 * DAY_S)
        with refused("destroy.no-ticket"):
            box.ask(life, one)
        request = box.ask(life, one, without_ticket=True)
        box.approve(life, request, "bob", "carl")
        assert life.disposal.destroy_execute(box.execution(request))["state"] == "certified"
    certificate = v1.decode_certificate(box.certificate(request).decode().partition("\n\n—")[0] + "\n")
    assert certificate.sanitization.method is v1.Method.CLEAR
    assert certificate.sanitization.technique == "unlink"
    assert certificate.confidentiality.after is v1.After.CUSTODIANS_WITH_COPIES
    assert v1.Limit.COPIES_READABLE in certificate.limits
    assert v1.Limit.EPOCH_KEY not in certificate.limits


def test_a_daily_ticket_takes_all_its_recordings_or_none(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (WARD,))
    with box.running() as life:
        box.bring(3, level=2, kind=TicketClass.DAILY)
        one, two = box.record(life), box.record(life)
        assert box.ticket_of(life, one) == box.ticket_of(life, two)
        with refused("destroy.ticket-in-use"):
            box.ask(life, one, two, ground="court-or-ethics")
        box.clock.advance(91 * DAY_S)
        with refused("destroy.shared-ticket") as caught:
            box.ask(life, one)
        assert two in caught.value.text
        request = box.ask(life, one, two)
        box.approve(life, request, "bob", "carl")
        note = box.record_of(box.ticket_of(life, one))
        assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "certified"
    assert not box.directory(one).exists()
    assert not box.directory(two).exists()


def test_level_5_before_15_years_only_for_a_court_with_three_approvals(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (IMPORTANT,))
    with box.running() as life:
        box.bring(2, level=5)
        one = box.record(life)
        with refused("destroy.too-early"):
            box.ask(life, one)
        request = box.ask(life, one, ground="court-or-ethics")
        assert life.context.account.requests[request].needed == 3
        box.approve(life, request, "bob", "carl")
        note = box.record_of(box.ticket_of(life, one))
        with refused("destroy.not-approved"):
            life.disposal.destroy_execute(box.execution(request, note))
        assert box.approve(life, request, "dora") == 3
        assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "certified"


def test_a_discard_that_failed_is_not_claimed(box: DisposalBox) -> None:
    box.trim = FakeTrim(said=Trimmed(done=False, text="fstrim failed: Operation not permitted"), polls=2)
    with box.running() as life:
        one = box.record(life)
        box.clock.advance(91 * DAY_S)
        request = box.ask(life, one)
        box.approve(life, request, "bob", "carl")
        note = box.record_of(box.ticket_of(life, one))
        assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "executing"
        life.disposal.tick()
        assert state(life, one) is State.EXECUTING, "fstrim takes its time"
        life.disposal.tick()
        assert state(life, one) is State.CERTIFIED
    assert box.trim.started == [box.vault]
    certificate = v1.decode_certificate(box.certificate(request).decode().partition("\n\n—")[0] + "\n")
    assert certificate.sanitization.discard == v1.Discard(
        done=False, text="fstrim failed: Operation not permitted"
    )
    assert v1.Limit.NO_DISCARD in certificate.limits


def test_what_lies_in_quarantine_goes_too_and_what_is_unexplained_stops_it(box: DisposalBox) -> None:
    with box.running() as life:
        one = box.record(life)
    stray = box.directory(one) / "00000007.mp4.age"
    stray.write_bytes(b"sealed")
    with box.running() as life:
        aside = box.vault / "quarantine" / one / stray.name
        assert aside.is_file()
        (box.directory(one) / "notes.txt").write_bytes(b"?")
        box.clock.advance(91 * DAY_S)
        request = box.ask(life, one)
        box.approve(life, request, "bob", "carl")
        note = box.record_of(box.ticket_of(life, one))
        with refused("removal.unexplained"):
            life.disposal.destroy_execute(box.execution(request, note))
        assert box.leaves(LeafType.DESTROY_EXECUTED) == []
    with box.running() as life:  # recovery moves it aside
        assert life.disposal.destroy_execute(box.execution(request, note))["state"] == "certified"
    assert not box.directory(one).exists()
    assert not aside.parent.exists()


def test_many_files_are_removed_step_by_step(box: DisposalBox) -> None:
    with box.running() as life:
        one = box.record(life)
        for number in range(1, 200):
            (box.directory(one) / f"{number:08d}.mp4.age").write_bytes(b"sealed")
        box.clock.advance(91 * DAY_S)
        request = box.ask(life, one)
        box.approve(life, request, "bob", "carl")
        box.trim.polls = 10**9  # the medium takes its time
        note = box.record_of(box.ticket_of(life, one))
        execution = box.execution(request, note)
        clock = life.context.clock
        life.context.clock = _Hasty(box)
        assert life.disposal.destroy_execute(execution)["state"] == "executing"
        life.context.clock = clock
        left = len(list(box.directory(one).iterdir()))
        assert 0 < left < 202
        for _ in range(5):
            life.disposal.tick()
        assert not box.directory(one).exists()
        assert state(life, one) is State.EXECUTING, "the discard has not ended"
        box.trim.polls = 0
        for _ in range(3):
            life.disposal.tick()
        assert state(life, one) is State.CERTIFIED


class _Hasty:
    """A clock on which every look costs a second."""

    def __init__(self, box: DisposalBox) -> None:
        self._box = box
        self.now = box.clock.now

    def mono_ns(self) -> int:
        self._box.clock.advance(1)
        return self._box.clock.mono_ns()


def test_nothing_due_is_asked_by_a_clock_that_is_not_synchronised(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (CLINICAL,))
    with box.running() as life:
        box.bring(1)
        one = box.record(life)
        box.clock.advance(91 * DAY_S)
        box.clock.quality = ClockQuality.UNSYNCED
        with refused("destroy.no-clock"):
            box.ask(life, one)
