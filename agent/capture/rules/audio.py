"""Rule `audio`: no sound is recorded (STD 6.2, minimum necessary; voices identify people).

Guarantees: sound in what was written is nonconforming. What the source offers doesn't count: dropping it
is how the rule is kept.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "audio"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """Judged always. `forbid` is the only audio rule so far."""
    return Finding(
        rule=RULE,
        grade=Grade.NONCONFORMING if facts.has_audio_in_output else Grade.CONFORMING,
        measured="audio present" if facts.has_audio_in_output else "no audio",
        required=spec.audio.value,
    )
