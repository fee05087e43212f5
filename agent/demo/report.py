"""What the demo says at its end: the facts, whether all holds, as JSON and for people. Pure.

Guarantees: `problems` names every condition that does not hold; `ok` is true only when there is none.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from agent.demo.plaintext import LEAST_WINDOWS, Hit

FRAMES_OFF_PER_RECORDING = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that was found. `troubles` are what went wrong on the way."""

    seconds: float
    vault: Path
    identity: Path
    agent_exit: int | None = None
    recordings: int = 0
    segments: int = 0
    frames_expected: int = 0
    frames_recorded: int = 0
    frames_opened: int = 0
    gaps: int = 0
    verdict: str | None = None
    leaves: int = 0
    verified: bool = False
    root: str | None = None
    messages: int = 0
    malformed: int = 0
    events: int = 0
    statuses: tuple[tuple[str, str | None], ...] = ()
    windows: int = 0
    hits: tuple[Hit, ...] = ()
    troubles: tuple[str, ...] = ()


def problems(facts: Facts) -> list[str]:
    """Every condition that does not hold, in words."""
    checks = (
        (facts.agent_exit == 0, f"the agent did not end cleanly (exit {facts.agent_exit})"),
        (facts.verified, "the vault does not verify against its ledger"),
        (facts.gaps == 0, f"{facts.gaps} gaps are recorded"),
        (facts.frames_recorded > 0, "no frame was recorded"),
        (
            facts.frames_recorded == facts.frames_opened,
            f"{facts.frames_recorded} frames were recorded, {facts.frames_opened} play",
        ),
        (
            abs(facts.frames_recorded - facts.frames_expected) <= FRAMES_OFF_PER_RECORDING * facts.recordings,
            f"{facts.frames_recorded} frames were recorded, {facts.frames_expected} were expected",
        ),
        (facts.verdict == "conforming", f"the verdict is {facts.verdict}"),
        (not facts.hits, f"clear text is on the disk: {len(facts.hits)} hits"),
        (
            facts.windows >= LEAST_WINDOWS,
            f"only {facts.windows} pieces of the video could be looked for: record longer",
        ),
        (("online", None) in facts.statuses, "the box never said over MQTT that it is online"),
        (
            facts.statuses[-1:] == (("offline", "stopped"),),
            "the box did not say goodbye over MQTT",
        ),
        (facts.events > 0, "no event came over MQTT"),
        (facts.malformed == 0, f"{facts.malformed} MQTT messages are malformed"),
    )
    return [*facts.troubles, *(text for holds, text in checks if not holds)]


def as_json(facts: Facts) -> str:
    """One line with the documented keys."""
    return json.dumps(
        {
            "ok": not problems(facts),
            "seconds": round(facts.seconds, 2),
            "segments": facts.segments,
            "frames_expected": facts.frames_expected,
            "frames_recorded": facts.frames_recorded,
            "frames_opened": facts.frames_opened,
            "gaps": facts.gaps,
            "verdict": facts.verdict,
            "ledger": {"leaves": facts.leaves, "verified": facts.verified, "root": facts.root},
            "mqtt": {
                "messages": facts.messages,
                "status": [status for status, _ in facts.statuses],
                "events": facts.events,
            },
            "vault": str(facts.vault),
            "identity": str(facts.identity),
            "plaintext_hits": len(facts.hits),
        }
    )


def as_text(facts: Facts, stock_line: str | None) -> list[str]:
    """For people."""
    lines = [
        f"recorded  {facts.frames_recorded} of {facts.frames_expected} expected frames in "
        f"{facts.segments} segments and {facts.seconds:.1f} s, {facts.gaps} gaps, "
        f"verdict {facts.verdict or 'unknown'}",
        f"verified  {'yes' if facts.verified else 'NO'}: {facts.leaves} ledger leaves, "
        f"root {(facts.root or 'unknown')[:16]}",
        f"MQTT      {facts.messages} messages, {facts.events} events, status "
        + (", ".join(status for status, _ in facts.statuses) or "never"),
        f"on disk   {facts.windows} pieces of the clear video looked for, "
        f"{len(facts.hits)} found in {facts.vault.parent}",
        f"opened    {facts.frames_opened} frames play, opened in memory with {facts.identity}",
    ]
    if stock_line is not None:
        lines += ["", "The same with stock tools (bash):", f"  {stock_line}"]
    found = problems(facts)
    lines += ["", *(f"WRONG: {text}" for text in found)] if found else ["", "All of it holds."]
    return lines


def stock_line(identity: Path, capsule: Path, segment: Path, start: Path) -> str:
    """The shell line that plays a segment with `age` and `ffplay`; paths are short below `start`."""
    names = [shlex.quote(str(p.relative_to(start) if p.is_relative_to(start) else p))
             for p in (identity, capsule, segment)]  # fmt: skip
    return f"age -d -i <(age -d -i {names[0]} {names[1]}) {names[2]} | ffplay -"
