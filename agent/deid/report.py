"""Turns what a run has done into its report: counts, models, and in plain words what may have been missed.

Guarantees: pure; a purpose's limits are never left out. Leaves out the bytes
(`agent/formats/deid_report_v1.py`).
"""

from __future__ import annotations

from agent import __version__
from agent.deid.detector_profiles import DetectorProfile, detector_profile
from agent.deid.models import PinnedModel
from agent.deid.offline import Done
from agent.deid.tracks import Doubt
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.formats.deid_report_v1 import (
    DeidReport,
    DetectorReport,
    FaceReport,
    FrameReport,
    ModelReport,
    PolicyReport,
)


def report_of(
    done: Done, policy: DeidPolicy, policy_hash: str, models: tuple[PinnedModel, ...]
) -> DeidReport:
    """The report on `done`, made under `policy` whose file has the SHA-256 `policy_hash`."""
    facts, profile = done.plan.facts, detector_profile(policy.detector)
    audio, other = facts.audio_streams, facts.other_streams
    return DeidReport(
        tool="edgeward",
        tool_version=__version__,
        policy=PolicyReport(
            id=policy.id,
            version=policy.version,
            sha256=policy_hash,
            purpose=policy.purpose,
            approved_by=policy.approved.by,
            approved_on=policy.approved.on.isoformat(),
            approved_reference=policy.approved.reference,
        ),
        models=tuple(
            ModelReport(name=model.name, version=model.version, sha256=model.file_hash) for model in models
        ),
        detector=DetectorReport(
            profile=profile.name,
            side=profile.side,
            every=profile.every,
            threshold=profile.threshold,
            dilation=profile.dilation,
        ),
        width=facts.size[0],
        height=facts.size[1],
        rate=str(facts.rate),
        frames=_frames(done),
        faces=FaceReport(
            asked=done.plan.asked,
            failed=len(done.plan.failures),
            boxes=done.plan.faces,
            boxes_per_second=done.plan.most_faces,
        ),
        zones=len(policy.zone),
        removed=(
            f"sound: {audio} stream{'s' if audio != 1 else ''}",
            f"other streams: {other}",
            "tags of the container, captions and SEI of the video, times of recording",
        ),
        limits=_limits(policy, profile),
        output_sha256=done.output_hash,
    )


def _frames(done: Done) -> FrameReport:
    return FrameReport(
        seen=done.frames,
        masked=done.masked,
        whole_start=done.whole[Doubt.START],
        whole_detector=done.whole[Doubt.DETECTOR],
        whole_picture=done.whole[Doubt.PICTURE],
        whole_end=done.whole[Doubt.END],
        lost_packets=done.plan.lost_packets,
    )


def _limits(policy: DeidPolicy, profile: DetectorProfile) -> tuple[str, ...]:
    text = (
        f"Text is removed in {len(policy.zone)} fixed zones only; text elsewhere stays."
        if policy.zone
        else f"No text is removed, because the policy says: {policy.text_absent}"
    )
    return (*profile.limits, text, "Somebody must look at the film before it is given to others.")
