"""The shape of a language: titles, sentences and steps, by id and message. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.model.finding import Finding, Status


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is the matter, and numbered steps that a technician can do without a laptop expert."""

    text: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckWords:
    """One check in one language: its title, and a sentence for each message."""

    title: str
    messages: Mapping[str, Sentence]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """All that is said in one language."""

    checks: Mapping[str, CheckWords]
    engine: Mapping[str, Sentence]
    skip_reasons: Mapping[str, str]
    statuses: Mapping[Status, str]
    owners: Mapping[str, str]
    labels: Mapping[str, str]
    # Words of measured and required values, as checks write them, in this language; empty: they stay.
    terms: Mapping[str, str]

    def quantity(self, text: str) -> str:
        """A measured or required value. Codes such as `disk.full`, paths and units stay as they are."""
        if not self.terms:
            return text
        longest_first = sorted(self.terms, key=len, reverse=True)
        known = "|".join(map(re.escape, longest_first))
        return re.sub(rf"(?<![\w./:-])({known})(?![\w./:-])", lambda found: self.terms[found[0]], text)

    def title(self, finding: Finding) -> str:
        """What was looked at."""
        return self.checks[finding.check].title

    def sentence(self, finding: Finding) -> Sentence:
        """What was found, its fields filled in."""
        judged = finding.judged
        found = self.checks[finding.check].messages.get(judged.message) or self.engine[judged.message]
        values = dict(judged.values)
        if "reason" in values:
            values["reason"] = self.skip_reasons[values["reason"]]
        return Sentence(found.text.format_map(values), tuple(step.format_map(values) for step in found.steps))
