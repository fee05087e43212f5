"""What a report's page says in short: changes since the report before, what was skipped, what is good. Pure.

Guarantees: every text escaped; what is skipped for one reason shares a line, and a check that passed
has one for all channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import TypeAlias

from agent.formats.check_report_v1 import Report
from agent.health.report_marks import BAD, badge, changed
from agent.health.words.sentences import Language
from agent.model.finding import Finding, Status

Earlier: TypeAlias = Mapping[tuple[str, str | None], Finding]


def by_place(report: Report | None) -> Earlier:
    """A report's findings by check and channel; none without a report."""
    return {} if report is None else {(one.check, one.target): one for one in report.findings}


def since(report: Report, before: Report | None, words: Language) -> Iterator[str]:
    """What is better and what is worse than in the report before, in one paragraph; nothing without one."""
    if before is None:
        return
    earlier, now = by_place(before), by_place(report)
    was = {place for place, one in earlier.items() if one.judged.status in BAD}
    now_bad = {place for place, one in now.items() if one.judged.status in BAD}
    right = [one for place, one in now.items() if place in was and one.judged.status is Status.PASS]
    text = words.labels["since"].format(
        when=before.made[:16].replace("T", " "),
        better=len(right),
        worse=len(now_bad - was),
        same=len(now_bad & was),
    )
    names = words.labels["comma"].join(dict.fromkeys(_place(one, words) for one in right))
    if names:
        text += f" {words.labels['put-right']}{words.labels['colon']}{names}{words.labels['stop']}"
    yield f'<p class="since">{escape(text)}</p>'


def _place(finding: Finding, words: Language) -> str:
    return words.title(finding) + (f" {finding.target}" if finding.target else "")


def skipped(findings: Iterable[Finding], words: Language) -> Iterator[str]:
    """One paragraph for each reason, with the checks and what they miss."""
    reasons: dict[str, dict[str, list[Finding]]] = {}
    for one in findings:
        if one.judged.status is Status.SKIP:
            reason = words.skip_reasons[one.judged.values["reason"]].rstrip(":：")
            reasons.setdefault(reason, {}).setdefault(one.check, []).append(one)
    for reason, checks in reasons.items():
        named = words.labels["comma"].join(_missed(some, words) for some in checks.values())
        yield (
            f'<p class="skipped">{badge(Status.SKIP, words)} {escape(reason + words.labels["colon"])}'
            f"{named}</p>"
        )


def _missed(findings: Sequence[Finding], words: Language) -> str:
    detail = findings[0].judged.values.get("detail", "")
    targets = "".join(f" {one.target}" for one in findings if one.target)
    missing = f" ({detail})" if detail and "/" not in detail else ""
    return (
        f"{escape(words.title(findings[0]) + targets + missing)}"
        f'<span class="id"> {escape(findings[0].check)}</span>'
    )


def good(findings: Iterable[Finding], earlier: Earlier, words: Language) -> Iterator[str]:
    """One paragraph for each check that passed, marked where it did not before."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        if one.judged.status is Status.PASS:
            before = earlier.get((one.check, one.target))
            mark = changed(one, before, words) if before and before.judged.status in BAD else ""
            groups.setdefault((one.check, mark), []).append(one)
    for (check, mark), some in groups.items():
        yield (
            f'<p><span class="ok">✓</span> <b>{escape(words.title(some[0]))}</b>'
            f'{escape(_said(some, words))}{mark} <span class="id">{escape(check)}</span></p>'
        )


def _said(some: Sequence[Finding], words: Language) -> str:
    """What is said of all of them, behind their names; where it differs, what was measured of each."""
    texts = {words.sentence(one).text.rstrip() for one in some}
    colon = words.labels["colon"]
    if len(texts) == 1:
        return "".join(f" {one.target}" for one in some if one.target is not None) + colon + texts.pop()
    values = (f"{one.target} {words.quantity(one.judged.measured or '')}" for one in some)
    return colon + "; ".join(values)
