"""What is due, what may be asked for, what may be evicted: decisions over the account. Pure.

Guarantees: what is on hold, not closed, or promised for longer is refused with the recording's name; level 5
never goes before 15 years, and nothing before its term, but by order of a court or an ethics committee with
three approvals (STD 7.7 c); a ticket goes only together with all that it closes. Leaves out writing anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from agent.formats.config_retention_rules import IMPORTANT_MIN_YEARS, MONITORING_MIN_DAYS, RetentionRule
from agent.formats.config_v1 import ChannelConfig
from agent.model.errors import Refuse
from agent.model.times import rfc3339
from agent.vault.disposal import GONE, DisposalAccount, Recording, Request, State
from agent.vault.retention import DAY_NS, Retention, add_years, due_ns, earliest_ns, of_channel

OVERDUE_NS = 30 * DAY_NS
EXPIRES_NS = 14 * DAY_NS
MAX_RECORDINGS = 256
NORMAL_APPROVALS, STRICT_APPROVALS = 2, 3


class Ground(StrEnum):
    """Why something is to be destroyed."""

    RETENTION = "retention"
    COURT_OR_ETHICS = "court-or-ethics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the present configuration adds to old promises: ends of studies, terms where none was given."""

    study_ends: Mapping[str, date] = field(default_factory=dict)
    plans: Mapping[str, Retention] = field(default_factory=dict)
    evicting: frozenset[str] = frozenset()

    @classmethod
    def of(cls, channels: Iterable[ChannelConfig]) -> Policy:
        """By the channels' tables; of two ends of one study the later counts."""
        ends: dict[str, date] = {}
        plans: dict[str, Retention] = {}
        evicting = set()
        for channel in channels:
            plan = of_channel(channel)
            if plan is not None:
                plans[channel.id] = plan
                if plan.study is not None and plan.study_end is not None:
                    ends[plan.study] = max(plan.study_end, ends.get(plan.study, plan.study_end))
            if channel.on_disk_full == "evict-oldest-eligible":
                evicting.add(channel.id)
        return cls(study_ends=ends, plans=plans, evicting=frozenset(evicting))


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Wall times in ns: not before `earliest`, from `due` on it must go; None where nobody has said."""

    earliest_ns: int | None
    due_ns: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run of the planner found. `oldest` is the closing time of the oldest recording that is there.

    `unruled` recordings have no term, `undated` ones no beginning of it yet; `waiting` ones have a term and
    are not entered as due.
    """

    newly_due: tuple[tuple[Recording, Term], ...]
    due: int
    overdue: tuple[str, ...]
    held: int
    unruled: int
    undated: int
    waiting: int
    oldest: str | None


def term_of(one: Recording, policy: Policy) -> Term:
    """The recording's term; level 5 has its 15 years whatever a label says."""
    earliest = due = None
    promise = one.retention or policy.plans.get(one.channel)
    if promise is not None and one.base_ns is not None:
        end = policy.study_ends.get(promise.study) if promise.study is not None else None
        earliest = earliest_ns(promise, one.base_ns, end)
        due = due_ns(promise, one.base_ns, end)
    if one.level >= 5 and one.base_ns is not None:
        floor = add_years(one.base_ns, IMPORTANT_MIN_YEARS)
        earliest = max(earliest or 0, floor)
        due = None if due is None else max(due, floor)
    return Term(earliest_ns=earliest, due_ns=due)


def plan_run(account: DisposalAccount, now_ns: int, policy: Policy) -> Plan:
    """What became due, and how things stand. Running it twice with the leaf between finds nothing new."""
    newly: list[tuple[Recording, Term]] = []
    overdue: list[str] = []
    due = held = unruled = undated = waiting = 0
    oldest: str | None = None
    for one in account.recordings.values():
        state = one.state(now_ns)
        if state in GONE:
            continue
        held += bool(one.holds)
        if state is State.OPEN:
            continue
        oldest = min(filter(None, (oldest, one.closed_at)), default=None)
        ruled = one.retention is not None or one.channel in policy.plans
        unruled += not ruled
        waiting += ruled and one.due_leaf is None
        undated += one.base_ns is None
        term = term_of(one, policy)
        if term.due_ns is None or term.due_ns > now_ns:
            continue
        due += 1
        if one.due_leaf is None:
            newly.append((one, term))
        if not one.holds and now_ns - term.due_ns > OVERDUE_NS:
            overdue.append(one.id)
    return Plan(
        newly_due=tuple(newly),
        due=due,
        overdue=tuple(overdue),
        held=held,
        unruled=unruled,
        undated=undated,
        waiting=waiting,
        oldest=oldest,
    )


def approvals_needed(recordings: Iterable[Recording], ground: Ground) -> int:
    """3 for level 5 and for what goes before its term, else 2."""
    strict = ground is Ground.COURT_OR_ETHICS or any(one.level >= 5 for one in recordings)
    return STRICT_APPROVALS if strict else NORMAL_APPROVALS


def check_request(
    account: DisposalAccount,
    names: Sequence[str],
    *,
    ground: Ground,
    without_ticket: bool,
    now_ns: int,
    clock_good: bool,
    policy: Policy,
) -> tuple[Recording, ...]:
    """The recordings that may be asked for; Refuse `destroy.*` names the first that may not."""
    found = _there(account, names, now_ns)
    for one in found:
        if one.ticket is None and not without_ticket:
            raise Refuse(
                "destroy.no-ticket",
                f"recording {one.id} has no ticket: copies of it stay readable for its custodians",
                "ask for it by itself with --without-ticket, when removing the files of this box is enough",
            )
        if ground is Ground.RETENTION:
            _check_term(one, now_ns, clock_good=clock_good, policy=policy)
    _check_tickets(account, found, now_ns)
    return found


