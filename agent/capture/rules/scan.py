"""Rule `scan`: pictures are taken at one time (progressive) or as two fields (interlaced), as planned.

Guarantees: the other kind is nonconforming: fields that are shown as one picture tear whatever moves,
and no later step can tell. H.264 says `frame_mbs_only_flag`, which allows fields when it is 0: that
counts as interlaced, because a decoder has to expect them. H.265 says it of the source.
"""

from __future__ import annotations

from agent.capture.observed import Observed
from agent.model.spec import CollectionSpec, Scan
from agent.model.verdict import Finding, Grade

RULE = "scan"


def judge(spec: CollectionSpec, facts: Observed) -> Finding | None:
    """None (not judged) when the plan allows both, and when the stream doesn't say: many H.265 encoders
    leave both flags 0, and a guess would be an alarm for every one of them or a hole for the rest."""
    said = facts.parameters
    if spec.scan is None or said is None or said.interlaced is None:
        return None
    found = Scan.INTERLACED if said.interlaced else Scan.PROGRESSIVE
    return Finding(
        rule=RULE,
        grade=Grade.CONFORMING if found is spec.scan else Grade.NONCONFORMING,
        measured=found.value,
        required=spec.scan.value,
    )
