"""The desk: each command becomes leaves and answers, and is done at most once.

Guarantees: the leaf `command-accepted` is durable before anything is done; a refusal is an answer and a leaf,
or is counted in one (`denials.py`); nothing that arrives raises anything but `Halt` of the ledger; what a
power cut left without a result is answered by `resume`. Leaves out the checks (`gate.py`) and the wires
(`door.py`, `agent/link`). The caller uses it from one thread, calls `resume` once, `tick` every second and
`close` at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from agent.control.account import CommandAccount, Running
from agent.control.denials import Denials
from agent.control.gate import Admitted, Denied, Gate, Repeated, other_topic
from agent.control.operators import Operators
from agent.formats import command_v1
from agent.formats.ledger_v1 import LeafType
from agent.model.commands import RULES, Answer, Command, CommandType, Handler, Status
from agent.model.errors import AgentError, Refuse
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.ports.clock import Clock

MAX_NOTE_IN_LEAF = 12 * 1024
MAX_ATTEMPTS = 2
# What a defect in a handler raises: it costs its command, not the recordings (STD 4 c).
_DEFECTS = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)


class Register(Protocol):
    """The keeper's book: writes leaves and tells the controller."""

    def leaf(
        self,
        kind: LeafType,
        body: Mapping[str, Json],
        *,
        event: bool = False,
        actor: str = "agent",
        authority: str = "policy",
    ) -> int: ...
    def tell(self, message: Outgoing) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a note came from. `address`: type and id of its topic; `uid`: who was at the door.

    `astray`: on a topic that is no command's.
    """

    retained: bool = False
    astray: bool = False
    address: tuple[str, str] | None = None
    uid: int | None = None

    @property
    def name(self) -> str:
        return "mqtt" if self.uid is None else f"uid:{self.uid}"


class CommandDesk:
    """See the module's text. `random` gives that many secret random bytes."""

    def __init__(
        self,
        book: Register,
        operators: Operators,
        box: str,
        handlers: Mapping[CommandType, Handler],
        account: CommandAccount,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._book = book
        self._handlers = handlers
        self._account = account
        self._clock = clock
        self._random = random
        self._gate = Gate(box, operators, random(16).hex())
        self._denials = Denials()

    def birth_facts(self) -> dict[str, Json]:
        """What the birth message says: the nonce of this start, and what this box does."""
        types: list[Json] = [kind.value for kind in CommandType if kind in self._handlers]
        return {"cmd_nonce": self._gate.nonce, "commands": {"v": command_v1.VERSION, "types": types}}

    def receive(self, note: bytes, origin: Origin) -> Answer:
        """A signed note, from wherever it comes. The answer is told over MQTT too when it has an address."""
        if origin.retained:
            advice = "publish commands without the retain flag, and clear that topic"
            denied = Denied(error=Refuse("command.retained", "it is a retained message", advice))
            return self._deny(denied, origin)
        if origin.astray:
            return self._deny(Denied(error=other_topic()), origin)
        found = self._gate.judge(note, origin.address, self._account, self._clock.now())
        if isinstance(found, Denied):
            return self._deny(found, origin)
        if isinstance(found, Repeated):
            return self._repeat(found.command, origin)
        if found.command.type not in self._handlers:
            return self._deny(_not_here(found.command), origin)
        return self._accept(found, note.decode("utf-8"))

    def ask(self, request: bytes, uid: int) -> Answer:
        """What came in at the local door: a signed note, or an unsigned request of user `uid`."""
        origin = Origin(uid=uid)
        if not request.lstrip().startswith(b"{"):
            return self.receive(request, origin)
        try:
            asked = command_v1.decode_request(request)
        except Refuse as error:
            return self._deny(Denied(error=error), origin)
        cmd_id = new_uuid7(self._clock.now().wall_ns, self._random(10))
        command = Command(id=cmd_id, type=asked.type, args=asked.args, signers=(origin.name,))
        if not RULES[asked.type].local:
            advice = "make and sign a command: edgeward command make"
            unsigned = Refuse("command.not-local", "this needs signatures, at the door too", advice)
            return self._deny(Denied(error=unsigned, type=asked.type.value), origin)
        if asked.type not in self._handlers:
            return self._deny(replace(_not_here(command), signers=()), origin)
        digest = sha256(request).hexdigest()
        admitted = Admitted(command=command, key=None, counter=None, sha256=digest)
        return self._accept(admitted, request.decode("utf-8"))

    def overflowed(self, number: int) -> None:
        """So many messages were lost on their way to the desk."""
        if number:
            self.count("command.queue-full", number)

    def count(self, code: str, number: int = 1) -> None:
        """So many messages that are no commands were refused with this code."""
        self._denials.count(code, number, self._clock.mono_ns())

    def tick(self, *, alarmed: bool) -> None:
        """Tells what was only counted, when that is due. `alarmed`: an alarm of denied operations stands."""
        self._tell_counts(self._denials.due(self._clock.mono_ns(), alarmed=alarmed))

    def close(self) -> None:
        """The last leaf of this desk, when something was only counted."""
        self._tell_counts(self._denials.due(self._clock.mono_ns(), alarmed=True, now=True))

    def resume(self) -> None:
        """Answers what an earlier run accepted and did not finish."""
        for before in tuple(self._account.running.values()):
            self._tell(Answer(status=Status.EXECUTING, cmd_id=before.cmd_id, type=before.type))
            try:
                command = self._found_again(before)
            except Refuse as error:
                self._finish(before.cmd_id, before.type, before.signers, Status.FAILED, error, None)
                continue
            self._enter(LeafType.COMMAND_ACCEPTED, _again(before), command)
            self._run(command)

    def _found_again(self, before: Running) -> Command:
        interrupted = Refuse(
            "command.interrupted",
            "the agent stopped before this was finished, and can't do it again",
            "look at what was done, then give a new command",
        )
        if before.note is None or before.attempt >= MAX_ATTEMPTS:
            raise interrupted
        if before.key is None:
            asked = command_v1.decode_request(before.note.encode())
            command = Command(id=before.cmd_id, type=asked.type, args=asked.args, signers=before.signers)
        else:
            command = self._gate.judge_again(before.note.encode())
        if command.type not in self._handlers or (command.id, command.type.value) != (
            before.cmd_id,
            before.type,
        ):
            raise interrupted
        return command

    def _accept(self, found: Admitted, note: str) -> Answer:
        command = found.command
        facts: dict[str, Json] = {
            "cmd_id": command.id,
            "type": command.type.value,
            "signers": list(command.signers),
            "key": found.key,
            "counter": found.counter,
            "sha256": found.sha256,
            "note": note if len(json.dumps(note)) <= MAX_NOTE_IN_LEAF else None,
            "attempt": 1,
        }
        leaf = self._enter(LeafType.COMMAND_ACCEPTED, facts, command)
        self._tell(Answer(status=Status.ACCEPTED, cmd_id=command.id, type=command.type.value, leaf=leaf))
        return self._run(command)

    def _run(self, command: Command) -> Answer:
        error: AgentError | None = None
        result: Mapping[str, Json] | None = None
        try:
            result = self._handlers[command.type](command)
            if not command_v1.fits(result):
                raise ValueError("a result is at most 8 KiB of JSON without floats")
        except AgentError as raised:
            error = raised  # a ledger that failed says so again when the result is written
        except _DEFECTS as raised:
            text = f"the program met a defect ({type(raised).__name__})"
            error = Refuse("command.defect", text, "send the log to support")
        status = Status.SUCCEEDED if error is None else Status.FAILED
        shown = None if error is not None else result
        return self._finish(command.id, command.type.value, command.signers, status, error, shown)

    def _finish(
        self,
        cmd_id: str,
        kind: str,
        signers: tuple[str, ...],
        status: Status,
        error: AgentError | None,
        result: Mapping[str, Json] | None,
    ) -> Answer:
        facts: dict[str, Json] = {
            "cmd_id": cmd_id,
            "type": kind,
            "status": status.value,
            "reason": None if error is None else error.code,
            "result": None if result is None else dict(result),
        }
        actor, authority = _who(cmd_id, signers)
        leaf = self._book.leaf(LeafType.COMMAND_RESULT, facts, actor=actor, authority=authority)
        self._account.enter(LeafType.COMMAND_RESULT, facts, leaf)
        return self._tell(
            Answer(
                status=status,
                cmd_id=cmd_id,
                type=kind,
                reason=None if error is None else error.code,
                text=None if error is None else error.text,
                advice=None if error is None else error.advice,
                result=result,
                leaf=leaf,
            )
        )

    def _enter(self, kind: LeafType, facts: dict[str, Json], command: Command) -> int:
        actor, authority = _who(command.id, command.signers)
        leaf = self._book.leaf(kind, facts, actor=actor, authority=authority)
        self._account.enter(kind, facts, leaf)
        return leaf

    def _repeat(self, command: Command, origin: Origin) -> Answer:
        """The answer of the first time. A repeat changes nothing; that it came is told as a refusal is."""
        before = self._account.finished.get(command.id)
        error = Refuse(
            "command.repeated", "this command was accepted before", "nothing to do: read its answer"
        )
        denied = Denied(error=error, signers=command.signers, cmd_id=command.id, type=command.type.value)
        answer = Answer(
            status=before.status if before else Status.EXECUTING,
            cmd_id=command.id,
            type=command.type.value,
            reason=error.code,
            text=error.text if before is None or before.reason is None else f"{error.text}: {before.reason}",
            advice=error.advice,
            result=before.result if before else None,
            leaf=before.leaf if before else None,
        )
        return self._deny(denied, origin, answer)

    def _deny(self, denied: Denied, origin: Origin, answer: Answer | None = None) -> Answer:
        """Leaf and answer, or only a count: a flood must fill neither ledger nor outbox."""
        error, signed = denied.error, bool(denied.signers)
        alone = self._denials.admit(error.code, self._clock.mono_ns(), signed=signed)
        leaf = None
        if alone:
            facts: dict[str, Json] = {
                "reason": error.code,
                "origin": origin.name,
                "signers": list(denied.signers),
                "cmd_id": denied.cmd_id,
                "type": denied.type,
                "count": 1,
                "reasons": None,
            }
            actor = denied.signers[0] if signed else origin.name
            leaf = self._book.leaf(LeafType.COMMAND_DENIED, facts, event=True, actor=actor, authority="none")
        kind, cmd_id = origin.address or (denied.type, denied.cmd_id)
        if answer is None:
            answer = Answer(
                status=Status.EXPIRED if error.code == "command.expired" else Status.REJECTED,
                cmd_id=cmd_id,
                type=kind,
                reason=error.code,
                text=error.text,
                advice=error.advice,
                leaf=leaf,
            )
        return self._tell(answer) if alone and origin.uid is None else answer

    def _tell(self, answer: Answer) -> Answer:
        """Over MQTT, when the answer has an address there."""
        if answer.cmd_id is not None and answer.type is not None:
            self._book.tell(
                Outgoing(
                    entity="_",
                    kind="res",
                    type=f"{answer.type}/{answer.cmd_id}",
                    body=command_v1.answer_fields(answer),
                    priority=Priority.CRITICAL,
                )
            )
        return answer

    def _tell_counts(self, counts: Mapping[str, int]) -> None:
        if not counts:
            return
        reasons: dict[str, Json] = {code: counts[code] for code in sorted(counts)}
        facts: dict[str, Json] = {
            "reason": "command.flood",
            "origin": "several",
            "signers": [],
            "cmd_id": None,
            "type": None,
            "count": sum(counts.values()),
            "reasons": reasons,
        }
        self._book.leaf(LeafType.COMMAND_DENIED, facts, event=True, actor="agent", authority="none")


def _again(before: Running) -> dict[str, Json]:
    """The leaf of the next attempt."""
    return {
        "cmd_id": before.cmd_id,
        "type": before.type,
        "signers": list(before.signers),
        "key": before.key,
        "counter": before.counter,
        "sha256": before.sha256,
        "note": before.note,
        "attempt": before.attempt + 1,
    }


def _not_here(command: Command) -> Denied:
    error = Refuse(
        "command.not-here",
        "this box has nothing that does this",
        "see `commands` in the birth message; update the box",
    )
    return Denied(error=error, signers=command.signers, cmd_id=command.id, type=command.type.value)


def _who(cmd_id: str, signers: tuple[str, ...]) -> tuple[str, str]:
    """Actor and authority of a leaf."""
    first = signers[0] if signers else "unknown"
    return first, "local-door" if first.startswith("uid:") else f"command:{cmd_id}"
