"""Findings as lines for a terminal, as JSON and as a Nagios line. Pure.

Guarantees: JSON keys and values that machines read are the same in every language; only `title`, `text`
and `steps` are translated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from agent.health.words.sentences import Language
from agent.model.finding import Finding, Status
from agent.model.outgoing import Json

# https://nagios-plugins.org/doc/guidelines.html, plugin return codes.
NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN = range(4)
# How a check says that there is nothing to measure or to require; nobody needs to read that.
NOTHING = "-"
_NAGIOS_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def lines(finding: Finding, words: Language) -> Iterator[str]:
    """What a person reads of one finding; a pass is one line."""
    judged = finding.judged
    said = words.sentence(finding)
    place = f" {finding.target}" if finding.target else ""
    measured = (
        f" ({words.labels['measured']} {words.quantity(judged.measured)})"
        if judged.measured is not None and judged.measured != NOTHING
        else ""
    )
    status = f"[{words.statuses[judged.status]}]"
    yield f"{status} {words.title(finding)}{place}: {said.text.rstrip()}{measured}  {finding.check}"
    if judged.status in (Status.PASS, Status.SKIP):
        return
    if judged.required is not None and judged.required != NOTHING:
        yield f"    {words.labels['required']}{words.labels['colon']}{words.quantity(judged.required)}"
    if said.steps:
        yield f"    {words.labels['do-by'].format(owner=words.owners[finding.owner.value])}"
        yield from (f"      {number}. {step}" for number, step in enumerate(said.steps, start=1))


def row(finding: Finding, words: Language) -> dict[str, Json]:
    """One finding for machines."""
    judged, said = finding.judged, words.sentence(finding)
    return {
        "check": finding.check,
        "channel": finding.target,
        "status": judged.status.value,
        "message": judged.message,
        "measured": judged.measured,
        "required": judged.required,
        "owner": finding.owner.value,
        "values": dict(judged.values),
        "title": words.title(finding),
        "text": said.text.rstrip(),
        "steps": list(said.steps),
        "ms": round(finding.seconds * 1000),
    }


def summary(findings: Sequence[Finding], words: Language) -> str:
    """How many of which status."""
    count = Counter(finding.judged.status for finding in findings)
    return words.labels["summary"].format(
        passed=count[Status.PASS],
        warned=count[Status.WARN],
        failed=count[Status.FAIL],
        skipped=count[Status.SKIP],
        crashed=count[Status.CRASH],
    )


def nagios(findings: Sequence[Finding], code: int, words: Language) -> tuple[int, str]:
    """Exit code and the one line. An incomplete run is UNKNOWN."""
    bad = [finding for finding in findings if finding.judged.status is Status.FAIL]
    warned = [finding for finding in findings if finding.judged.status is Status.WARN]
    if bad:
        state = NAGIOS_CRITICAL
    elif code == 2:
        state = NAGIOS_UNKNOWN
    else:
        state = NAGIOS_WARNING if warned else NAGIOS_OK
    named = ", ".join(finding.check for finding in (*bad, *warned))
    return state, f"EDGEWARD {_NAGIOS_WORDS[state]} - {summary(findings, words)}" + (
        f": {named}" if named else ""
    )
