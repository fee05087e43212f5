"""The account of every recording from its opening to its certificate, gathered from the ledger. Pure.

Guarantees: the ledger alone says what is held, due, requested, approved, destroyed or evicted; a leaf that
contradicts what came before (docs/formats/destruction-v1.md, States) changes nothing and is told. Leaves out
doing anything (`runtime/disposal.py`) and dates (`retention.py`). The caller gives the leaves in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.outgoing import Json
from agent.model.times import ClockQuality, from_rfc3339
from agent.vault.retention import Retention


class State(StrEnum):
    """Where a recording stands. A request that has expired counts no more."""

    OPEN = "open"
    CLOSED = "closed"
    DUE = "due"
    REQUESTED = "requested"
    APPROVED = "approved"
    EXECUTING = "executing"  # the intent is in the ledger: files may be gone
    SHREDDED = "shredded"
    CERTIFIED = "certified"
    EVICTED = "evicted"


GONE = frozenset({State.EXECUTING, State.SHREDDED, State.CERTIFIED, State.EVICTED})


@dataclass(slots=True, kw_only=True)
class Request:
    """One asked destruction. `approvals` maps the approver's name to the leaf."""

    id: str
    leaf: int
    at: str
    body: Mapping[str, Json]
    recordings: tuple[str, ...]
    requesters: tuple[str, ...]
    needed: int
    expires_ns: int
    approvals: dict[str, int] = field(default_factory=dict)
    approved_at: dict[str, str] = field(default_factory=dict)
    intent: int | None = None
    intent_at: str | None = None
    intent_body: Mapping[str, Json] = field(default_factory=dict)
    result: int | None = None
    result_body: Mapping[str, Json] = field(default_factory=dict)
    certified: int | None = None
    certificate_sha256: str | None = None

    @property
    def approved(self) -> bool:
        return len(self.approvals) >= self.needed

    def counts_at(self, wall_ns: int) -> bool:
        """False once it has expired without having been begun."""
        return self.intent is not None or wall_ns < self.expires_ns


