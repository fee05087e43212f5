"""Rule `audio`: no sound is recorded (STD 6.2, minimum necessary; voices identify people).

Guarantees: sound in what was written is nonconforming. A source that sends sound is degraded, although
it is dropped: the microphone is on, the sound crosses the network, and somebody should switch it off.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding, Grade

RULE = "audio"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """Judged always. `forbid` is the only audio rule so far."""
    grade, measured = Grade.CONFORMING, "no audio"
    if facts.has_audio_in_output:
        grade, measured = Grade.NONCONFORMING, "audio present"
    elif facts.source_has_audio:
        grade, measured = Grade.DEGRADED, "the source sends audio; it is dropped"
    return Finding(rule=RULE, grade=grade, measured=measured, required=spec.audio.value)
