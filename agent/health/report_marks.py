"""Small marks of a report's page: the status as a badge, and what it was before. Pure."""

from __future__ import annotations

from html import escape

from agent.health.words.sentences import Language
from agent.model.finding import Finding, Status

BAD = frozenset({Status.FAIL, Status.CRASH, Status.WARN})
COLOURS = {
    Status.PASS: "#1a7f37",
    Status.WARN: "#9a6700",
    Status.FAIL: "#b42318",
    Status.SKIP: "#57606a",
    Status.CRASH: "#6639ba",
}


def badge(status: Status, words: Language) -> str:
    """The status in its colour."""
    return f'<span class="badge" style="--c:{COLOURS[status]}">{escape(words.statuses[status])}</span>'


def changed(finding: Finding, earlier: Finding | None, words: Language) -> str:
    """A mark when the status is another one than in the report before."""
    if earlier is None or earlier.judged.status is finding.judged.status:
        return ""
    text = words.labels["was"].format(status=words.statuses[earlier.judged.status])
    return f' <span class="new">({escape(text)})</span>'
