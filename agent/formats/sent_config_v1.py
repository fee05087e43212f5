"""What a box keeps of configurations that were sent to it, version 1: one JSON file, all or nothing.

Guarantees: `decode` gives back what `encode` took; every other byte string is `config.memory`. It holds no
secret, because a configuration names secrets and has none. Leaves out where it is kept and what is made of
it (`runtime/sent_config.py`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from agent.model.errors import Refuse
from agent.model.ids import CHANNEL_PATTERN

VERSION = 1
_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Channel = Annotated[str, Field(pattern=CHANNEL_PATTERN)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedConfig:
    """A sent configuration that proved itself. `text` is TOML."""

    cmd_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One that has yet to prove itself: in `starts` starts so far.

    `channels` were recording and `link` had a broker when it came; so must they under it.
    """

    cmd_id: str
    text: str
    starts: int
    channels: tuple[_Channel, ...]
    link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """One that is not in effect any more. `sha256` of its text, `reason` a code."""

    cmd_id: str
    sha256: _Digest
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentConfig:
    """All of it. `installed_sha256` is of the file on the box, which counts again once it is changed there.

    `paused`: channels that an operator had stopped before the agent started itself anew.
    """

    installed_sha256: _Digest
    accepted: AcceptedConfig | None = None
    trial: Trial | None = None
    rolled_back: RolledBack | None = None
    paused: tuple[_Channel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    v: Annotated[int, Field(ge=VERSION, le=VERSION)]
    sent: SentConfig


_FILE = TypeAdapter(_File)


def encode(sent: SentConfig) -> bytes:
    """The file."""
    return json.dumps(asdict(_File(v=VERSION, sent=sent)), ensure_ascii=False, indent=1).encode()


def decode(data: bytes) -> SentConfig:
    """What the file says; Refuse `config.memory`."""
    try:
        sent = _FILE.validate_json(data, strict=True).sent
    except ValidationError:
        raise _damaged() from None
    if encode(sent) != data:
        raise _damaged()
    return sent


def _damaged() -> Refuse:
    return Refuse(
        "config.memory",
        "what the box kept of configurations that were sent to it is damaged",
        "the file on the box is in effect; send the configuration again",
    )
