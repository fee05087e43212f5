"""Rule `codec`: the video is in one of the plan's codecs.

Guarantees: any other codec, and one that is not known (None), is nonconforming: the recording's format
is not the one that was agreed and may not open at the recipient.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "codec"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """Judged always."""
    return Finding(
        rule=RULE,
        grade=Grade.CONFORMING if facts.codec in spec.codecs else Grade.NONCONFORMING,
        measured=facts.codec.value if facts.codec is not None else "unknown",
        required=" or ".join(codec.value for codec in spec.codecs),
    )
