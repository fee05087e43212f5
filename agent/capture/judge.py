"""Judging a segment and a recording against the collection spec (design: Judge).

Guarantees: pure; findings are in the order of `RULES`; a rule that could not be judged has no finding.
Leaves out acting on a verdict (`spec.on_nonconforming` is the channel's business).
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.capture.observed import Observed
from agent.capture.rules import RULES
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Verdict, worst


def judge(spec: CollectionSpec, observed: Observed) -> Verdict:
    """The verdict on one segment."""
    found = (rule(spec, observed) for _, rule in RULES)
    return _verdict(finding for finding in found if finding is not None)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a recording: the worst finding of every rule, the first of equally bad ones.

    Rules that this program doesn't know (older or newer segments) come last, as they were met. Without
    any verdict there is no finding and the grade is conforming: callers must not ask that about a
    recording without segments.
    """
    by_rule: dict[str, Finding] = {}
    for verdict in verdicts:
        for finding in verdict.findings:
            known = by_rule.setdefault(finding.rule, finding)
            if known.grade is not worst((known.grade, finding.grade)):
                by_rule[finding.rule] = finding
    order = {rule: index for index, (rule, _) in enumerate(RULES)}
    return _verdict(sorted(by_rule.values(), key=lambda finding: order.get(finding.rule, len(order))))


def _verdict(findings: Iterable[Finding]) -> Verdict:
    listed = tuple(findings)
    return Verdict(grade=worst(finding.grade for finding in listed), findings=listed)