def check_execution(account: DisposalAccount, request: Request, now_ns: int) -> tuple[Recording, ...]:
    """The recordings of a request that may be begun now; Refuse `destroy.*`."""
    found = tuple(account.recordings[name] for name in request.recordings)
    if now_ns >= request.expires_ns:
        raise expired(request)
    if not request.approved:
        raise Refuse(
            "destroy.not-approved",
            f"request {request.id} has {len(request.approvals)} of {request.needed} approvals",
            "let other approvers approve its challenge: edgeward destroy approve",
        )
    for one in found:
        _check_hold(one)
    _check_tickets(account, found, now_ns)
    return found


def expired(request: Request) -> Refuse:
    """For what comes after the request's end."""
    return Refuse(
        "destroy.expired",
        f"request {request.id} was good until {rfc3339(request.expires_ns)}",
        "make a new request",
    )


def _there(account: DisposalAccount, names: Sequence[str], now_ns: int) -> tuple[Recording, ...]:
    if not 0 < len(names) <= MAX_RECORDINGS or len(set(names)) != len(names):
        raise Refuse(
            "destroy.bad-request", f"a request has 1 to {MAX_RECORDINGS} recordings, each once", "split it"
        )
    found = []
    for name in names:
        one = account.recordings.get(name)
        if one is None:
            raise Refuse(
                "destroy.unknown", f"there is no recording {name[:40]!r}", "see: edgeward recordings"
            )
        _check_hold(one)
        state = one.state(now_ns)
        if state is State.OPEN:
            raise Refuse("destroy.open", f"recording {name} is still open", "stop its channel first")
        if state in GONE:
            raise Refuse("destroy.gone", f"recording {name} is {state.value}", "see: edgeward destroy list")
        if state in (State.REQUESTED, State.APPROVED):
            other = one.request.id if one.request else ""
            raise Refuse(
                "destroy.requested", f"recording {name} is in request {other}", "go on with that one"
            )
        found.append(one)
    return tuple(found)


def _check_hold(one: Recording) -> None:
    if one.holds:
        raise Refuse(
            "destroy.on-hold",
            f"recording {one.id} is on legal hold {', '.join(sorted(one.holds))}",
            "a hold overrides everything: two approvers clear it with edgeward hold clear",
        )


def _check_term(one: Recording, now_ns: int, *, clock_good: bool, policy: Policy) -> None:
    if not clock_good:
        raise Refuse(
            "destroy.no-clock",
            "the clock is not synchronised: nobody can tell whether the term has ended",
            "synchronise the clock (NTP)",
        )
    earliest = term_of(one, policy).earliest_ns
    if earliest is None or now_ns < earliest:
        until = "a term that is not known yet" if earliest is None else rfc3339(earliest)
        raise Refuse(
            "destroy.too-early",
            f"recording {one.id} of level {one.level} must be kept until {until}",
            "wait; only a court or an ethics committee can order it earlier: --ground court-or-ethics",
        )


def _check_tickets(account: DisposalAccount, found: Collection[Recording], now_ns: int) -> None:
    names = {one.id for one in found}
    for ticket in sorted({one.ticket for one in found if one.ticket is not None}):
        day = account.ticket_days.get(ticket)
        if day is not None and day >= rfc3339(now_ns)[:10]:
            raise Refuse(
                "destroy.ticket-in-use",
                f"ticket {ticket} may still close recordings of today: they would be lost to everybody",
                "ask again tomorrow (UTC)",
            )
        for other in account.of_ticket(ticket):
            if other.id not in names and other.state(now_ns) not in GONE:
                raise Refuse(
                    "destroy.shared-ticket",
                    f"recording {other.id} is closed with ticket {ticket} too, and is not in the request",
                    "ask for all recordings of this ticket together",
                )


def evictable(
    account: DisposalAccount, now_ns: int, policy: Policy, need_bytes: int
) -> tuple[Recording, ...]:
    """The oldest recordings that may be evicted, just enough for `need_bytes`; fewer when there are no more.

    Level 2 only: nothing is replicated yet, and level 3 and above never goes without a replica.
    """
    chosen: list[Recording] = []
    freed = 0
    for one in sorted(_eligible(account, now_ns, policy), key=lambda each: (each.end_ns or 0, each.id)):
        if freed >= need_bytes or len(chosen) >= MAX_RECORDINGS:
            break
        chosen.append(one)
        freed += one.size_bytes
    return tuple(chosen)


def _eligible(account: DisposalAccount, now_ns: int, policy: Policy) -> Iterator[Recording]:
    for one in account.recordings.values():
        if one.level != 2 or one.channel not in policy.evicting or one.holds:
            continue
        if one.state(now_ns) not in (State.CLOSED, State.DUE):
            continue
        promise = one.retention or policy.plans.get(one.channel)
        public = promise is not None and promise.rule is RetentionRule.PUBLIC_AREA
        # Public areas have a floor that no plan may go below (STD 9.1 c).
        floor_ns = MONITORING_MIN_DAYS * DAY_NS if public else 0
        if public and (one.base_ns is None or now_ns < one.base_ns + floor_ns):
            continue
        yield one
