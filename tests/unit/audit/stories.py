"""Leaves for tests of the audit: one after the other, on clocks that a test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.audit.account import AuditAccount
from agent.audit.finding import Settings
from agent.formats.ledger_v1 import STD_CLAUSES, Leaf, LeafType
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, ClockQuality, Instant, from_rfc3339, rfc3339
from tests.fakes.clock import START_WALL_NS

MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 60 * MINUTE_NS


def by_day(wall_ns: int) -> bool:
    """From 8 to 18 o'clock UTC."""
    return 8 <= datetime.fromtimestamp(wall_ns // NS_PER_S, UTC).hour < 18


SETTINGS = Settings(
    operators=frozenset({"li", "wang"}),
    door_uids=frozenset({1000}),
    on_duty=by_day,
    window_ns=HOUR_NS,
    bulk_recordings=3,
    failed_opens=3,
    silence_ns=10 * MINUTE_NS,
    clock_step_ms=2000,
)


@dataclass(slots=True)
class Story:
    """Gives each leaf to `account`. It begins at 09:00 UTC; each leaf is a second after the one before."""

    settings: Settings = SETTINGS
    account: AuditAccount = field(default_factory=AuditAccount)
    leaves: list[Leaf] = field(default_factory=list)
    wall_ns: int = START_WALL_NS + 9 * HOUR_NS
    mono_ns: int = 5 * NS_PER_S

    def pass_time(self, ns: int) -> None:
        self.wall_ns += ns
        self.mono_ns += ns

    def now(self) -> Instant:
        return Instant(wall_ns=self.wall_ns, mono_ns=self.mono_ns, quality=ClockQuality.SYNCED)

    def make(self, kind: LeafType, *, actor: str = "agent", **body: Json) -> Leaf:
        """The next leaf, not given to the account."""
        self.pass_time(NS_PER_S)
        leaf = Leaf(
            box="or-3",
            boot=1,
            n=len(self.leaves),
            wall=rfc3339(self.wall_ns),
            mono_ns=self.mono_ns,
            clk=ClockQuality.SYNCED,
            type=kind,
            std=STD_CLAUSES[kind],
            actor=actor,
            authority="policy",
            body=body,
        )
        self.leaves.append(leaf)
        return leaf

    def add(self, kind: LeafType, *, actor: str = "agent", **body: Json) -> list[str]:
        """One leaf; gives the rules that found something."""
        leaf = self.make(kind, actor=actor, **body)
        return [one.rule for one in self.account.take(leaf, self.settings)]

    def alarm(self, kind: LeafType, code: str, entity: str = "_") -> list[str]:
        return self.add(kind, entity=entity, code=code, severity="warning", text="t", remedy="r")

    def accepted(self, what: str, *signers: str) -> list[str]:
        return self.add(
            LeafType.COMMAND_ACCEPTED,
            actor=signers[0] if signers else "unknown",
            type=what,
            signers=list(signers),
        )

    def opened(
        self, recording: str, *, access: str, ended: bool = True, error: str | None = None
    ) -> list[str]:
        """An opening: begun, or with its end."""
        result: dict[str, Json] | None = {"error": error} if ended else None
        return self.add(LeafType.OPENED_BY, recording=recording, access=access, result=result, actor="li")

    def act(self) -> list[str]:
        """Does what is due, as the watch does; gives what was done."""
        done = []
        for action in tuple(self.account.due(self.now(), self.settings)):
            closing = type(action).__name__ == "CloseAlarm"
            kind = LeafType.ALARM_CLOSED if closing else LeafType.ALARM_RAISED
            self.alarm(kind, f"audit.{action.rule}")
            done.append(("close " if closing else "raise ") + action.rule)
        return done


def moment(leaf: Leaf) -> Instant:
    """The instant of a leaf."""
    return Instant(wall_ns=from_rfc3339(leaf.wall), mono_ns=leaf.mono_ns, quality=leaf.clk)
