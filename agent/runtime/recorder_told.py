"""Words of the recorder as messages to the keeper (`agent/formats/ipc_v1.py`). Pure."""

from __future__ import annotations

from agent.capture.conform import ConformedSource
from agent.formats.ipc_v1 import ConformedTold, FindingText, Synced
from agent.model.media import Stored
from agent.model.ports.source import Source
from agent.model.verdict import Verdict


def conformed_told(source: Source) -> ConformedTold | None:
    """What is done to the source's stream now; None while it is recorded as it comes."""
    done = source.conformed if isinstance(source, ConformedSource) else None
    if done is None:
        return None
    area = done.region
    return ConformedTold(
        changes=tuple(change.value for change in done.changes),
        codec=done.codec.value,
        width=done.width,
        height=done.height,
        region=None if area is None else (area.x, area.y, area.width, area.height),
        encoder=done.encoder,
    )


def synced_told(stored: Stored) -> Synced | None:
    """How much of a file was synced, when that is not all of it."""
    prefix = stored.synced
    return None if prefix is None else Synced(size_bytes=prefix.size_bytes, sha256=prefix.sha256)


def finding_texts(verdict: Verdict) -> tuple[FindingText, ...]:
    """The findings of a verdict."""
    return tuple(
        FindingText(
            rule=finding.rule,
            grade=finding.grade.value,
            measured=finding.measured,
            required=finding.required,
        )
        for finding in verdict.findings
    )
