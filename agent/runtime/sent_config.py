"""Which configuration a start uses, and whether a sent one has proved itself. Pure.

Guarantees: the file on the box wins as soon as a person there has changed it; a sent configuration has
`MAX_STARTS` starts and `TRIAL_NS` after the last of them to bring back what worked before it came, else the
one before it is in effect again. Leaves out reading, writing and starting anew (`effective_config.py`,
`config_commands.py`).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from agent.formats.sent_config_v1 import AcceptedConfig, RolledBack, SentConfig, Trial
from agent.model.times import NS_PER_S

MAX_STARTS = 2
TRIAL_NS = 120 * NS_PER_S
# A channel's first second is durable by then, and a link that flaps has had time to show it.
SETTLED_NS = 10 * NS_PER_S


class State(StrEnum):
    """Where the configuration in effect comes from."""

    INSTALLED = "installed"
    TRIAL = "trial"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class InEffect:
    """`text` is None for the file on the box."""

    state: State
    cmd_id: str | None
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What works now. `resting` channels are not meant to record: their plan or an operator says so."""

    recording: Set[str]
    resting: Set[str]
    channels: Set[str]
    connected: bool


def in_effect(sent: SentConfig) -> InEffect:
    """The newest one that is not rolled back."""
    if sent.trial is not None:
        return InEffect(state=State.TRIAL, cmd_id=sent.trial.cmd_id, text=sent.trial.text)
    if sent.accepted is not None:
        return InEffect(state=State.ACCEPTED, cmd_id=sent.accepted.cmd_id, text=sent.accepted.text)
    return InEffect(state=State.INSTALLED, cmd_id=None, text=None)


def beside_installed(sent: SentConfig, installed_sha256: str) -> SentConfig:
    """`sent` as it stands beside the file on the box: nothing of it, once that file was changed."""
    if sent.installed_sha256 == installed_sha256:
        return sent
    fresh = SentConfig(installed_sha256=installed_sha256, paused=sent.paused)
    gone = sent.trial or sent.accepted
    return fresh if gone is None else replace(fresh, rolled_back=_rolled_back(gone, "config.superseded"))


def start_counted(sent: SentConfig) -> SentConfig:
    """`sent` for one more start: a trial that was never judged in `MAX_STARTS` of them is over."""
    if sent.trial is None:
        return sent
    if sent.trial.starts >= MAX_STARTS:
        return given_up(sent, "config.not-judged")
    return replace(sent, trial=replace(sent.trial, starts=sent.trial.starts + 1))


def given_up(sent: SentConfig, reason: str) -> SentConfig:
    """Without the newest one."""
    if sent.trial is not None:
        return replace(sent, trial=None, rolled_back=_rolled_back(sent.trial, reason))
    if sent.accepted is not None:
        return replace(sent, accepted=None, rolled_back=_rolled_back(sent.accepted, reason))
    return sent


def proven(sent: SentConfig) -> SentConfig:
    """The trial has become the accepted one."""
    if sent.trial is None:
        return sent
    accepted = AcceptedConfig(cmd_id=sent.trial.cmd_id, text=sent.trial.text)
    return replace(sent, trial=None, accepted=accepted, rolled_back=None)


def missing(trial: Trial, seen: Seen) -> tuple[str, ...]:
    """What worked before the trial and does not work now, in words."""
    wanted = (set(trial.channels) & seen.channels) - seen.resting
    lost = tuple(f"channel {name} does not record" for name in sorted(wanted - seen.recording))
    return (*lost, *(("the broker is not reached",) if trial.link and not seen.connected else ()))


def judged(trial: Trial, seen: Seen, since_ready_ns: int) -> bool | None:
    """True: it has proved itself. False: it has not, and its time is over. None: too early to say."""
    if not missing(trial, seen):
        return True if since_ready_ns >= SETTLED_NS else None
    return False if since_ready_ns >= TRIAL_NS else None


def _rolled_back(gone: Trial | AcceptedConfig, reason: str) -> RolledBack:
    return RolledBack(cmd_id=gone.cmd_id, sha256=sha256(gone.text.encode()).hexdigest(), reason=reason)
