"""What the weekly self-analysis counts, as an account that takes one leaf after the other (STD 7.4 f). Pure.

Guarantees: every leaf counts in exactly one report: the counts begin anew with each leaf `report`, which is
itself the first leaf of the next report. What lasts (open alarms, recordings that are due, holds) goes on
over the reports. The same leaves give the same facts, so anybody can make a report again. Leaves out the
configuration: nothing here depends on it but what the caller gives to `facts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, from_rfc3339

TOP = 10
MAX_REASONS = 200
MAX_LATE = 50
# Requests that were neither executed nor certified: the oldest have expired long before there are so many.
MAX_REQUESTS = 1000
OVERDUE_NS = 30 * 24 * 3600 * NS_PER_S  # as `_/state/retention` counts it
UNWITNESSED = ("_", "ledger.unwitnessed")
_OTHERS = "others several"


@dataclass(slots=True, kw_only=True)
class OpenAlarm:
    """Raised and not closed."""

    since: str
    acknowledged: bool = False


@dataclass(slots=True, kw_only=True)
class Counts:
    """Of the leaves since the last report. `denials` by reason and actor, with a space between."""

    first_leaf: int = 0
    first_wall: str | None = None
    leaves: dict[str, int] = field(default_factory=dict)
    denials: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)
    audit: dict[str, int] = field(default_factory=dict)
    unclean: int = 0
    largest_step_ms: int = 0
    unwitnessed_times: int = 0
    unwitnessed_ns: int = 0


@dataclass(slots=True, kw_only=True)
class Week:
    """`size` leaves were taken; `began_ns` is when, on the timeline, the counting began."""

    size: int = 0
    began_ns: int = 0
    last_report: int | None = None
    counts: Counts = field(default_factory=Counts)
    running: bool = False
    last_wall: str | None = None
    at_ns: int = 0
    alarms: dict[tuple[str, str], OpenAlarm] = field(default_factory=dict)
    unwitnessed_since_ns: int | None = None
    due: dict[str, str] = field(default_factory=dict)
    requests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    holds: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def take(self, leaf: Leaf, at_ns: int) -> None:
        """Takes in the next leaf of any type; `at_ns` is of the timeline."""
        if leaf.type is LeafType.REPORT:
            self.last_report, self.began_ns = leaf.n, at_ns
            self.counts = Counts(first_leaf=leaf.n)
            if self.unwitnessed_since_ns is not None:
                self.unwitnessed_since_ns, self.counts.unwitnessed_times = at_ns, 1
        self.size, self.last_wall, self.at_ns = leaf.n + 1, leaf.wall, at_ns
        if self.counts.first_wall is None:
            self.counts.first_wall = leaf.wall
        _add(self.counts.leaves, leaf.type.value)
        self._take_run(leaf)
        self._take_alarm(leaf, at_ns)
        self._take_retention(leaf)

    def facts(self, wall_ns: int, *, answer_hours: int, witnesses: int) -> dict[str, Json]:
        """The body of a report over the leaves since the last one, made at `wall_ns`."""
        counts = self.counts
        late = [
            (one, alarm)
            for one, alarm in self.alarms.items()
            if wall_ns - from_rfc3339(alarm.since) > answer_hours * 3600 * NS_PER_S
        ]
        return {
            "from_leaf": counts.first_leaf,
            "to_leaf": self.size,
            "from": counts.first_wall,
            "to": self.last_wall,
            "previous": self.last_report,
            "leaves": dict(sorted(counts.leaves.items())),
            "denials": self._top_denials(),
            "denied": sum(counts.denials.values()),
            "abnormal": dict(sorted(counts.audit.items())),
            "alarms": {
                "raised": counts.leaves.get(LeafType.ALARM_RAISED.value, 0),
                "acknowledged": counts.leaves.get(LeafType.ALARM_ACKNOWLEDGED.value, 0),
                "closed": counts.leaves.get(LeafType.ALARM_CLOSED.value, 0),
                "open": len(self.alarms),
                "answer_hours": answer_hours,
                "late_count": len(late),
                "late": [
                    {"entity": e, "code": code, "since": alarm.since, "acknowledged": alarm.acknowledged}
                    for (e, code), alarm in late[:MAX_LATE]
                ],
            },
            "unwitnessed": self._unwitnessed() if witnesses else None,
            "retention": self._retention(wall_ns),
            "clock_steps": {
                "count": counts.leaves.get(LeafType.CLOCK_STEP.value, 0),
                "largest_ms": counts.largest_step_ms,
            },
            "restarts": {"count": counts.leaves.get(LeafType.BOOT.value, 0), "unclean": counts.unclean},
            "verdicts": dict(sorted(counts.verdicts.items())),
        }

    def _top_denials(self) -> list[Json]:
        ordered = sorted(self.counts.denials.items(), key=lambda item: (-item[1], item[0]))
        return [
            {"reason": name.partition(" ")[0], "actor": name.partition(" ")[2], "count": count}
            for name, count in ordered[:TOP]
        ]

    def _unwitnessed(self) -> dict[str, Json]:
        since = self.unwitnessed_since_ns
        lasting_ns = 0 if since is None else self.at_ns - since
        return {
            "times": self.counts.unwitnessed_times,
            "seconds": (self.counts.unwitnessed_ns + lasting_ns) // NS_PER_S,
            "now": since is not None,
        }

    def _retention(self, wall_ns: int) -> dict[str, Json]:
        held = {name for names in self.holds.values() for name in names}
        overdue = sum(
            name not in held and wall_ns - from_rfc3339(when) > OVERDUE_NS for name, when in self.due.items()
        )
        return {"due": len(self.due), "overdue": overdue, "held": len(held)}

    def _take_run(self, leaf: Leaf) -> None:
        body, counts = leaf.body, self.counts
        if leaf.type is LeafType.BOOT:
            counts.unclean += self.running
            self.running = True
        elif leaf.type is LeafType.SHUTDOWN:
            self.running = False
        elif leaf.type is LeafType.SEGMENT:
            _add(counts.verdicts, str(body.get("verdict") or "unknown"))
        elif leaf.type is LeafType.CLOCK_STEP and isinstance(step_ms := body.get("step_ms"), int):
            counts.largest_step_ms = max(counts.largest_step_ms, step_ms, key=abs)
        elif leaf.type is LeafType.COMMAND_DENIED:
            self._take_denial(leaf)

    def _take_denial(self, leaf: Leaf) -> None:
        reasons, count = leaf.body.get("reasons"), leaf.body.get("count")
        if not isinstance(reasons, dict):
            reasons = {str(leaf.body.get("reason")): count if isinstance(count, int) else 1}
        for reason, number in reasons.items():
            name = f"{reason} {leaf.actor}"
            if name not in self.counts.denials and len(self.counts.denials) >= MAX_REASONS:
                name = _OTHERS
            _add(self.counts.denials, name, number if isinstance(number, int) else 1)

    def _take_alarm(self, leaf: Leaf, at_ns: int) -> None:
        one = str(leaf.body.get("entity")), str(leaf.body.get("code"))
        if leaf.type is LeafType.ALARM_RAISED:
            self.alarms[one] = OpenAlarm(since=leaf.wall)
            if one[1].startswith("audit."):
                _add(self.counts.audit, one[1].removeprefix("audit."))
            if one == UNWITNESSED and self.unwitnessed_since_ns is None:
                self.unwitnessed_since_ns = at_ns
                self.counts.unwitnessed_times += 1
        elif leaf.type is LeafType.ALARM_ACKNOWLEDGED and one in self.alarms:
            self.alarms[one].acknowledged = True
        elif leaf.type is LeafType.ALARM_CLOSED:
            self.alarms.pop(one, None)
            if one == UNWITNESSED and self.unwitnessed_since_ns is not None:
                self.counts.unwitnessed_ns += at_ns - self.unwitnessed_since_ns
                self.unwitnessed_since_ns = None

    def _take_retention(self, leaf: Leaf) -> None:
        body = leaf.body
        if leaf.type is LeafType.RETENTION_DUE:
            items = body.get("items")
            for item in items if isinstance(items, list) else []:
                if isinstance(item, dict):
                    self.due[str(item.get("recording"))] = str(item.get("due"))
        elif leaf.type is LeafType.DESTROY_REQUESTED:
            self.requests[str(body.get("request"))] = _names(body.get("recordings"))
            while len(self.requests) > MAX_REQUESTS:
                del self.requests[next(iter(self.requests))]
        elif leaf.type is LeafType.DESTROY_EXECUTED and body.get("phase") == "result":
            self._gone(self.requests.pop(str(body.get("request")), ()))
        elif leaf.type is LeafType.EVICTED:
            self._gone(_names(body.get("recordings")))
        elif leaf.type is LeafType.HOLD_SET:
            self.holds[str(body.get("hold"))] = _names(body.get("recordings"))
        elif leaf.type is LeafType.HOLD_CLEARED:
            self.holds.pop(str(body.get("hold")), None)

    def _gone(self, names: Iterable[str]) -> None:
        for name in names:
            self.due.pop(name, None)


def _add(counts: dict[str, int], name: str, number: int = 1) -> None:
    counts[name] = counts.get(name, 0) + number


def _names(value: Json) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
