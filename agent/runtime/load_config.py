"""Reads `agent.toml` and the secrets that it names.

Guarantees: a wrong file is one `ConfigError` with every problem; a secret comes from a file that others
can't read, or from systemd's credential directory, and is never in an error text.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

from agent.formats import toml_lines
from agent.formats.config_sources import OnvifSource, V4l2Source
from agent.formats.config_v1 import (
    AgentConfig,
    ChannelConfig,
    ConfigProblem,
    RtspSource,
    SyntheticSource,
    parse,
)
from agent.ledger.signing import Verifier
from agent.model.errors import AgentError, Refuse
from agent.model.source_settings import (
    Fault,
    FaultKind,
    FileSettings,
    OnvifSettings,
    Pace,
    RtspSettings,
    SourceSettings,
    SyntheticSettings,
    V4l2Settings,
)
from agent.model.times import NS_PER_S
from agent.runtime.channel_settings import ChannelSettings
from agent.runtime.derivative_config import unfit_tracks
from agent.seal import suites
from agent.seal.capsule import check_recipient
from agent.seal.custodians import check_custodians

_READABLE_BY_OTHERS = 0o077
# systemd from 254 on shows a credential as 0440: the group bits are the mask of an ACL for our user alone
# (systemd issue 29435).
_CREDENTIAL_READABLE_BY_OTHERS = 0o007


class ConfigError(Exception):
    """Everything that is wrong with a configuration, one line each."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read_text(path: Path) -> str:
    """The file at `path`. Raises `ConfigError`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError((f"{path}: can't be read ({reason}): check path and owner",)) from None


def load(path: Path) -> AgentConfig:
    """The configuration at `path`. Raises `ConfigError`."""
    return understood(read_text(path), str(path))


def understood(text: str, place: str) -> AgentConfig:
    """What `text` says; `place` is where it came from, for people. Raises `ConfigError`."""
    parsed = parse(text, check_recipient)
    if isinstance(parsed, AgentConfig):
        problems = _levels_without_custodian(parsed, text) + _unfit_authority(parsed, text)
        problems += _unfit_threshold(parsed, text) + _unfit_operators(parsed, text)
        problems += unfit_tracks(parsed, text)
        if not problems:
            return parsed
        parsed = problems
    raise ConfigError(tuple(problem.render(place) for problem in parsed))


def fingerprint(config: AgentConfig) -> str:
    """SHA-256 of everything that is configured, defaults included, in hex. No secret is in it."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _levels_without_custodian(config: AgentConfig, text: str) -> tuple[ConfigProblem, ...]:
    """Channels that could not be recorded: nobody has a key of the suite that their level needs."""
    problems = []
    for number, channel in enumerate(config.channel):
        suite = suites.for_level(channel.level)
        if suites.of_suite(config.custodians.recipients, suite):
            continue
        option = " --post-quantum" if suite.POST_QUANTUM else ""
        problems.append(
            ConfigProblem(
                line=toml_lines.line_of(text, ("channel", number, "level")),
                key=f"channel.{number}.level",
                text=f"channel {channel.id!r} has level {channel.level}, which is sealed to "
                f"{suite.RECIPIENT_HRP}1… recipients only, and no custodian has one: add what "
                f"`edgeward keygen{option}` prints to custodians.recipients",
            )
        )
    return tuple(problems)


def _unfit_threshold(config: AgentConfig, text: str) -> tuple[ConfigProblem, ...]:
    """Custodians of a level's suite that are too few for the threshold, or too many to build it."""
    line = toml_lines.line_of(text, ("custodians", "threshold"))
    found: dict[str, ConfigProblem] = {}
    for channel in config.channel:
        suite = suites.for_level(channel.level)
        recipients = suites.of_suite(config.custodians.recipients, suite)
        if not recipients:  # told by `_levels_without_custodian`
            continue
        try:
            check_custodians(recipients, config.custodians.threshold)
        except Refuse as error:
            words = f"level {channel.level} is sealed to {suite.RECIPIENT_HRP}1… recipients: {error.text}"
            found[suite.NAME] = ConfigProblem(
                line=line, key="custodians.threshold", text=f"{words}. {error.advice}"
            )
    return tuple(found.values())


