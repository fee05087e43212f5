"""Retention, legal hold and destruction: the handlers of their commands (docs/formats/destruction-v1.md).

Guarantees: every change is a ledger leaf before it happens; state comes from the ledger alone, so a command
that comes again after a power cut gives the same answer and changes nothing twice; a requester's approval
never counts (four eyes); nothing on hold is destroyed. What reaches a handler has passed signatures, roles
and replay checks. Keeper's main thread only. Leaves out the steps of a destruction (`disposal_execution.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.formats import certificate_v1 as v1
from agent.formats.ledger_v1 import LeafType
from agent.model.commands import Command, CommandType, Handler
from agent.model.errors import AgentError, Refuse
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, ClockQuality, rfc3339
from agent.runtime.disposal_authority import DestroyedNote, records_for
from agent.runtime.disposal_certificate import challenge, challenge_of, weakest
from agent.runtime.disposal_context import DisposalContext, bad_request, line_of, only, texts_of
from agent.runtime.disposal_execution import Executor, certificate_path, store_notes
from agent.runtime.disposal_retention import RetentionRun
from agent.vault.disposal import GONE, Recording, Request
from agent.vault.disposal_plan import (
    EXPIRES_NS,
    MAX_RECORDINGS,
    Ground,
    approvals_needed,
    check_execution,
    check_request,
    evictable,
    expired,
)
from agent.vault.removal import check_explained
from agent.vault.store import free_bytes

# How long a command may keep the keeper's loop; what is left is done tick by tick.
BUDGET_NS = NS_PER_S // 5
# An answer has at most 8 KiB (docs/formats/commands-v1.md).
SHORT_CHALLENGE = 6 * 1024


class Disposal:
    """One per keeper."""

    def __init__(self, context: DisposalContext) -> None:
        self._context = context
        self._executor = Executor(context)
        self._retention = RetentionRun(context)
        self._executor.resume()

    def handlers(self) -> Mapping[CommandType, Handler]:
        """What to register."""
        return {
            CommandType.HOLD_SET: self.hold_set,
            CommandType.HOLD_CLEAR: self.hold_clear,
            CommandType.RETENTION_RUN: self.retention_run,
            CommandType.DESTROY_REQUEST: self.destroy_request,
            CommandType.DESTROY_APPROVE: self.destroy_approve,
            CommandType.DESTROY_EXECUTE: self.destroy_execute,
        }

    def tick(self) -> None:
        """Once a second: the nightly run when it is time, and some steps of what was begun."""
        self._retention.tick()
        self._work()

    def _work(self) -> None:
        """As much as the keeper's loop can spare."""
        until_ns = self._context.clock.mono_ns() + BUDGET_NS
        while self._executor.work() and self._context.clock.mono_ns() < until_ns:
            pass

    def hold_set(self, command: Command) -> Mapping[str, Json]:
        """Args `recordings`, `reason`. A hold on an open recording is possible."""
        only(command.args, "recordings", "reason")
        account = self._context.refresh()
        if command.id not in account.done:
            names, reason = self._names(command), line_of(command.args, "reason")
            now = self._context.clock.now()
            for name in names:
                one = account.recordings.get(name)
                if one is None:
                    raise Refuse(
                        "hold.unknown", f"there is no recording {name[:40]!r}", "see: edgeward recordings"
                    )
                if one.state(now.wall_ns) in GONE:
                    raise Refuse(
                        "hold.too-late",
                        f"recording {name} is {one.state(now.wall_ns).value}",
                        "nothing can be done: look for a copy",
                    )
            hold = new_uuid7(now.wall_ns, self._context.random(10))
            body: dict[str, Json] = {
                "hold": hold,
                "recordings": list(names),
                "reason": reason,
                "command": command.id,
            }
            self._context.enter(LeafType.HOLD_SET, body, command)
        leaf = account.done[command.id]
        return {"hold": leaf.body["hold"], "leaf": leaf.n}

    def hold_clear(self, command: Command) -> Mapping[str, Json]:
        """Args `hold`, `reason`."""
        only(command.args, "hold", "reason")
        account = self._context.refresh()
        if command.id not in account.done:
            reason = line_of(command.args, "reason")
            hold = account.holds.get(line_of(command.args, "hold"))
            if hold is None:
                raise Refuse("hold.none", "there is no such hold", "see: edgeward retention plan")
            body: dict[str, Json] = {
                "hold": hold.id,
                "recordings": list(hold.recordings),
                "reason": reason,
                "command": command.id,
            }
            self._context.enter(LeafType.HOLD_CLEARED, body, command)
        leaf = account.done[command.id]
        return {"hold": leaf.body["hold"], "leaf": leaf.n}

    def retention_run(self, command: Command) -> Mapping[str, Json]:
        """No args. The same as the nightly run."""
        only(command.args)
        return self._retention.run(command)

    def destroy_request(self, command: Command) -> Mapping[str, Json]:
        """Args `recordings`, `reason`, `ground`, `without_ticket`. A short challenge is in the answer.

        A long one is read from the ledger: `edgeward destroy list --challenge REQUEST`.
        """
        only(command.args, "recordings", "reason", "ground", "without_ticket")
        account = self._context.refresh()
        if command.id not in account.done:
            self._context.enter(LeafType.DESTROY_REQUESTED, self._requested(command), command)
        request = account.requests[str(account.done[command.id].body["request"])]
        text = challenge_of(request, account, self._context.box)
        return {
            "request": request.id,
            "challenge": text if len(text.encode("utf-8")) <= SHORT_CHALLENGE else None,
            "challenge_sha256": request.body["challenge_sha256"],
            "approvals_needed": request.needed,
            "expires": rfc3339(request.expires_ns),
            "leaf": request.leaf,
        }

    def _requested(self, command: Command) -> dict[str, Json]:
        """The leaf's body."""
        context, now = self._context, self._context.clock.now()
        try:
            ground = Ground(str(command.args.get("ground", Ground.RETENTION)))
        except ValueError:
            raise bad_request(f"ground is one of {', '.join(Ground)}") from None
        without_ticket = command.args.get("without_ticket", False)
        if not isinstance(without_ticket, bool):
            raise bad_request("without_ticket is true or false")
        names = self._names(command)
        recordings = check_request(
            context.account,
            names,
            ground=ground,
            without_ticket=without_ticket,
            now_ns=now.wall_ns,
            clock_good=now.quality is ClockQuality.SYNCED,
            policy=context.policy,
        )
        body: dict[str, Json] = {
            "request": new_uuid7(now.wall_ns, context.random(10)),
            "recordings": list(names),
            "reason": line_of(command.args, "reason"),
            "ground": ground.value,
            "without_ticket": without_ticket,
            "requested_by": list(command.signers),
            "approvals_needed": approvals_needed(recordings, ground),
            "expires": rfc3339(now.wall_ns + EXPIRES_NS),
            "ledger_size": context.ledger.size,
            "ledger_root": context.ledger.root().hex(),
            "command": command.id,
        }
        return body | {"challenge_sha256": v1.challenge_sha256(challenge(context.box, body, recordings))}

    def destroy_approve(self, command: Command) -> Mapping[str, Json]:
        """Args `request`, `challenge_sha256`. Whoever asked for it can't approve it."""
        only(command.args, "request", "challenge_sha256")
        account = self._context.refresh()
        if command.id not in account.done:
            request = self._request(command)
            self._context.enter(LeafType.DESTROY_APPROVED, self._approved(command, request), command)
        request = account.requests[str(account.done[command.id].body["request"])]
        return {
            "request": request.id,
            "approvals": len(request.approvals),
            "approvals_needed": request.needed,
            "leaf": account.done[command.id].n,
        }

    def _approved(self, command: Command, request: Request) -> dict[str, Json]:
        if command.args.get("challenge_sha256") != request.body["challenge_sha256"]:
            raise Refuse(
                "destroy.other-challenge",
                f"this approval is not for the challenge of request {request.id}",
                "read the challenge again (edgeward destroy list), and approve what stands there",
            )
        if request.intent is not None:
            raise Refuse(
                "destroy.begun", f"request {request.id} is being executed", "nothing is left to approve"
            )
        if self._context.clock.now().wall_ns >= request.expires_ns:
            raise expired(request)
        names = [name for name in command.signers if name not in request.requesters]
        if not names:
            raise Refuse(
                "destroy.own-request",
                "who asked for a destruction can't approve it",
                "let other approvers look at it (four eyes)",
            )
        names = [name for name in names if name not in request.approvals]
        if not names:
            raise Refuse(
                "destroy.approved-before",
                "this approver has approved the request already",
                "each approval comes from another person",
            )
        return {
            "request": request.id,
            "challenge_sha256": request.body["challenge_sha256"],
            "approvers": [*names],
            "approvals": len(request.approvals) + len(names),
            "approvals_needed": request.needed,
            "command": command.id,
        }

    def destroy_execute(self, command: Command) -> Mapping[str, Json]:
        """Args `request`, `records` (the authority's notes), `title`, `place`. Begins, and does what it can.

        For a request that was begun: goes on, and takes records that were lost.
        """
        only(command.args, "request", "records", "title", "place")
        context = self._context
        context.refresh()
        request = self._request(command)
        notes = texts_of(command.args, "records")
        if request.intent is None:
            self._begin(command, request, notes)
        elif notes and request.certified is None:
            self._bring_again(request, notes)
        self._executor.retry()
        self._work()
        name = certificate_path(context.state_dir, request.id).name
        return {
            "request": request.id,
            "state": "executing" if request.certified is None else "certified",
            "certificate": None if request.certified is None else name,
            "certificate_sha256": request.certificate_sha256,
        }

    def _begin(self, command: Command, request: Request, notes: tuple[str, ...]) -> None:
        context, now = self._context, self._context.clock.now()
        recordings = check_execution(context.account, request, now.wall_ns)
        records = records_for(_tickets(recordings), notes, context.authority)
        for one in recordings:
            check_explained(context.vault, one.id)
        store_notes(context, request.id, records)
        place = context.site or None
        body: dict[str, Json] = {
            "request": request.id,
            "phase": "intent",
            "method": weakest(recordings).value,
            "authority_records": [one.sha256 for one in records],
            "executed_by": list(command.signers),
            "title": line_of(command.args, "title") if "title" in command.args else None,
            "place": line_of(command.args, "place") if "place" in command.args else place,
            "command": command.id,
        }
        context.enter(LeafType.DESTROY_EXECUTED, body, command)

    def _bring_again(self, request: Request, notes: tuple[str, ...]) -> None:
        context = self._context
        recordings = [context.account.recordings[name] for name in request.recordings]
        records: tuple[DestroyedNote, ...] = records_for(_tickets(recordings), notes, context.authority)
        if [one.sha256 for one in records] != request.intent_body["authority_records"]:
            raise Refuse(
                "destroy.other-records",
                "these are not the records with which the destruction was begun",
                "give the same files in the same order",
            )
        store_notes(context, request.id, records)

    def keep_room(self, keep_free_bytes: int) -> int:
        """`make_room` for a quarter more than what must stay free, so that no segment is denied first."""
        try:
            free = free_bytes(self._context.vault)
        except AgentError:
            return 0  # not known: nothing is removed by a guess, and the recorder denies the new
        return self.make_room(keep_free_bytes + keep_free_bytes // 4 - free)

    def make_room(self, need_bytes: int) -> int:
        """For `on_disk_full = "evict-oldest-eligible"`: removes old level 2 recordings. Returns their bytes.

        Call it with how much is missing; 0 or less says that there is room again. 0 is returned while an
        earlier eviction is still being removed, where no channel has that policy, and with an alarm when
        nothing is eligible: then the new is denied (`deny-new`).
        """
        context = self._context
        if need_bytes <= 0:
            context.book.close_alarms("_", "disk.evict")
            return 0
        if not context.policy.evicting or self._executor.evicting:
            return 0
        now = context.clock.now()
        chosen = evictable(context.refresh(), now.wall_ns, context.policy, need_bytes)
        if not chosen:
            context.alarm(
                "disk.evict-nothing",
                "critical",
                "the disk is full and no recording may be evicted: only level 2 without a hold may",
                "free space, or destroy what is due; nothing new is recorded meanwhile",
            )
            return 0
        for one in chosen:
            check_explained(context.vault, one.id)
        size_bytes = sum(one.size_bytes for one in chosen)
        context.enter(
            LeafType.EVICTED,
            {"recordings": [one.id for one in chosen], "size_bytes": size_bytes, "reason": "disk-full"},
        )
        context.alarm(
            "disk.evicted",
            "warning",
            f"the disk was full: {len(chosen)} old recordings of level 2 were removed by the plan's rule",
            "make the disk larger, or the retention of level 2 shorter",
        )
        self._executor.evict([one.id for one in chosen])
        self._executor.work()
        return size_bytes

    def _names(self, command: Command) -> tuple[str, ...]:
        names = texts_of(command.args, "recordings")
        if not 0 < len(names) <= MAX_RECORDINGS or len(set(names)) != len(names):
            raise bad_request(f"name 1 to {MAX_RECORDINGS} recordings, each once")
        return names

    def _request(self, command: Command) -> Request:
        found = self._context.account.requests.get(line_of(command.args, "request"))
        if found is None:
            raise Refuse("destroy.no-request", "there is no such request", "see: edgeward destroy list")
        return found


def _tickets(recordings: tuple[Recording, ...] | list[Recording]) -> set[str]:
    return {one.ticket for one in recordings if one.ticket is not None}
