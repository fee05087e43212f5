"""The configuration that is in effect: the file on the box, or one that was sent and stands in its place.

Guarantees: every verb sees the same one; a sent configuration that can't be read any more is given up, never
a reason not to start; what is kept is written at once or not at all. The file on the box must be good: it
says where the box keeps things. Only `run` calls `begin`, which counts a start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from agent.formats import sent_config_v1
from agent.formats.config_v1 import AgentConfig
from agent.formats.sent_config_v1 import SentConfig
from agent.host.files import make_directories, write_atomic
from agent.model.errors import Refuse
from agent.runtime.load_config import ConfigError, read_text, understood
from agent.runtime.sent_config import State, beside_installed, given_up, in_effect, start_counted

NAME = "configuration.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """`config` is what `text` says; `installed` what the file on the box says. `damaged`: see `read_sent`."""

    config: AgentConfig
    text: str
    installed: AgentConfig
    sent: SentConfig
    damaged: bool = False

    @property
    def state(self) -> State:
        """Where `config` comes from."""
        return in_effect(self.sent).state

    @property
    def cmd_id(self) -> str | None:
        """The command that sent it; None for the file on the box."""
        return in_effect(self.sent).cmd_id


def effective(path: Path) -> Effective:
    """What is in effect beside the file at `path`. Raises `ConfigError` when that file is wrong."""
    found, _ = _read(path)
    return _understood(found)


def begin(path: Path) -> Effective:
    """The same, for a start of the agent: counted, and written down before it is tried."""
    found, kept = _read(path)
    chosen = _understood(replace(found, sent=start_counted(found.sent)))
    if chosen.sent != kept and (kept is not None or chosen.state is not State.INSTALLED):
        write_sent(chosen.config.box.state_dir, chosen.sent)
    return chosen


def give_up(chosen: Effective, reason: str) -> None:
    """Writes down that the configuration in effect is not to be used again."""
    write_sent(chosen.config.box.state_dir, given_up(chosen.sent, reason))


def write_sent(state_dir: Path, sent: SentConfig) -> None:
    """Durably, all or nothing."""
    make_directories(state_dir, 0o750)
    write_atomic(state_dir / NAME, sent_config_v1.encode(sent))


def read_sent(state_dir: Path) -> SentConfig | None:
    """What is kept; None when nothing is. Raises `Refuse` `config.memory`."""
    try:
        data = (state_dir / NAME).read_bytes()
    except OSError:  # also for a user who may not look: then the file on the box is all that is seen
        return None
    return sent_config_v1.decode(data)


def _read(path: Path) -> tuple[Effective, SentConfig | None]:
    """The file on the box with what is kept beside it, and what is kept as it lies on the disk."""
    text = read_text(path)
    installed = understood(text, str(path))
    digest, damaged = sha256(text.encode()).hexdigest(), False
    try:
        kept = read_sent(installed.box.state_dir)
    except Refuse:
        kept, damaged = None, True
    sent = SentConfig(installed_sha256=digest) if kept is None else beside_installed(kept, digest)
    return (
        Effective(
            config=installed,
            text=text,
            installed=installed,
            sent=sent,
            damaged=damaged,
        ),
        kept,
    )


def _understood(found: Effective) -> Effective:
    """With the newest sent configuration that this program can read."""
    while True:
        newest = in_effect(found.sent)
        if newest.text is None:
            return found
        try:
            config = understood(newest.text, f"the configuration of command {newest.cmd_id}")
        except ConfigError:
            found = replace(found, sent=given_up(found.sent, "config.wrong"))
            continue
        return replace(found, config=config, text=newest.text)
