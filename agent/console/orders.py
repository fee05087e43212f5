"""Commands on their way: signed by whom, sent when, answered how. Pure.

Guarantees: a note is checked here as the box will check it (`agent/control/gate.py`), and in addition its
signatures come from as many accounts as keys; an id is given out once and its bytes never change, so
whatever is sent again is the same command to the box; what has its last answer is not sent again. Functions
give the order as it will be: the caller stores it before it calls `put`. Times are arguments. Leaves out
drafts (`drafts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.console.effects import Answered
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, rfc3339

GRACE_NS = 300 * NS_PER_S
OPEN = frozenset({"waiting", "queued", "sent", "accepted"})
ON_THE_WAY = frozenset({"queued", "sent", "accepted"})
_ANSWERS = {
    "accepted": "accepted",
    "executing": "accepted",
    "succeeded": "succeeded",
    "failed": "failed",
    "rejected": "rejected",
    "expired": "expired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One command. `key` is the first key's name and id; `signers` rows of operator, account and time."""

    cmd_id: str
    type: str
    box: str
    by: str
    key: str
    args: Mapping[str, Json]
    issued_ns: int
    not_after_ns: int
    counter: int
    nonce: str | None
    note: str
    needed: int
    signers: tuple[tuple[str, str, str], ...]
    created: str
    state: str = "waiting"
    sent: str | None = None
    sends: int = 0
    answer: Mapping[str, Json] | None = None

    @property
    def open(self) -> bool:
        """False after its end."""
        return self.state in OPEN

    @property
    def topic(self) -> str:
        """Where it is sent."""
        return f"edgeward/v1/{self.box}/_/cmd/{self.type}/{self.cmd_id}"

    def json(self) -> dict[str, Json]:
        """As the API says it, without the note."""
        return {
            "cmd_id": self.cmd_id, "type": self.type, "box": self.box, "by": self.by, "args": dict(self.args),
            "issued": rfc3339(self.issued_ns), "not_after": rfc3339(self.not_after_ns),
            "counter": self.counter, "state": self.state, "signatures_needed": self.needed,
            "signers": [
                {"operator": operator, "account": account, "at": at} for operator, account, at in self.signers
            ],
            "created": self.created, "sent": self.sent, "sends": self.sends,
            "answer": None if self.answer is None else dict(self.answer),
        }  # fmt: skip

    def row(self) -> dict[str, Json]:
        """What the database keeps: the same, and what only we need."""
        return {
            **self.json(), "note": self.note, "key": self.key, "nonce": self.nonce,
            "issued_ns": self.issued_ns, "not_after_ns": self.not_after_ns,
        }  # fmt: skip


def from_row(row: Mapping[str, Any]) -> Order:
    """What `Order.row` gave."""
    return Order(
        cmd_id=row["cmd_id"], type=row["type"], box=row["box"], by=row["by"], key=row["key"],
        args=row["args"], issued_ns=row["issued_ns"], not_after_ns=row["not_after_ns"],
        counter=row["counter"], nonce=row["nonce"], note=row["note"], needed=row["signatures_needed"],
        signers=tuple((one["operator"], one["account"], one["at"]) for one in row["signers"]),
        created=row["created"], state=row["state"], sent=row["sent"], sends=row["sends"],
        answer=row["answer"],
    )  # fmt: skip


class Orders:
    """Every open order, and the highest counter that went out, by key and box."""

    def __init__(self) -> None:
        self.open: dict[str, Order] = {}
        self.counters: dict[tuple[str, str], int] = {}
        # Given out in drafts, so that two drafts never have the same.
        self._drafted: dict[tuple[str, str], int] = {}

    def put(self, order: Order) -> None:
        """Takes in an order as it was stored."""
        if order.open:
            self.open[order.cmd_id] = order
        else:
            self.open.pop(order.cmd_id, None)
        if order.state not in ("waiting", "stale", "withdrawn"):
            self.count(order.key, order.box, order.counter)

    def count(self, key: str, box: str, counter: int) -> None:
        """This counter went out."""
        self.counters[key, box] = max(self.counters.get((key, box), 0), counter)

    def next_counter(self, key: str, box: str, wall_ns: int) -> int:
        """A counter above every other one: the clock in milliseconds, unless that was given out."""
        before = max(self.counters.get((key, box), 0), self._drafted.get((key, box), 0))
        found = self._drafted[key, box] = max(before + 1, wall_ns // 1_000_000)
        return found

    def known(self, cmd_id: str) -> Order:
        """The open order; Refuse `command.unknown`."""
        found = self.open.get(cmd_id)
        if found is None:
            raise Refuse("command.unknown", "there is no open command with this id", "see the list")
        return found

    def due(self, box: str | None = None) -> list[Order]:
        """What is to be sent now: all that is on its way (to `box`), in the order of the counters."""
        found = [one for one in self.open.values() if one.state in ON_THE_WAY and box in (None, one.box)]
        return sorted(found, key=lambda one: (one.box, one.key, one.counter))


def sending(order: Order, now: str) -> Order:
    """It goes out now: to be stored before it does, so that nobody can withdraw it later."""
    return replace(order, sent=order.sent or now, sends=order.sends + 1)


def taken(order: Order) -> Order:
    """The broker has it."""
    return replace(order, state="sent") if order.state == "queued" else order


def answered(order: Order, seen: Answered) -> Order | None:
    """The order with what its box answered; None when that is no news."""
    body = seen.body
    state = _ANSWERS[body["status"]]
    if not order.open or order.sends == 0 or seen.box != order.box or body["type"] != order.type:
        return None
    told: dict[str, Json] = {
        name: body[name] for name in ("status", "reason", "text", "advice", "result", "leaf")
    }
    if order.answer is not None and {**order.answer, "at": None} == {**told, "at": None}:
        return None
    return replace(order, state=state, answer={**told, "at": seen.at})


def withdrawn(order: Order) -> Order:
    """Taken back; Refuse `command.state` when it may be with the box."""
    if order.state != "waiting" and not (order.state == "queued" and order.sends == 0):
        raise Refuse("command.state", "it was sent already", "give a command that undoes it")
    return replace(order, state="withdrawn")


def overtaken(order: Order, nonce: str | None, counter: int, wall_ns: int) -> Order | None:
    """The order as time has changed it; None when it has not.

    `nonce` is that of the box's present birth (None: unknown), `counter` the highest that went out for this
    key.
    """
    if wall_ns > order.not_after_ns + GRACE_NS:
        return replace(order, state="unanswered" if order.sends else "stale")
    waits = order.state in ("waiting", "queued") and order.sends == 0
    old_birth = order.nonce is not None and nonce is not None and nonce != order.nonce
    passed = order.state == "waiting" and counter >= order.counter
    if waits and (old_birth or passed):
        return replace(order, state="stale")
    return None
