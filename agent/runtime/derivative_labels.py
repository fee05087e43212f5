"""What the ledger and the manifest say of a derivative. Pure.

Guarantees: the manifest names policy and approver, models with their hashes, DICOM codes and in plain words
what may be missed; nothing of what was found in pictures. Leaves out counts, which each segment's leaf has.
"""

from __future__ import annotations

from agent import __version__
from agent.formats.config_v1 import ChannelConfig
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.formats.ipc_v1 import DerivativeReady
from agent.model.outgoing import Json
from agent.runtime.derivative_config import ReadPolicy
from agent.runtime.recordings import Derivation

TRACK = "deidentified"
# DICOM PS3.16 CID 7050: what was done to pixels. 113100 is the base that the others are options of.
_CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113102": "Clean Recognizable Visual Features Option",
}


def derivation(original_channel: str, original: str, read: ReadPolicy, ready: DerivativeReady) -> Derivation:
    """Of a derivative of the recording `original`."""
    policy = read.policy
    both: dict[str, Json] = {
        "track": TRACK,
        "original": original,
        "original_channel": original_channel,
        "deid_policy": {
            "id": policy.id,
            "version": policy.version,
            "sha256": read.sha256,
            "purpose": policy.purpose,
            "approved_by": policy.approved.by,
            "approved_on": policy.approved.on.isoformat(),
            "approved_reference": policy.approved.reference,
            "approval": "stated" if read.signed_by is None else "signed",
            "signed_by": read.signed_by,
        },
    }
    deid: dict[str, Json] = {
        "tool": "edgeward",
        "tool_version": __version__,
        "detector": ready.profile,
        "models": [{"name": m.name, "version": m.version, "sha256": m.sha256} for m in ready.models],
        "dicom": [{"code": code, "meaning": meaning} for code, meaning in _codes(policy)],
        "removed": [
            "sound",
            "tags of the container, captions and SEI of the video",
        ],
        "estimate": "Counts of masked, whole and dropped frames stand in the leaf of each segment.",
        "limits": [*ready.limits, *_limits(policy)],
    }
    return Derivation(leaf=both, manifest={**both, "deid": deid})


def refused_body(channel: ChannelConfig, code: str, text: str, advice: str) -> dict[str, Json]:
    """The leaf of a derivative that may not be made (docs/formats/ledger-v1.md)."""
    return {
        "what": "deidentify",
        "channel": channel.id,
        "code": code,
        "text": text,
        "advice": advice,
        "category": channel.category,
        "level": channel.level,
        "plan": None,
    }


def _codes(policy: DeidPolicy) -> tuple[tuple[str, str], ...]:
    """113101 only where text is looked for or filled."""
    is_text_handled = policy.text or bool(policy.zone)
    return tuple((code, text) for code, text in _CODES.items() if code != "113101" or is_text_handled)


def _limits(policy: DeidPolicy) -> tuple[str, ...]:
    text = (
        "Text is looked for now and then, and filled in the zones of policy and device."
        if policy.text
        else f"Text is removed in {len(policy.zone)} zones of the policy and those of the device only; text "
        "elsewhere stays."
    )
    said = (
        ("text", policy.text_absent),
        ("hands, which are not looked for", None if policy.education is None else policy.education.hands),
    )
    more = (f"The policy says of {what}: {words}" for what, words in said if words is not None)
    return (text, *more, "Somebody must look at the film before it is given to others.")
