"""The configuration file `agent.toml`, version 1: TOML text in, frozen models or a full list of errors out.

Guarantees: strict types, unknown keys refused with the nearest known one, every error at once with its
line, key and remedy, and no secret inside: passwords are named by file or systemd credential. Leaves
out reading files; the caller resolves secrets (`agent/runtime/load_config.py`).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from agent.formats.capsule_v1 import MAX_THRESHOLD
from agent.formats.config_audit import AuditConfig
from agent.formats.config_checks import ChecksConfig
from agent.formats.config_metrics import MetricsConfig
from agent.formats.config_model import Rate
from agent.formats.config_model import StrictModel as _Model
from agent.formats.config_operators import OperatorConfig, broken_operators
from agent.formats.config_plan import PlanConfig, broken_plans
from agent.formats.config_retention import RetentionConfig
from agent.formats.config_rules import CheckRecipient, KeyPath, Wrong, broken_rules
from agent.formats.config_sources import OnvifSource, V4l2Source
from agent.formats.config_spec import SpecConfig
from agent.formats.config_support import SupportConfig
from agent.formats.config_tracks import broken_tracks
from agent.formats.config_witness import Witnesses
from agent.formats.toml_lines import line_of
from agent.model.ids import BOX_PATTERN, CHANNEL_PATTERN


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("write an absolute path, beginning with /")
    return path


def _without_credentials(url: str) -> str:
    if "@" in url:  # anywhere: a password may hold / and #, and must not be taken for a part of the path
        raise ValueError("move user and password out of the URL: username = …, password_file = …")
    if not url.startswith(("rtsp://", "rtsps://")):
        raise ValueError("an RTSP address begins with rtsp:// or rtsps://")
    return url


AbsolutePath = Annotated[Path, AfterValidator(_absolute), Field(strict=False)]


class BoxConfig(_Model):
    """Who this box is and where it keeps things."""

    id: str = Field(pattern=BOX_PATTERN, description="Name of the box; also its MQTT client id.")
    site: str = Field(default="", max_length=100, description="Where it stands, for people.")
    state_dir: AbsolutePath = Field(default=Path("/var/lib/edgeward"), description="Keys, outbox, counters.")
    vault_dir: AbsolutePath = Field(
        default=Path("/var/lib/edgeward/vault"), description="Sealed recordings, ledger."
    )
    runtime_dir: AbsolutePath = Field(default=Path("/run/edgeward"), description="Status; lost at boot.")


class MqttConfig(_Model):
    """The controller's broker."""

    host: str = Field(min_length=1)
    port: int = Field(default=8883, ge=1, le=65535)
    username: str | None = None
    password_file: str | None = Field(default=None, description="Absolute path, or a systemd credential.")
    tls: bool = Field(default=True, description="False only for a broker on this machine.")
    ca_file: AbsolutePath | None = Field(default=None, description="Default: the system's authorities.")
    cert_file: AbsolutePath | None = None
    key_file: AbsolutePath | None = None
    home_assistant: bool = Field(default=False, description="Show the box in Home Assistant, read-only.")


class CustodianConfig(_Model):
    """Who can open recordings. The box itself never can."""

    recipients: tuple[str, ...] = Field(
        min_length=1,
        strict=False,
        description='age recipients, from `edgeward keygen`: "age1…" for levels 2 to 4, "age1pq…" for 5.',
    )
    threshold: int = Field(
        default=1,
        ge=1,
        le=MAX_THRESHOLD,
        description="How many custodians must open a recording together: any so many of its level's kind.",
    )


class TicketConfig(_Model):
    """Whose tickets this box takes. Without this table capsules are sealed to custodians only."""

    authority: str = Field(description="The authority's verifier key: the line of its signing.vkey.")


class SegmentConfig(_Model):
    """How recordings are cut."""

    seconds: float = Field(default=60.0, ge=0.2, le=3600)
    keep_free_bytes: int = Field(
        default=1 << 30, ge=0, description="No segment is begun when less would be left free."
    )


class RtspSource(_Model):
    """A network camera."""

    kind: Literal["rtsp"]
    url: Annotated[str, AfterValidator(_without_credentials)]
    username: str | None = None
    password_file: str | None = None
    profile: str | None = Field(
        default=None,
        min_length=1,
        max_length=80,
        description="Id of the camera's device profile, which it can't tell.",
    )


class FileSource(_Model):
    """A recorded file, for replays and tests."""

    kind: Literal["file"]
    path: AbsolutePath
    pace: Literal["real-time", "fast"] = "real-time"
    loop: bool = False


class FaultConfig(_Model):
    """One planned fault of the synthetic source."""

    kind: Literal[
        "freeze", "black", "defocus", "covered", "no-signal", "duplicate", "rate-change", "size-change",
        "clock-jump", "audio", "loss", "silence",
    ]  # fmt: skip
    at_s: float = Field(ge=0)
    for_s: float = Field(gt=0)
    value: str | None = None


class SyntheticSource(_Model):
    """A generated picture with clock and frame counter."""

    kind: Literal["synthetic"]
    width: int = Field(default=1280, ge=64, le=4096, multiple_of=2)
    height: int = Field(default=720, ge=64, le=4096, multiple_of=2)
    rate: Rate = "25"
    bitrate_bps: int = Field(default=2_000_000, ge=64_000, le=100_000_000)
    gop_s: float = Field(default=1.0, gt=0, le=10)
    pace: Literal["real-time", "fast"] = "real-time"
    seconds: float | None = Field(default=None, gt=0)
    script: tuple[FaultConfig, ...] = Field(default=(), strict=False)