def _unfit_authority(config: AgentConfig, text: str) -> tuple[ConfigProblem, ...]:
    """A verifier key that is spelled well and is no point of the curve."""
    if config.tickets is None:
        return ()
    try:
        Verifier(config.tickets.authority)
    except Refuse as error:
        line = toml_lines.line_of(text, ("tickets", "authority"))
        return (ConfigProblem(line=line, key="tickets.authority", text=f"{error.text}: {error.advice}"),)
    return ()


def _unfit_operators(config: AgentConfig, text: str) -> tuple[ConfigProblem, ...]:
    """Operators' keys that are spelled well and are no points of the curve."""
    problems = []
    for number, operator in enumerate(config.operator):
        try:
            Verifier(operator.key)
        except Refuse as error:
            line = toml_lines.line_of(text, ("operator", number, "key"))
            words = f"{error.text}: {error.advice}"
            problems.append(ConfigProblem(line=line, key=f"operator.{number}.key", text=words))
    return tuple(problems)


def read_secret(name: str) -> str:
    """The first line of a secret: an absolute path, or a name in $CREDENTIALS_DIRECTORY."""
    path = Path(name)
    forbidden = _READABLE_BY_OTHERS
    if not path.is_absolute():
        forbidden = _CREDENTIAL_READABLE_BY_OTHERS
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if directory is None:
            raise Refuse(
                "secret.no-credentials",
                f"the secret {name!r} is a systemd credential, but there is none in this process",
                "run as a service with LoadCredential=, or write an absolute path",
            )
        path = Path(directory) / name
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Refuse(
            "secret.unreadable",
            f"the secret file {path} can't be read",
            "check its path, owner and mode 0400",
        ) from None
    if mode & forbidden:
        raise Refuse(
            "secret.exposed", f"the secret file {path} can be read by others", f"run: chmod 0400 {path}"
        )
    secret = text.split("\n")[0].removesuffix("\r")
    if not secret:
        # Asked with an empty password, a camera may lock the account.
        raise Refuse(
            "secret.empty", f"the secret file {path} is empty", "write the secret into its first line"
        )
    return secret


def unusable_secrets(config: AgentConfig) -> Iterator[tuple[str, AgentError]]:
    """Key and error of each source and password of the broker that a start would fail at."""
    checks: list[tuple[str, Callable[[], object]]] = [
        (f"channel.{number}.source", partial(source_settings, one))
        for number, one in enumerate(config.channel)
    ]
    if config.mqtt is not None and config.mqtt.password_file is not None:
        checks.append(("mqtt.password_file", partial(read_secret, config.mqtt.password_file)))
    for key, check in checks:
        try:
            check()
        except AgentError as error:
            yield key, error


def source_settings(channel: ChannelConfig) -> SourceSettings:
    """What the driver needs, with the secret read."""
    source = channel.source
    if isinstance(source, RtspSource):
        password = read_secret(source.password_file) if source.password_file else None
        return RtspSettings(url=source.url, username=source.username, password=password)
    if isinstance(source, OnvifSource):
        return OnvifSettings(
            url=source.url,
            username=source.username,
            password=read_secret(source.password_file) if source.password_file else None,
            profile=source.profile,
            configure=source.configure,
            spec=channel.spec.to_spec(),
        )
    if isinstance(source, V4l2Source):
        return V4l2Settings(device=source.device, input=source.input, spec=channel.spec.to_spec())
    if isinstance(source, SyntheticSource):
        return SyntheticSettings(
            width=source.width,
            height=source.height,
            rate=Fraction(source.rate),
            bitrate_bps=source.bitrate_bps,
            gop_s=source.gop_s,
            pace=Pace(source.pace),
            seconds=source.seconds,
            script=tuple(
                Fault(kind=FaultKind(fault.kind), at_s=fault.at_s, for_s=fault.for_s, value=fault.value)
                for fault in source.script
            ),
        )
    return FileSettings(path=str(source.path), pace=Pace(source.pace), loop=source.loop)


def channel_settings(config: AgentConfig, channel: ChannelConfig) -> ChannelSettings:
    """What the channel process needs."""
    return ChannelSettings(
        channel=channel.id,
        level=channel.level,
        category=channel.category,
        purpose=channel.purpose,
        source=source_settings(channel),
        spec=channel.spec.to_spec(),
        segment_ns=round(config.segments.seconds * NS_PER_S),
        keep_free_bytes=config.segments.keep_free_bytes,
    )
