"""What a person signs, and the checks of what they signed. Pure; times, ids and keys of operators are
arguments.

Guarantees: `text` is the only text that a signature of it can be for; a note is judged by the box's own
gate (`agent/control/gate.py`) under the operators that the console knows, so what passes here fails at the
box only for what the console can't see. Two signatures are of two keys from two accounts. Leaves out
storing and sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.console.orders import Order
from agent.control.account import CommandAccount
from agent.control.gate import Denied, Gate
from agent.control.operators import Operators
from agent.formats import command_v1, signed_note
from agent.formats.command_v1 import KEY_PREFIX, CommandBody
from agent.model.commands import RULES, CommandType
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, ClockQuality, Instant, rfc3339

SHORTEST_S, LONGEST_S = 60, 7 * 86_400
_WAITS = "command.too-few-signatures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who hands a note in: their account, and the operator whose key is theirs."""

    account: str
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the console knows of the box: the nonce of its birth, and the counters that went out."""

    box: str
    nonce: str | None
    counters: Mapping[tuple[str, str], int]


def draft(
    kind: CommandType, args: Mapping[str, Json], *, by: str, known: Known, counter: int, cmd_id: str,
    wall_ns: int, valid_s: int,
) -> dict[str, Json]:  # fmt: skip
    """The text to sign, with what it says. Refuse `command.*`."""
    if not SHORTEST_S <= valid_s <= LONGEST_S:
        raise Refuse("request.bad", f"valid_s is {valid_s}", f"write {SHORTEST_S} to {LONGEST_S}")
    rule = RULES[kind]
    if rule.privileged and known.nonce is None:
        raise Refuse(
            "command.no-nonce", "the birth of this box is not known", "wait until the box has been on line"
        )
    body = CommandBody(
        cmd_id=cmd_id, type=kind, by=by, box=known.box, issued_ns=wall_ns // 1000 * 1000,
        not_after_ns=(wall_ns + valid_s * NS_PER_S) // 1000 * 1000, counter=counter,
        nonce=known.nonce if rule.privileged else None, args=args,
    )  # fmt: skip
    return {
        "cmd_id": cmd_id, "text": command_v1.encode(body), "type": kind.value, "box": body.box, "by": by,
        "counter": counter, "nonce": body.nonce, "issued": rfc3339(body.issued_ns),
        "not_after": rfc3339(body.not_after_ns), "signatures": rule.signatures, "privileged": rule.privileged,
    }  # fmt: skip


def box_of(note: str) -> str:
    """The box that a note is for, not believed yet. Refuse `command.*`."""
    return command_v1.decode(_parsed(note).text).box


def first(note: str, signer: Signer, operators: Operators, known: Known, now: Instant) -> Order:
    """The order that a first signature makes. Refuse `command.*`."""
    found = _parsed(note)
    body = command_v1.decode(found.text)
    _check_own(found, (), signer)
    enough = _judged(note, operators, known, now)
    first_line = found.signatures[0]
    return Order(
        cmd_id=body.cmd_id, type=body.type.value, box=body.box, by=body.by,
        key=f"{first_line.name}+{first_line.key_id.hex()}", args=body.args, issued_ns=body.issued_ns,
        not_after_ns=body.not_after_ns, counter=body.counter, nonce=body.nonce, note=note,
        needed=RULES[body.type].signatures,
        signers=((signer.operator, signer.account, rfc3339(now.wall_ns)),), created=rfc3339(now.wall_ns),
        state="queued" if enough else "waiting",
    )  # fmt: skip


def another(
    order: Order, note: str, signer: Signer, operators: Operators, known: Known, now: Instant
) -> Order:
    """The order with one signature more. Refuse `command.*`."""
    if order.state != "waiting":
        raise Refuse("command.state", "it waits for no signature", "look at the command again")
    found, before = _parsed(note), _parsed(order.note)
    if found.text != before.text or found.signatures[: len(before.signatures)] != before.signatures:
        raise Refuse("command.forged", "this is another command", "sign the note as the console gives it")
    if any(signer.account == account for _, account, _ in order.signers):
        raise Refuse(
            "command.same-account", "your account has signed it", "another person must sign, as themselves"
        )
    _check_own(found, before.signatures, signer)
    enough = _judged(note, operators, known, now)
    return replace(
        order,
        note=note,
        signers=(*order.signers, (signer.operator, signer.account, rfc3339(now.wall_ns))),
        state="queued" if enough else "waiting",
    )


def _judged(note: str, operators: Operators, known: Known, now: Instant) -> bool:
    """True when it can be sent, False when signatures are missing; Refuse for everything else."""
    account = CommandAccount(
        counters={key: counter for (key, box), counter in known.counters.items() if box == known.box}
    )
    gate = Gate(known.box, operators, known.nonce or "")
    # Our clock is not the box's: here it counts as trusted, and the box judges again with its own.
    judged = gate.judge(note.encode(), None, account, replace(now, quality=ClockQuality.SYNCED))
    if isinstance(judged, Denied):
        if judged.error.code == _WAITS:
            return False
        raise judged.error
    return True


def _check_own(found: signed_note.Note, before: tuple[signed_note.Signature, ...], signer: Signer) -> None:
    """Every new line must be by the key of the person who hands it in, and there must be exactly one."""
    new = found.signatures[len(before) :]
    if len(new) != 1 or new[0].name != KEY_PREFIX + signer.operator:
        raise Refuse(
            "command.not-your-key",
            "the new signature is not one by the key of your account",
            "sign once, with your own key; each person hands in their own signature",
        )


def _parsed(note: str) -> signed_note.Note:
    if len(note) > command_v1.MAX_NOTE:
        raise command_v1.too_large()
    try:
        return signed_note.parse(note.encode("utf-8", "replace"), command_v1.MAX_NOTE)
    except Refuse as error:
        raise command_v1.bad("not a signed note") from error