class ChannelConfig(_Model):
    """One input of the box, with what may be collected on it (STD 5, 6.1, 6.2)."""

    id: str = Field(pattern=CHANNEL_PATTERN)
    name: str = Field(default="", max_length=100, description="For people; never a patient's name.")
    category: Literal["dt", "nr", "mm", "er"] = Field(description="STD 5.2: one of four categories.")
    level: Literal[2, 3, 4, 5] = Field(
        default=4,
        description="STD 5.3. Level 1 can't come from a channel; level 5 is sealed to age1pq… custodians.",
    )
    tickets: Literal["recording", "daily"] | None = Field(
        default=None, description="Class of tickets; default: daily at level 2, else recording."
    )
    purpose: str = Field(min_length=1, max_length=200, description="STD 4 b: why this is collected.")
    lawful_basis: str = Field(min_length=1, max_length=200, description="STD 4 b.")
    source: Annotated[
        RtspSource | OnvifSource | V4l2Source | FileSource | SyntheticSource, Field(discriminator="kind")
    ]
    spec: SpecConfig
    retention: RetentionConfig | None = None
    plan: PlanConfig | None = Field(
        default=None, description="STD 6.1: what may be collected. Without it nothing is."
    )
    on_disk_full: Literal["deny-new", "evict-oldest-eligible"] = Field(
        default="deny-new", description="What yields to a full disk: the new, or old level 2 recordings."
    )


class AgentConfig(_Model):
    """The whole file."""

    box: BoxConfig
    custodians: CustodianConfig
    tickets: TicketConfig | None = None
    segments: SegmentConfig = SegmentConfig()
    mqtt: MqttConfig | None = None
    metrics: MetricsConfig | None = None
    audit: AuditConfig = AuditConfig()
    witness: Witnesses = ()
    support: SupportConfig | None = None
    checks: ChecksConfig = ChecksConfig()
    operator: tuple[OperatorConfig, ...] = Field(default=(), max_length=64, strict=False)
    channel: tuple[ChannelConfig, ...] = Field(min_length=1, max_length=64, strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProblem:
    """One thing that is wrong: where, what, and what to do."""

    line: int | None
    key: str
    text: str

    def render(self, file: str) -> str:
        """`agent.toml:12: channel.0.spec.rate: …` for people and editors."""
        place = file if self.line is None else f"{file}:{self.line}"
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


def parse(
    text: str, check_recipient: CheckRecipient = lambda _: None
) -> AgentConfig | tuple[ConfigProblem, ...]:
    """The configuration, or every problem in it in the order of the file.

    `check_recipient` refuses (`Refuse`) what no suite can seal to.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return (ConfigProblem(line=_line_in(str(error)), key="", text=f"not TOML: {error}"),)
    except RecursionError:
        return (ConfigProblem(line=None, key="", text="not TOML that can be read: nested too deeply"),)
    wrong = [*broken_rules(raw, check_recipient), *broken_operators(raw), *broken_plans(raw)]
    wrong += broken_tracks(raw, check_recipient)
    try:
        config = AgentConfig.model_validate(raw)
    except ValidationError as error:
        wrong += _model_errors(error)
    else:
        if not wrong:
            return config
    problems = [
        ConfigProblem(line=line_of(text, path), key=".".join(str(part) for part in path), text=words)
        for path, words in wrong
    ]
    return tuple(sorted(problems, key=lambda problem: problem.line or 0))


def _line_in(message: str) -> int | None:
    _, found, rest = message.partition("at line ")
    digits = rest.split(",")[0].split(" ")[0].rstrip(")")
    return int(digits) if found and digits.isdigit() else None


def _model_errors(error: ValidationError) -> list[Wrong]:
    """pydantic's errors as paths of the file and texts of ours, without any value of the file."""
    found: list[Wrong] = []
    items = error.errors(include_input=False, include_context=False, include_url=False)
    places = [item["loc"] for item in items]
    for item in items:
        location = item["loc"]
        is_echo = any(len(other) > len(location) and other[: len(location)] == location for other in places)
        if item["type"] == "too_short" and is_echo:
            continue  # it is too short because its elements are wrong, and these are told
        found.append((_without_tag(location), _words(location, item["type"], item["msg"])))
    return found


def _without_tag(location: KeyPath) -> KeyPath:
    """`location` without the name of the union's member that pydantic puts behind `source`."""
    if len(location) > 3 and location[0] == "channel" and location[2] == "source":
        return (*location[:3], *location[4:])
    return location


def _words(location: KeyPath, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        near = get_close_matches(str(location[-1]), keys_at(location[:-1]), n=1)
        return "unknown key" + (f": did you mean {near[0]!r}?" if near else ": remove it")
    if kind == "missing":
        return "missing: add it"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return "kind is one of " + ", ".join(repr(name) for name in _SOURCES)
    if kind == "literal_error" and location[-1] == "level":
        return "a channel's level is 2, 3, 4 or 5; level 1 can't come from a channel (STD 5.3)"
    return message.removeprefix("Value error, ")


def keys_at(location: KeyPath) -> list[str]:
    """The keys of the table at `location`, a path as pydantic gives it; empty for what is no table."""
    model: type[BaseModel] | None = AgentConfig
    for part in location:
        if isinstance(part, int) or model is None:
            continue
        if part in _SOURCES and model is ChannelConfig:
            model = _SOURCES[part]
        elif part != "source":
            field = model.model_fields.get(part)
            model = None if field is None else _model_in(field.annotation)
    return sorted(model.model_fields) if model is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in a type such as `tuple[Model, ...]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


_SOURCES: dict[str | int, type[BaseModel]] = {
    "rtsp": RtspSource,
    "onvif": OnvifSource,
    "v4l2": V4l2Source,
    "file": FileSource,
    "synthetic": SyntheticSource,
}
