"""The table `[channel.plan.tracks]` of `agent.toml`: recordings beside the original, today one.

Guarantees: a derivative has its own level (3 at best), purpose, basis and recipients, none of them taken
over from the original. A file without a policy loads, and gives no derivative: that is told in the ledger,
which a refused file could not. Leaves out the policy itself (`deid_policy_v1.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from agent.formats.capsule_v1 import MAX_THRESHOLD
from agent.formats.config_model import StrictModel
from agent.formats.config_retention import RetentionConfig
from agent.formats.config_rules import CheckRecipient, KeyPath, Wrong
from agent.model.errors import Refuse

SUFFIX = "-deid"
"""What is added to a channel's id for its derivative's."""
# CHANNEL_PATTERN allows 16 characters.
_LONGEST_ID = 16 - len(SUFFIX)


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("write an absolute path, beginning with /")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute), Field(strict=False)]


class DeidentifiedConfig(StrictModel):
    """The track `deidentified`: a second recording without faces, made while the original is recorded."""

    policy: AbsolutePath | None = Field(
        default=None, description="The approved policy, a file. Without one there is no derivative."
    )
    approval: AbsolutePath | None = Field(
        default=None, description="Its approvers' note; needed where an [[operator]] is an approver."
    )
    level: Literal[3, 4, 5] = Field(description="STD 5.3: what has been de-identified is level 3 at best.")
    purpose: str = Field(min_length=1, max_length=200, description="STD 4 b: why this is made.")
    lawful_basis: str = Field(min_length=1, max_length=200, description="STD 4 b.")
    recipients: tuple[str, ...] = Field(
        min_length=1, strict=False, description="Who can open it: age recipients, as for custodians."
    )
    threshold: int = Field(default=1, ge=1, le=MAX_THRESHOLD, description="As for custodians.")
    retention: RetentionConfig | None = None


class TracksConfig(StrictModel):
    """Which recordings are made beside the original."""

    deidentified: DeidentifiedConfig | None = None


def broken_tracks(raw: Mapping[str, Any], check_recipient: CheckRecipient) -> Iterator[Wrong]:
    """What contradicts itself in the tracks of the TOML value `raw`."""
    found = raw.get("channel")
    channels = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    names = {str(channel.get("id")) for channel in channels}
    for number, channel in enumerate(found if isinstance(found, list) else []):
        place: KeyPath = ("channel", number, "plan", "tracks", "deidentified")
        track = _below(channel, "plan", "tracks", "deidentified")
        if track is None:
            continue
        name = str(channel.get("id"))
        if name + SUFFIX in names:
            yield (
                ("channel", number, "id"),
                f"another channel is called {name[:16]}{SUFFIX}, as its derivative",
            )
        if len(name) > _LONGEST_ID:
            yield (
                ("channel", number, "id"),
                f"its derivative is called by this id and {SUFFIX!r}: write at most {_LONGEST_ID} characters",
            )
        yield from _recipients((*place, "recipients"), track.get("recipients"), check_recipient)


def _recipients(path: KeyPath, recipients: object, check_recipient: CheckRecipient) -> Iterator[Wrong]:
    seen: set[str] = set()
    for number, recipient in enumerate(recipients if isinstance(recipients, list) else []):
        if not isinstance(recipient, str):
            continue
        if recipient in seen:
            yield (*path, number), "this key is listed twice: name each recipient once"
        seen.add(recipient)
        try:
            check_recipient(recipient)
        except Refuse as error:
            yield (*path, number), f"{error.text}: {error.advice}"


def _below(value: object, *names: str) -> Mapping[str, Any] | None:
    """The table at this path; None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None
