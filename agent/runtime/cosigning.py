"""The box's side of witnessing: takes cosignatures, keeps them, and says what no witness has seen.

Guarantees: only a head that a configured witness signed and that is a prefix of this box's own log counts;
it is durable before it counts. What no witness has seen is reported in leaves and seconds, and is an alarm
after `LIMIT_S`. A witness that contradicts or refuses this log is an alarm and never stops a recording
(STD 4 c). Leaves out transport. The caller hands in every message on the cosign topic (`take`) and calls
`tick` every few seconds, both in the keeper's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.formats.config_witness import WitnessConfig
from agent.formats.ledger_v1 import origin
from agent.formats.signed_note import COSIGNATURE
from agent.formats.witness_v1 import Answer, decode_answer
from agent.ledger import cosignature
from agent.ledger.cosignature import CosignedHead
from agent.ledger.cosigned import CosignedHeads
from agent.ledger.log import Ledger
from agent.ledger.signing import Verifier
from agent.model.errors import AgentError, Refuse
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S, from_rfc3339
from agent.runtime import telemetry
from agent.runtime.book import Book
from agent.runtime.telemetry import Alarm, WitnessView

LIMIT_S = 900
"""How long leaves may be unwitnessed before it is an alarm."""
RESEND_S = 60
"""A head that no witness has answered for so long is published again."""
REPORT_S = 60
_MARKS = 64
_TRUST = "keep the box as it is and compare its disk with what the witness has (edgeward verify --witness)"


@dataclass(slots=True, kw_only=True)
class _Witness:
    name: str
    verifier: Verifier
    heads: CosignedHeads
    known: CosignedHead | None = None
    refusal: str | None = None
    asks_from: int | None = None

    @property
    def size(self) -> int:
        """Leaves that it has cosigned."""
        return 0 if self.known is None else self.known.head.size


class Unwitnessed:
    """Since when leaves wait for a witness. Pure; sizes and monotonic times come in.

    The answer is never too short: leaves that were seen together count from the first of them.
    """

    def __init__(self) -> None:
        self._marks: list[tuple[int, int]] = []
        self._seen = 0

    def grown(self, size: int, mono_ns: int) -> None:
        """The log has `size` leaves at this moment."""
        if size > self._seen:
            if len(self._marks) < _MARKS:
                self._marks.append((self._seen, mono_ns))
            self._seen = size

    def covered(self, size: int) -> None:
        """A witness has cosigned `size` leaves."""
        if size >= self._seen:
            self._marks.clear()
            self._seen = max(self._seen, size)
        while len(self._marks) > 1 and self._marks[1][0] <= size:
            del self._marks[0]

    def age_ns(self, mono_ns: int) -> int:
        """How long the oldest leaf waits; 0 when none does."""
        return max(0, mono_ns - self._marks[0][1]) if self._marks else 0


class Cosigning:
    """Lives as long as the keeper."""

    def __init__(
        self,
        witnesses: Sequence[WitnessConfig],
        box: str,
        ledger: Ledger,
        directory: Path,
        book: Book,
        clock: Clock,
    ) -> None:
        """`directory` is the ledger's. Raises `disk.*` when what was kept can't be read."""
        self._origin = origin(box)
        self._ledger = ledger
        self._book = book
        self._clock = clock
        self._refused = 0
        self._unwitnessed = Unwitnessed()
        self._sent_ns = clock.mono_ns()
        self._reported_ns: int | None = None
        self._witnesses = [
            _Witness(
                name=one.name,
                verifier=Verifier(one.key, COSIGNATURE),
                heads=CosignedHeads(directory, one.name),
            )
            for one in witnesses
        ]
        for witness in self._witnesses:
            self._remember(witness)
        self._start()

    def _remember(self, witness: _Witness) -> None:
        note = witness.heads.newest()
        if note is None:
            return
        try:
            found = cosignature.verified(note, witness.verifier, self._origin)
        except Refuse as error:
            self._alarm("ledger.bad-cosignature", f"kept from {witness.name}: {error.text}", _TRUST)
            return
        if self._is_ours(witness, found):
            witness.known = found

    def _start(self) -> None:
        """Leaves of an earlier run wait since their wall time, as far as the clocks tell."""
        size, now = self._ledger.size, self._clock.now()
        self._unwitnessed.covered(min(self.witnessed, size))
        if size > self.witnessed:
            first = next(iter(self._ledger.leaves(self.witnessed)))
            waited_ns = max(0, now.wall_ns - from_rfc3339(first.wall))
            self._unwitnessed.grown(size, now.mono_ns - waited_ns)
        self._prove()

    @property
    def witnessed(self) -> int:
        """How many leaves at least one witness has cosigned."""
        return max((one.size for one in self._witnesses), default=0)

    def take(self, payload: bytes) -> None:
        """What came on the cosign topic. Bad messages are counted and told in the state, never trusted."""
        try:
            answer = decode_answer(payload)
        except Refuse:
            self._refused += 1
            return
        witness = next((one for one in self._witnesses if one.verifier.name == answer.witness), None)
        if witness is None:
            self._refused += 1
        elif answer.note is not None:
            self._take_note(witness, answer.note)
        else:
            self._take_refusal(witness, answer)

    def _take_note(self, witness: _Witness, note: bytes) -> None:
        try:
            found = cosignature.verified(note, witness.verifier, self._origin)
        except Refuse:
            self._refused += 1
            return
        if not self._is_ours(witness, found):
            return
        if witness.known is None or (found.head.size, found.at_s) > (witness.size, witness.known.at_s):
            try:
                witness.heads.keep(found, witness.size)
            except AgentError as error:
                self._alarm(error.code, error.text, error.advice)
                return
            witness.known = found
        witness.refusal = witness.asks_from = None
        if all(one.refusal is None for one in self._witnesses):
            self._book.close_alarms("_", "ledger.witness-refuses")
        self._unwitnessed.covered(self.witnessed)
        self._prove()
        self._report()

    def _is_ours(self, witness: _Witness, found: CosignedHead) -> bool:
        """True when the cosigned head is a prefix of our log; else it is evidence, and an alarm."""
        head = found.head
        if head.size <= self._ledger.size and self._ledger.root_at(head.size) == head.root:
            return True
        if head.size > self._ledger.size:
            text = f"{witness.name} has cosigned {head.size} leaves, this box has {self._ledger.size}"
        else:
            text = f"the first {head.size} leaves that {witness.name} cosigned are not this box's"
        try:
            witness.heads.keep_contradiction(found)
        except AgentError as error:
            self._alarm(error.code, error.text, error.advice)
        self._contradicted(text)
        return False

    def _contradicted(self, text: str) -> None:
        self._alarm("ledger.contradicted", f"{text}: the log was rolled back or changed", _TRUST)

    def _take_refusal(self, witness: _Witness, answer: Answer) -> None:
        code, size = answer.code, answer.size
        if code == "witness.late":
            return
        if code == "witness.need-proof" and size is not None:
            if size > self._ledger.size:
                self._contradicted(
                    f"{witness.name} has cosigned {size} leaves, this box has {self._ledger.size}"
                )
                return
            witness.asks_from = size
            self._prove()
            self._publish()
            return
        witness.refusal = code
        self._alarm(
            "ledger.witness-refuses",
            f"the witness {witness.name} refuses this box's ledger: {code}",
            "enrol the box's ledger key at the witness"
            if code == "witness.unknown-log"
            else "look at the witness's evidence (edgeward witness status) before anything is reset",
        )

    def _prove(self) -> None:
        self._book.prove_from({one.asks_from or one.size for one in self._witnesses} - {0})

    def _publish(self) -> None:
        self._sent_ns = self._clock.mono_ns()
        self._book.checkpoint()

    def tick(self) -> None:
        """Looks at what waits: publishes the head again, raises the alarm, reports."""
        mono_ns = self._clock.mono_ns()
        size = self._ledger.size
        self._unwitnessed.grown(size, mono_ns)
        age_ns = self._unwitnessed.age_ns(mono_ns)
        if age_ns < RESEND_S * NS_PER_S:
            self._sent_ns = mono_ns
        elif mono_ns - self._sent_ns >= RESEND_S * NS_PER_S:
            self._publish()
        if age_ns >= LIMIT_S * NS_PER_S:
            self._alarm(
                "ledger.unwitnessed",
                f"no witness has seen the ledger's newest leaves for {LIMIT_S // 60} minutes or longer",
                "check the link to the controller and its witness; the record goes on",
                severity="warning",
            )
        else:
            self._book.close_alarms("_", "ledger.unwitnessed")
        if self._reported_ns is None or mono_ns - self._reported_ns >= REPORT_S * NS_PER_S:
            self._report()

    def _report(self) -> None:
        mono_ns = self._clock.mono_ns()
        self._reported_ns = mono_ns
        leaves = self._ledger.size
        self._book.tell(
            telemetry.ledger_state(
                [
                    WitnessView(
                        name=one.name,
                        size=None if one.known is None else one.size,
                        at_s=None if one.known is None else one.known.at_s,
                    )
                    for one in self._witnesses
                ],
                leaves=leaves,
                unwitnessed_leaves=max(0, leaves - self.witnessed),
                unwitnessed_s=self._unwitnessed.age_ns(mono_ns) // NS_PER_S,
                refused=self._refused,
            )
        )

    def _alarm(self, code: str, text: str, remedy: str, *, severity: str = "critical") -> None:
        self._book.raise_alarm(Alarm(entity="_", code=code, severity=severity, text=text, remedy=remedy))
