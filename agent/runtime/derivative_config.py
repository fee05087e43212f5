"""What the plan says of a channel's derivative: as a channel of its own, its spec, its policy.

Guarantees: level, purpose, basis, recipients and retention are the track's, never the original's; a policy
that can't be read, is none, names no approver, was approved by a user of its films or is for a purpose that
no live derivative can serve is a `Refuse` (`deid.*`). Leaves out whether this version can do what it asks:
the derivative's process says that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agent.deid.purposes import check_approver, check_live
from agent.formats.config_operators import OperatorConfig
from agent.formats.config_tracks import SUFFIX, DeidentifiedConfig
from agent.formats.config_v1 import AgentConfig, ChannelConfig, ConfigProblem, CustodianConfig
from agent.formats.deid_policy_v1 import DeidPolicy, is_unapproved, parse
from agent.formats.toml_lines import line_of
from agent.model.errors import Refuse
from agent.model.ids import ChannelId
from agent.model.spec import Codec, CollectionSpec, OnNonconforming, PictureLimits
from agent.runtime.deid_approval import approver_of
from agent.seal import suites
from agent.seal.custodians import check_custodians

# In the state directory. Also `agent.deid.models.FOLDER`, whose import would bring numpy into the keeper.
MODELS_FOLDER = "models"
_LARGEST_POLICY = 24 << 10  # it travels in one datagram
# A group of pictures that was left out shall be a gap of its own.
_GAP_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """A policy, its file's text and SHA-256, and who signed for it; None where nobody could."""

    policy: DeidPolicy
    text: str
    sha256: str
    signed_by: str | None = None


def track_of(channel: ChannelConfig) -> DeidentifiedConfig | None:
    """The track in the channel's plan."""
    return None if channel.plan is None else channel.plan.tracks.deidentified


def derivative_id(channel: str) -> ChannelId:
    """The entity of a channel's derivative."""
    return ChannelId(channel + SUFFIX)


def derived_channel(channel: ChannelConfig, track: DeidentifiedConfig) -> ChannelConfig:
    """The derivative as a channel: what opens, labels and keeps its recordings."""
    return channel.model_copy(
        update={
            "id": derivative_id(channel.id),
            "level": track.level,
            "tickets": None,
            "purpose": track.purpose,
            "lawful_basis": track.lawful_basis,
            "retention": track.retention,
            "on_disk_full": "deny-new",
        }
    )


def derived_channels(channels: tuple[ChannelConfig, ...]) -> Iterator[ChannelConfig]:
    """The derivatives of all channels that have one."""
    for channel in channels:
        if (track := track_of(channel)) is not None:
            yield derived_channel(channel, track)


def custodians_of(track: DeidentifiedConfig) -> CustodianConfig:
    """Who can open the derivative."""
    return CustodianConfig(recipients=track.recipients, threshold=track.threshold)


def derived_spec(spec: CollectionSpec) -> CollectionSpec:
    """What is asked of a derivative. Its pictures are masked, maybe whole: nobody judges what they show,
    nor how few bits they take; and a region was cut out of the original before."""
    return replace(
        spec,
        codecs=(Codec.H264,),
        profiles=None,
        scan=None,
        pixel_aspect=None,
        colour_range=None,
        bitrate_min_bps=None,
        gap_max_s=min(spec.gap_max_s, _GAP_S),
        duplicate_max=None,
        region=None,
        picture=PictureLimits(check_every_s=None, burst_every_s=None),
        on_nonconforming=OnNonconforming.RECORD_AND_FLAG,
    )


def read_policy(track: DeidentifiedConfig, operators: Iterable[OperatorConfig]) -> ReadPolicy:
    """The track's policy, approved. Raises `Refuse` `deid.*`, `note.*`; no text holds a line of a file."""
    path = track.policy
    if path is None:
        raise Refuse(
            "deid.no-policy",
            "the plan names no policy for the track deidentified",
            "write policy = into [channel.plan.tracks.deidentified] (docs/deid.md)",
        )
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Refuse("deid.no-policy", f"the policy {path} can't be read", "check path and owner") from None
    policy = parse(text)
    if isinstance(policy, DeidPolicy) and len(data) <= _LARGEST_POLICY:
        check_approver(policy)
        check_live(policy)
        signed_by = approver_of(policy, data, _note(track.approval), operators)
        return ReadPolicy(
            policy=policy, text=text, sha256=hashlib.sha256(data).hexdigest(), signed_by=signed_by
        )
    if not isinstance(policy, DeidPolicy) and is_unapproved(policy):
        raise Refuse(
            "deid.unapproved",
            f"the policy {path} does not say who approved it, when and where",
            "let the one who may approve it fill in [approved]",
        )
    wrong = "" if isinstance(policy, DeidPolicy) else "; ".join(one.render(path.name) for one in policy[:3])
    raise Refuse(
        "deid.bad-policy", f"the policy {path} is not one: {wrong or 'too long'}"[:900], "correct it"
    )


def _note(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError:
        text = f"the approval {path} can't be read"
        raise Refuse("deid.bad-approval", text, "check path and owner") from None


def unfit_tracks(config: AgentConfig, text: str) -> tuple[ConfigProblem, ...]:
    """Derivatives that nobody could open: too few recipients of the kind that their level needs."""
    problems = []
    for number, channel in enumerate(config.channel):
        track = track_of(channel)
        if track is None:
            continue
        place = ("channel", number, "plan", "tracks", "deidentified", "recipients")
        suite = suites.for_level(track.level)
        try:
            check_custodians(suites.of_suite(track.recipients, suite), track.threshold)
        except Refuse as error:
            words = f"level {track.level} is sealed to {suite.RECIPIENT_HRP}1… recipients: {error.text}"
            problems.append(
                ConfigProblem(
                    line=line_of(text, place),
                    key=".".join(str(part) for part in place),
                    text=f"{words}. {error.advice}",
                )
            )
    return tuple(problems)
