"""The checks that a signed command must pass, in the order of docs/formats/commands-v1.md. Pure.

Guarantees: nothing of a note is believed before its signatures are verified; the first check that fails
gives its code and nothing is changed. Leaves out writing and doing (`desk.py`). The caller enters an
admitted command into the account before it asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from agent.control.account import CommandAccount
from agent.control.operators import Operator, Operators
from agent.formats import command_v1, signed_note
from agent.formats.command_v1 import CommandBody
from agent.formats.signed_note import Note
from agent.model.commands import RULES, Command, CommandRule
from agent.model.errors import Refuse
from agent.model.times import NS_PER_S, ClockQuality, Instant

LEEWAY_NS = 300 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Passed. `key` and `counter` are those of `by`, the first signer; None for what needs no signature."""

    command: Command
    key: str | None
    counter: int | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Every signature is right, and this very text was accepted before."""

    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Why not. `signers`, `cmd_id` and `type` only when the signatures were verified."""

    error: Refuse
    signers: tuple[str, ...] = ()
    cmd_id: str | None = None
    type: str | None = None


class Gate:
    """One per start of the keeper, because `nonce` is that of this start."""

    def __init__(self, box: str, operators: Operators, nonce: str) -> None:
        self._box = box
        self._operators = operators
        self.nonce = nonce

    def judge(
        self, data: bytes, address: tuple[str, str] | None, account: CommandAccount, now: Instant
    ) -> Admitted | Repeated | Denied:
        """The verdict on the note `data`. `address` is the type and id that its topic says, if it has one."""
        try:
            note, body, signers = self._verified(data, address)
        except Refuse as error:
            return Denied(error=error)
        digest = sha256(note.text.encode("utf-8")).hexdigest()
        command = _command(body, signers)
        try:
            self._check_audience(body)
            if _seen(body, digest, account):
                return Repeated(command=command)
            _check_counter(body, signers[0], account)
            self._check_time(body, now)
            self._check_nonce(body)
            _check_quorum(body, signers)
        except Refuse as error:
            return Denied(error=error, signers=command.signers, cmd_id=body.cmd_id, type=body.type.value)
        return Admitted(command=command, key=signers[0].key, counter=body.counter, sha256=digest)

    def judge_again(self, data: bytes) -> Command:
        """A command that the ledger says was accepted, with all checks that don't depend on the moment."""
        _, body, signers = self._verified(data, None)
        self._check_audience(body)
        _check_quorum(body, signers)
        return _command(body, signers)

    def _verified(
        self, data: bytes, address: tuple[str, str] | None
    ) -> tuple[Note, CommandBody, tuple[Operator, ...]]:
        note, body = _shaped(data)
        if address is not None and address != (body.type.value, body.cmd_id):
            raise other_topic()
        signers = self._known(note, body)
        for one in dict.fromkeys(signers):
            try:
                one.verifier.verify(data)
            except Refuse as error:
                advice = "somebody changed it, or signed another text: make it anew"
                raise Refuse("command.forged", "a signature is false", advice) from error
        return note, body, signers

    def _known(self, note: Note, body: CommandBody) -> tuple[Operator, ...]:
        found = [self._operators.of(signature) for signature in note.signatures]
        signers = tuple(one for one in found if one is not None)
        if len(signers) != len(found):
            raise Refuse(
                "command.unknown-key",
                "a signature is by a key that this box does not know",
                "compare with [[operator]] in the box's configuration",
            )
        if signers[0].name != body.by:
            raise Refuse("command.other-signer", "the first signature is not by `by`", "`by` signs first")
        for one in signers:
            if not one.roles & RULES[body.type].roles:
                advice = "let somebody sign who has one of the roles in docs/formats/commands-v1.md"
                raise Refuse("command.role", "a signer has no role for this type", advice)
        return signers

    def _check_audience(self, body: CommandBody) -> None:
        if body.box != self._box:
            raise Refuse("command.other-box", "it is for another box", "make one for this box")

    def _check_time(self, body: CommandBody, now: Instant) -> None:
        if now.quality is not ClockQuality.SYNCED:
            if body.nonce is None:
                advice = "put cmd_nonce of the box's birth into the command, or repair the box's time server"
                raise Refuse("command.clock-untrusted", "the box does not trust its clock", advice)
            return
        advice = "compare the clocks of box and sender; make the command anew"
        if now.wall_ns > body.not_after_ns + LEEWAY_NS:
            raise Refuse("command.expired", "its not_after has passed", advice)
        if now.wall_ns < body.issued_ns - LEEWAY_NS:
            raise Refuse("command.not-yet", "it was issued in the box's future", advice)

    def _check_nonce(self, body: CommandBody) -> None:
        advice = "read cmd_nonce in the box's present birth and make the command anew"
        if body.nonce is None:
            if RULES[body.type].privileged:
                raise Refuse("command.no-nonce", "a privileged command needs the nonce of the birth", advice)
        elif body.nonce != self.nonce:
            raise Refuse("command.old-birth", "the nonce is not that of the box's present birth", advice)


def other_topic() -> Refuse:
    """The refusal of a note on a topic that is not its own."""
    return Refuse(
        "command.other-topic", "the topic does not say this type and id", "send it on the topic of its own"
    )


def _shaped(data: bytes) -> tuple[Note, CommandBody]:
    if len(data) > command_v1.MAX_NOTE:
        raise command_v1.too_large()
    try:
        note = signed_note.parse(data, command_v1.MAX_NOTE)
    except Refuse as error:
        raise command_v1.bad("not a signed note") from error
    if len(note.signatures) > command_v1.MAX_SIGNATURES:
        raise command_v1.bad(f"more than {command_v1.MAX_SIGNATURES} signatures")
    return note, command_v1.decode(note.text)


def _command(body: CommandBody, signers: tuple[Operator, ...]) -> Command:
    names = tuple(dict.fromkeys(one.name for one in signers))
    return Command(id=body.cmd_id, type=body.type, args=body.args, signers=names)


def _seen(body: CommandBody, digest: str, account: CommandAccount) -> bool:
    """True for a repeat; Refuse when the id stands for something else."""
    before = account.running.get(body.cmd_id) or account.finished.get(body.cmd_id)
    if before is None:
        return False
    if before.sha256 != digest:
        raise Refuse("command.id-reused", "this id was another command's", "give each command its own id")
    return True


def _check_counter(body: CommandBody, first: Operator, account: CommandAccount) -> None:
    known = account.counters.get(first.key, 0)
    if body.counter <= known:
        raise Refuse(
            "command.counter",
            f"the counter is not above {known}, which this key had already",
            "make the command anew with a higher counter; find out who else has this key",
        )


def _check_quorum(body: CommandBody, signers: tuple[Operator, ...]) -> None:
    rule: CommandRule = RULES[body.type]
    distinct = len({one.name for one in signers})
    if distinct >= rule.signatures:
        return
    if len(signers) >= rule.signatures:
        raise Refuse(
            "command.same-signer", "one operator signed twice", "another operator must sign the same note"
        )
    raise Refuse(
        "command.too-few-signatures",
        f"{rule.signatures} operators must sign this, {distinct} did",
        "add a signature: edgeward command sign FILE -k KEY",
    )
