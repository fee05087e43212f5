"""The weekly self-analysis of a box: made, signed, kept, entered in the ledger and published (STD 7.4 f).

Guarantees: the report is a durable file before its leaf, and the leaf before its message; every leaf of the
ledger is in exactly one report; `remake` makes a report again from the leaves alone, to the byte. A report
that can't be written is an alarm and is tried again every hour. Leaves out the counting (`audit/week.py`)
and the bytes (`agent/formats/self_analysis_v1.py`). Reports are never removed: fifty a year of a few KiB.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from agent.audit.account import AuditAccount
from agent.audit.finding import Timeline
from agent.audit.week import Week
from agent.formats import self_analysis_v1
from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.formats.self_analysis_v1 import MAX_NOTE
from agent.host.files import make_directories, write_atomic
from agent.ledger.log import Ledger
from agent.ledger.signing import SigningKey
from agent.model.errors import AgentError, Refuse
from agent.model.outgoing import Json, Outgoing, Priority
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S, ClockQuality, Instant, from_rfc3339, rfc3339
from agent.runtime.book import Book
from agent.runtime.telemetry import Alarm

FOLDER = "reports"
UNWRITABLE = "report.unwritable"
DAY_NS = 24 * 3600 * NS_PER_S
# With a clock that can't be trusted the weeks are counted by the time that has gone by.
UNTRUSTED_NS = 7 * DAY_NS
RETRY_NS = 3600 * NS_PER_S


def is_due(account: AuditAccount, now: Instant) -> bool:
    """True in the first moment of another week (Monday 00:00 UTC) than that of the first leaf counted.

    Not within a day of the last report, so that a clock that is set to and fro makes no heap of reports.
    """
    week = account.week
    if week.counts.first_wall is None:
        return False
    passed_ns = account.timeline.at(now.wall_ns, now.mono_ns) - week.began_ns
    if now.quality is not ClockQuality.SYNCED:
        return passed_ns >= UNTRUSTED_NS
    return passed_ns >= DAY_NS and _week(now.wall_ns) != _week(from_rfc3339(week.counts.first_wall))


def _week(wall_ns: int) -> int:
    """Number of the week that begins on Monday 00:00 UTC; 1970-01-01 was a Thursday."""
    return (wall_ns // DAY_NS + 3) // 7


class WeeklyReports:
    """One per keeper."""

    def __init__(
        self, config: AgentConfig, *, ledger: Ledger, book: Book, key: SigningKey, clock: Clock
    ) -> None:
        self._box = config.box.id
        self._folder = config.box.state_dir / FOLDER
        self._answer_hours = config.audit.answer_hours
        self._witnesses = len(config.witness)
        self._ledger = ledger
        self._book = book
        self._key = key
        self._clock = clock
        self._retry_at_ns: int | None = None

    def look(self, account: AuditAccount) -> bool:
        """Makes the report when it is due. `account` must have every leaf. True when one was made."""
        now = self._clock.now()
        if not is_due(account, now) or (self._retry_at_ns is not None and now.mono_ns < self._retry_at_ns):
            return False
        made = rfc3339(now.wall_ns)
        facts = account.week.facts(
            from_rfc3339(made), answer_hours=self._answer_hours, witnesses=self._witnesses
        )
        text = self_analysis_v1.encode(self._box, made, facts)
        note = self._key.sign_note(text, MAX_NOTE)
        name = f"week-{made.replace(':', '')}.note"
        try:
            make_directories(self._folder, 0o750)
            write_atomic(self._folder / name, note, mode=0o644)
        except AgentError as error:
            self._retry_at_ns = now.mono_ns + RETRY_NS
            self._book.raise_alarm(
                Alarm(entity="_", code=UNWRITABLE, severity="warning", text=error.text, remedy=error.advice)
            )
            return False
        self._retry_at_ns = None
        self._book.close_alarms("_", UNWRITABLE)
        self._enter(text, note, made, name, facts)
        return True

    def _enter(self, text: str, note: bytes, made: str, name: str, facts: dict[str, Json]) -> None:
        body: dict[str, Json] = {
            "what": "week",
            "made": made,
            "from_leaf": facts["from_leaf"],
            "to_leaf": facts["to_leaf"],
            "answer_hours": self._answer_hours,
            "witnesses": self._witnesses,
            "sha256": sha256(text.encode()).hexdigest(),
            "file": name,
        }
        leaf = self._book.leaf(LeafType.REPORT, body, checkpoint=True)
        self._book.tell(
            Outgoing(
                entity="_",
                kind="report",
                type="week",
                body={
                    "made": made,
                    "from_leaf": facts["from_leaf"],
                    "to_leaf": facts["to_leaf"],
                    "note": note.decode("utf-8"),
                    "leaf": leaf,
                },
                priority=Priority.STATE,
                retain=True,
                coalesce=True,
            )
        )


def remake(leaves: Iterable[Leaf], number: int | None) -> tuple[str, Leaf]:
    """The text of the report that leaf `number` (None: the newest) enters, made from the leaves anew.

    Gives that leaf too: the text is right when its SHA-256 is `sha256` of the leaf. Refuse `week.none`.
    """
    week, timeline = Week(), Timeline()
    found: tuple[str, Leaf] | None = None
    for leaf in leaves:
        wanted = leaf.type is LeafType.REPORT and (number is None or leaf.n == number)
        if wanted and leaf.body.get("what") == "week":
            found = _again(week, leaf), leaf
            if number is not None:
                break
        week.take(leaf, timeline.move(from_rfc3339(leaf.wall), leaf.mono_ns))
    if found is None:
        raise Refuse(
            "week.none",
            "the ledger has no weekly report" if number is None else f"leaf {number} is no weekly report",
            "see: edgeward ledger show --type report",
        )
    return found


def _again(week: Week, leaf: Leaf) -> str:
    made, hours, witnesses = str(leaf.body["made"]), leaf.body["answer_hours"], leaf.body["witnesses"]
    if not isinstance(hours, int) or not isinstance(witnesses, int):
        raise Refuse("week.bad", f"leaf {leaf.n} is no weekly report of version 1", "update this program")
    facts = week.facts(from_rfc3339(made), answer_hours=hours, witnesses=witnesses)
    return self_analysis_v1.encode(leaf.box, made, facts)