@dataclass(slots=True, kw_only=True)
class Recording:
    """One recording. `base_ns` is where its term begins: its end, by a clock that was synchronised."""

    id: str
    channel: str
    level: int
    ticket: str | None
    retention: Retention | None
    opened_at: str
    opened_leaf: int
    segments: int = 0
    size_bytes: int = 0
    root: str | None = None
    closed_at: str | None = None
    closed_leaf: int | None = None
    end_ns: int | None = None
    base_ns: int | None = None
    due_leaf: int | None = None
    due_at: str | None = None
    evicted_leaf: int | None = None
    holds: set[str] = field(default_factory=set)
    request: Request | None = None

    def state(self, wall_ns: int) -> State:
        if self.evicted_leaf is not None:
            return State.EVICTED
        request = self.request
        if request is not None and request.counts_at(wall_ns):
            if request.certified is not None:
                return State.CERTIFIED
            if request.result is not None:
                return State.SHREDDED
            if request.intent is not None:
                return State.EXECUTING
            return State.APPROVED if request.approved else State.REQUESTED
        if self.closed_leaf is None:
            return State.OPEN
        return State.CLOSED if self.due_leaf is None else State.DUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A legal hold that is set."""

    id: str
    leaf: int
    at: str
    recordings: tuple[str, ...]
    reason: str


@dataclass(slots=True, kw_only=True)
class DisposalAccount:
    """`size` is how many leaves were taken; `problems` are the contradictions so far.

    `undated` recordings were closed while the clock could not be trusted: their term has not begun.
    """

    recordings: dict[str, Recording] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    # By the id of the command that a leaf was written for: a command that comes again changes nothing.
    done: dict[str, Leaf] = field(default_factory=dict)
    ticket_days: dict[str, str] = field(default_factory=dict)
    size: int = 0
    problems: list[str] = field(default_factory=list)
    undated: list[Recording] = field(default_factory=list)

    def take(self, leaf: Leaf) -> tuple[str, ...]:
        """Takes in one leaf of any type. Returns what it contradicts; such a leaf changes nothing."""
        self.size = leaf.n + 1
        if leaf.clk is ClockQuality.SYNCED and self.undated:
            self._date(leaf)
        apply = _TAKES.get(leaf.type)
        if apply is None:
            return ()
        try:
            wrong = [f"leaf {leaf.n}: {why}" for why in apply(self, leaf)]
        except (KeyError, ValueError, TypeError):
            wrong = [f"leaf {leaf.n}: a {leaf.type.value} without the fields of version 1"]
        self.problems += wrong
        if not wrong and isinstance(command := leaf.body.get("command"), str):
            self.done[command] = leaf
        return tuple(wrong)

    def of_ticket(self, ticket: str) -> Iterator[Recording]:
        """The recordings whose capsules this ticket closes."""
        return (one for one in self.recordings.values() if one.ticket == ticket)

    def unfinished(self) -> Iterator[Request]:
        """Requests that were begun and have no certificate."""
        return (one for one in self.requests.values() if one.intent is not None and one.certified is None)

    def _date(self, leaf: Leaf) -> None:
        """A clock that can be trusted at last: no term begins before this leaf."""
        for one in self.undated:
            one.base_ns = max(one.end_ns or 0, from_rfc3339(leaf.wall))
        self.undated.clear()


def _opened(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    body = leaf.body
    name = str(body["recording"])
    if name in account.recordings:
        yield f"recording {name} is opened twice"
        return
    plan, ticket, level = body.get("retention"), body.get("ticket"), body.get("level")
    account.recordings[name] = Recording(
        id=name,
        channel=str(body["channel"]),
        level=level if isinstance(level, int) else 5,  # what is not known is kept longest
        ticket=ticket if isinstance(ticket, str) else None,
        retention=Retention.from_facts(plan) if isinstance(plan, dict) else None,
        opened_at=leaf.wall,
        opened_leaf=leaf.n,
    )


def _segment(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    one = account.recordings.get(str(leaf.body["recording"]))
    size = leaf.body["size_bytes"]
    if one is not None:  # a segment of no recording is told by `runtime/verify.py`
        one.segments += 1
        one.size_bytes += size if isinstance(size, int) else 0
    yield from ()


def _closed(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    one = account.recordings.get(str(leaf.body["recording"]))
    yield from ()
    if one is None or one.closed_leaf is not None:
        return  # told by `runtime/verify.py`
    ends = [from_rfc3339(one.opened_at), from_rfc3339(leaf.wall)]
    if isinstance(end := leaf.body.get("end"), str):
        ends.append(from_rfc3339(end))
    one.root = str(leaf.body["root"])
    one.closed_at, one.closed_leaf, one.end_ns = leaf.wall, leaf.n, max(ends)
    if leaf.clk is ClockQuality.SYNCED:
        one.base_ns = one.end_ns
    else:
        account.undated.append(one)


def _ticket(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    day = leaf.body["day"]
    if isinstance(day, str):
        account.ticket_days[str(leaf.body["ticket"])] = day
    yield from ()


def _hold_set(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    hold, names = str(leaf.body["hold"]), _texts(leaf.body["recordings"])
    wall_ns = from_rfc3339(leaf.wall)
    wrong = [f"hold {hold} is set twice"] if hold in account.holds else []
    wrong += _unknown(account, names)
    wrong += [
        f"holds {one.id}, which is {one.state(wall_ns).value}"
        for one in _known(account, names)
        if one.state(wall_ns) in GONE
    ]
    if not wrong:
        account.holds[hold] = Hold(
            id=hold, leaf=leaf.n, at=leaf.wall, recordings=names, reason=str(leaf.body["reason"])
        )
        for one in _known(account, names):
            one.holds.add(hold)
    yield from wrong


def _hold_cleared(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    hold = str(leaf.body["hold"])
    found = account.holds.pop(hold, None)
    if found is None:
        yield f"clears hold {hold}, which is not set"
        return
    for one in _known(account, found.recordings):
        one.holds.discard(hold)


def _due(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    items = leaf.body["items"]
    if not isinstance(items, list):
        raise TypeError("items")
    dates = {str(item["recording"]): str(item["due"]) for item in items if isinstance(item, dict)}
    found = _known(account, dates)
    wrong = _unknown(account, dates)
    for one in found:
        if one.closed_leaf is None or one.due_leaf is not None:
            wrong.append(f"recording {one.id} can't become due")
    if not wrong:
        for one in found:
            one.due_leaf, one.due_at = leaf.n, dates[one.id]
    yield from wrong


def _requested(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    body, names, wall_ns = leaf.body, _texts(leaf.body["recordings"]), from_rfc3339(leaf.wall)
    request = Request(
        id=str(body["request"]),
        leaf=leaf.n,
        at=leaf.wall,
        body=body,
        recordings=names,
        requesters=_texts(body["requested_by"]),
        needed=_number(body["approvals_needed"]),
        expires_ns=from_rfc3339(str(body["expires"])),
    )
    wrong = [f"request {request.id} is made twice"] if request.id in account.requests else []
    wrong += _unknown(account, names)
    for one in _known(account, names):
        if one.holds:
            wrong.append(f"asks for {one.id}, which is on hold")
        if one.state(wall_ns) not in (State.CLOSED, State.DUE):
            wrong.append(f"asks for {one.id}, which is {one.state(wall_ns).value}")
    if not wrong:
        account.requests[request.id] = request
        for one in _known(account, names):
            one.request = request
    yield from wrong


def _approved(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    request = account.requests.get(str(leaf.body["request"]))
    names = _texts(leaf.body["approvers"])
    if request is None:
        yield "approves a request that was never made"
        return
    wrong = []
    if leaf.body["challenge_sha256"] != request.body["challenge_sha256"]:
        wrong.append(f"approves another challenge than that of request {request.id}")
    if request.intent is not None or from_rfc3339(leaf.wall) >= request.expires_ns:
        wrong.append(f"approves request {request.id} too late")
    wrong += [
        f"{name} may not approve request {request.id} (asked for it, or approved it before)"
        for name in names
        if name in request.requesters or name in request.approvals
    ]
    if not wrong:
        request.approvals |= dict.fromkeys(names, leaf.n)
        request.approved_at |= dict.fromkeys(names, leaf.wall)
    yield from wrong


def _executed(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    request = account.requests.get(str(leaf.body["request"]))
    phase = leaf.body["phase"]
    if request is None or phase not in ("intent", "result"):
        yield "executes a request that was never made"
        return
    wrong = []
    if phase == "intent":
        if not request.approved:
            wrong.append(f"executes request {request.id} without its {request.needed} approvals")
        if request.intent is not None or from_rfc3339(leaf.wall) >= request.expires_ns:
            wrong.append(f"executes request {request.id} twice or too late")
        held = [one.id for one in _known(account, request.recordings) if one.holds]
        wrong += [f"destroys {name}, which is on hold" for name in held]
        if not wrong:
            request.intent, request.intent_at, request.intent_body = leaf.n, leaf.wall, leaf.body
    elif request.intent is None or request.result is not None:
        wrong.append(f"ends request {request.id} without a beginning, or twice")
    else:
        request.result, request.result_body = leaf.n, leaf.body
    yield from wrong


def _certified(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    request = account.requests.get(str(leaf.body["request"]))
    if request is None or request.result is None or request.certified is not None:
        yield "certifies what was not destroyed, or a second time"
        return
    request.certified, request.certificate_sha256 = leaf.n, str(leaf.body["certificate_sha256"])


def _evicted(account: DisposalAccount, leaf: Leaf) -> Iterator[str]:
    names, wall_ns = _texts(leaf.body["recordings"]), from_rfc3339(leaf.wall)
    wrong = _unknown(account, names)
    for one in _known(account, names):
        if one.holds or one.level > 2 or one.state(wall_ns) not in (State.CLOSED, State.DUE):
            wrong.append(f"evicts {one.id}, which may not be evicted")
    if not wrong:
        for one in _known(account, names):
            one.evicted_leaf = leaf.n
    yield from wrong


_TAKES: Mapping[LeafType, Callable[[DisposalAccount, Leaf], Iterator[str]]] = {
    LeafType.RECORDING_OPENED: _opened,
    LeafType.SEGMENT: _segment,
    LeafType.RECORDING_CLOSED: _closed,
    LeafType.TICKET_RESERVED: _ticket,
    LeafType.HOLD_SET: _hold_set,
    LeafType.HOLD_CLEARED: _hold_cleared,
    LeafType.RETENTION_DUE: _due,
    LeafType.DESTROY_REQUESTED: _requested,
    LeafType.DESTROY_APPROVED: _approved,
    LeafType.DESTROY_EXECUTED: _executed,
    LeafType.DESTROY_CERTIFIED: _certified,
    LeafType.EVICTED: _evicted,
}


def _known(account: DisposalAccount, names: Iterable[str]) -> list[Recording]:
    return [account.recordings[name] for name in names if name in account.recordings]


def _unknown(account: DisposalAccount, names: Iterable[str]) -> list[str]:
    return [f"recording {name} was never opened" for name in names if name not in account.recordings]


def _texts(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise TypeError("a list of words")
    return tuple(str(item) for item in value)


def _number(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a number")
    return value
