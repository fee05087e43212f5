"""Turns what a run has done into its report: counts, models, and in plain words what may have been missed.

Guarantees: pure; a purpose's limits are never left out, and a report for `newtech` holds nothing by which
the original could be found: no time window, and no count over more than what was written. Leaves out the
bytes (`agent/formats/deid_report_v1.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from agent import __version__
from agent.deid.detector_profiles import DetectorProfile, detector_profile
from agent.deid.models import PinnedModel
from agent.deid.offline import Done
from agent.deid.purposes import field_of
from agent.deid.text_model import text_profile
from agent.deid.tracks import Doubt
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.formats.deid_report_v1 import (
    DeidReport,
    DetectorReport,
    DicomCode,
    FaceReport,
    FrameReport,
    ModelReport,
    PolicyReport,
    StudyReport,
    TextReport,
)

# DICOM PS3.16, context group 7050 "De-identification Method"; what each asks for is in PS3.15, annex E.
_PROFILE = DicomCode(code="113100", meaning="Basic Application Confidentiality Profile")
_PIXELS = DicomCode(code="113101", meaning="Clean Pixel Data Option")
_FACES = DicomCode(code="113102", meaning="Clean Recognizable Visual Features Option")
_TEXT_LIMITS = (
    "Writing that stands for less than {every} s may never be looked at. Writing that moves, such as a name "
    "tag, is covered on its way between two looks only when it goes slowly and straight.",
    "Missed more often: letters below 18 pixels in a 1080p picture, handwriting, mirrored and slanted text.",
)
_PURPOSE_LIMITS = {
    "education": "Hands are not looked for. Why no fingerprint can be seen, the policy says: {hands}",
    "newtech": "No link to the original was made. Whoever holds the original can still compare pictures.",
    "assist": "Any two of the policy's officers together can find the original by the sealed link.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the report says that the engine doesn't know. `id` is random; `signed_by` signed the approval."""

    id: str
    policy_hash: str
    signed_by: str | None
    device: str | None
    link_hash: str | None
    models: tuple[PinnedModel, ...]


def report_of(done: Done, policy: DeidPolicy, run: RunFacts) -> DeidReport:
    """The report on `done`, made under `policy`."""
    facts, profile = done.plan.facts, detector_profile(policy.detector)
    audio, other = _of_all(policy, facts.audio_streams), _of_all(policy, facts.other_streams)
    return DeidReport(
        id=run.id,
        tool="edgeward",
        tool_version=__version__,
        policy=_policy(policy, run),
        models=tuple(
            ModelReport(name=model.name, version=model.version, sha256=model.file_hash)
            for model in run.models
        ),
        detector=DetectorReport(
            profile=profile.name,
            side=profile.side,
            every=profile.every,
            threshold=profile.threshold,
            dilation=profile.dilation,
        ),
        width=done.size[0],
        height=done.size[1],
        rate=str(facts.rate),
        frames=_frames(done, policy),
        faces=FaceReport(
            asked=done.asked,
            failed=_of_all(policy, len(done.plan.failures)),
            boxes=done.faces,
            boxes_per_second=done.most_faces,
        ),
        text=_text(done, policy, run.device),
        study=_study(done, policy),
        dicom=(_PROFILE, _PIXELS, _FACES) if policy.text or done.plan.zones else (_PROFILE, _FACES),
        link_sha256=run.link_hash,
        removed=(
            "sound" if audio is None else f"sound: {audio} stream{'s' if audio != 1 else ''}",
            "other streams" if other is None else f"other streams: {other}",
            "tags of the container, captions and SEI of the video, times of recording",
        ),
        limits=_limits(done, policy, profile),
        output_sha256=done.output_hash,
    )


def _policy(policy: DeidPolicy, run: RunFacts) -> PolicyReport:
    return PolicyReport(
        id=policy.id,
        version=policy.version,
        sha256=run.policy_hash,
        purpose=policy.purpose,
        approved_by=policy.approved.by,
        approved_on=policy.approved.on.isoformat(),
        approved_reference=policy.approved.reference,
        approval="stated" if run.signed_by is None else "signed",
        signed_by=run.signed_by,
    )


def _frames(done: Done, policy: DeidPolicy) -> FrameReport:
    return FrameReport(
        written=done.frames,
        dropped=0,
        masked=done.masked,
        whole_start=done.whole[Doubt.START],
        whole_detector=done.whole[Doubt.DETECTOR],
        whole_picture=done.whole[Doubt.PICTURE],
        whole_end=done.whole[Doubt.END],
        whole_text=done.whole_text,
        whole_device=done.whole_device,
        lost_packets=_of_all(policy, done.plan.lost_packets),
    )


def _text(done: Done, policy: DeidPolicy, device: str | None) -> TextReport:
    profile = text_profile(policy.detector)
    return TextReport(
        looked_for=policy.text,
        sides=profile.sides if policy.text else (),
        every_s=profile.every_s if policy.text else 0.0,
        asked=_of_all(policy, done.plan.text_asked),
        failed=_of_all(policy, len(done.plan.text_failures)),
        boxes=_of_all(policy, done.plan.text_boxes),
        device=device,
        zones=len(done.plan.zones),
    )


def _of_all(policy: DeidPolicy, count: int) -> int | None:
    """A count over the whole film; None where it would help to find the original."""
    return None if policy.purpose == "newtech" else count


def _study(done: Done, policy: DeidPolicy) -> StudyReport | None:
    area = field_of(policy, done.plan.facts.size)
    if policy.study is None or area is None:
        return None
    return StudyReport(
        reference=policy.study.reference,
        field=(area.left, area.top, area.right, area.bottom),
        longest_s=policy.study.longest_s,
    )


def _limits(done: Done, policy: DeidPolicy, profile: DetectorProfile) -> tuple[str, ...]:
    zones = len(done.plan.zones)
    if policy.text:
        every = f"{text_profile(policy.detector).every_s:g}"
        text: tuple[str, ...] = tuple(line.format(every=every) for line in _TEXT_LIMITS)
    elif policy.text_absent is not None:
        text = (f"No text is looked for, because the policy says: {policy.text_absent}",)
    else:
        text = (f"Text is removed in {zones} fixed zones only; text elsewhere stays.",)
    hands = policy.education.hands if policy.education is not None else ""
    purpose = _PURPOSE_LIMITS.get(policy.purpose)
    more = () if purpose is None else (purpose.format(hands=hands),)
    return (*profile.limits, *text, *more, "Somebody must look at the film before it is given to others.")
