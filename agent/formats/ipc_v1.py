"""Messages between the keeper and a channel process: JSON, one per datagram of a SEQPACKET socket pair.

Guarantees: the keeper parses strictly (unknown or missing fields, wrong types and oversize are refused),
because a channel process touches hostile bytes. Frozen dataclasses on both sides.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as strict_dataclass

from agent.model.errors import Refuse

MAX_BYTES = 64 * 1024
_STRICT = ConfigDict(extra="forbid", strict=True)
# Bounds for all that the keeper computes with: nothing that is sent may raise in it later.
Ns = Annotated[int, Field(ge=0, lt=1 << 63)]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]
# A code becomes the last part of an MQTT topic, which has at most 48 characters.
Code = Annotated[str, Field(max_length=48, pattern=r"^[a-z]+(\.[a-z0-9-]+)+$")]
Rate = Annotated[str, Field(pattern=r"^[0-9]{1,15}(/[1-9][0-9]{0,14})?$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


CodecName = Literal["h264", "h265", "rawvideo", "mjpeg"]
ChangeName = Literal["codec", "size", "rate", "region"]
DeviceText = Annotated[str, Field(max_length=100)]


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class SettingDifference:
    """One setting of a device that reads back other than the spec asks."""

    setting: DeviceText
    asked: DeviceText
    got: DeviceText
    why: Literal["not-offered", "refused", "changed", "left-alone"]


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class DeviceTold:
    """What a device said about itself when it was opened, in its own words: nothing in it is verified."""

    manufacturer: DeviceText | None
    model: DeviceText | None
    firmware: DeviceText | None
    serial: DeviceText | None
    clock_ahead_ms: Annotated[int, Field(gt=-(1 << 53), lt=1 << 53)] | None
    media_profile: DeviceText | None
    written: Annotated[tuple[DeviceText, ...], Field(max_length=16, strict=False)]
    differences: Annotated[tuple[SettingDifference, ...], Field(max_length=16, strict=False)]


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class ConformedTold:
    """What is done to a stream before it is recorded. Codec and size are those that the device delivers."""

    changes: Annotated[tuple[ChangeName, ...], Field(strict=False)]
    codec: CodecName
    width: Count
    height: Count
    region: Annotated[tuple[Count, Count, Count, Count], Field(strict=False)] | None
    encoder: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class Delivered:
    """What came while a segment was conformed, and what was left out of it."""

    frames: Count
    rate: Rate
    bitrate_bps: Count
    left_out: Count
    undecoded: Count
    dropped: Count


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class SourceOpened:
    """The source is open; what is declared of the stream to record is not yet measured.

    `device` is null when none was asked.
    """

    codec: CodecName
    width: Count
    height: Count
    has_audio: bool
    device: DeviceTold | None = None
    t: Literal["source-opened"] = "source-opened"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class SourceLost:
    """The source can't be opened or went away. `code` and `text` come from the error, without secrets."""

    code: Code
    text: str = Field(max_length=1000)
    advice: str = Field(max_length=1000)
    cause: str = Field(max_length=32)
    finished: bool
    t: Literal["source-lost"] = "source-lost"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class SegmentOpened:
    """The first frame of a segment was taken. `start_ns` is media time since the recording's first frame.

    Width and height are those of the bitstream, null when they can't be read. `conformed` is null when the
    device's own bits are recorded.
    """

    number: Count
    start_wall_ns: Ns
    start_mono_ns: Ns
    start_ns: Ns
    width: Count | None = None
    height: Count | None = None
    conformed: ConformedTold | None = None
    t: Literal["segment-opened"] = "segment-opened"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class Measured:
    """What was measured of a stretch. Rates are fractions as text."""

    width: Count | None
    height: Count | None
    frames: Count
    expected_frames: Count
    duration_ns: Ns
    rate: Rate
    bitrate_bps: Count
    gop_max_ns: Ns
    longest_gap_ns: Ns
    gaps: Count
    lost: Count
    duplicates: Count
    jitter_p99_ns: Ns


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class Progress:
    """Sent about once a second while frames become durable; also the channel's heartbeat."""

    number: Count | None
    frames: Count
    durable_bytes: Count
    durable_mono_ns: Ns | None
    durable_wall_ns: Ns | None
    measured: Measured | None
    # Too coarse to show a person (docs/formats/check-report-v1.md, "Masked pictures").
    coarse: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None
    t: Literal["progress"] = "progress"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class FindingText:
    """One rule's result, as text with units."""

    rule: str
    grade: Literal["conforming", "degraded", "nonconforming"]
    measured: str
    required: str


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class Synced:
    """The beginning of a segment file that a sync had saved before one failed."""

    size_bytes: Count
    sha256: Sha256


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class DeidCounts:
    """What was done to the frames of one segment of a derivative.

    `masked` of the `seen` frames have a mask or are filled whole, the latter by reason. `dropped` came and
    are in no segment. `boxes`: for each `boxes_every_s` seconds the most faces found on one frame.
    """

    seen: Count
    masked: Count
    whole_start: Count
    whole_detector: Count
    whole_picture: Count
    whole_end: Count
    whole_text: Count
    whole_device: Count
    dropped: Count
    asked: Count
    failed: Count
    faces: Count
    boxes_every_s: Count
    boxes: Annotated[tuple[Count, ...], Field(max_length=600, strict=False)]


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class SegmentClosed:
    """A segment file is finished and durable, or as much of it as could be saved (`final` false).

    `synced` is null when a sync has saved all that is in it, `delivered` when it was not conformed, `deid`
    for what is no derivative.
    """

    number: Count
    name: str = Field(pattern=r"^[0-9]{8}\.mp4\.age$")
    size_bytes: Count
    sha256: Sha256
    final: bool
    synced: Synced | None
    reason: str = Field(max_length=32)
    end_wall_ns: Ns
    end_mono_ns: Ns
    measured: Measured
    grade: Literal["conforming", "degraded", "nonconforming"]
    findings: Annotated[tuple[FindingText, ...], Field(strict=False)]
    dropped: Count
    delivered: Delivered | None = None
    deid: DeidCounts | None = None
    t: Literal["segment-closed"] = "segment-closed"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class FindingsChanged:
    """The live stream's broken rules (none: it conforms) are others than those told before, or the first."""

    grade: Literal["conforming", "degraded", "nonconforming"]
    findings: Annotated[tuple[FindingText, ...], Field(strict=False)]
    t: Literal["findings-changed"] = "findings-changed"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class GapSeen:
    """A stretch inside a running stream brought no frames for longer than the spec allows.

    Sent after a segment's end it says why nothing is recorded until the next one begins.
    """

    from_mono_ns: Ns
    to_mono_ns: Ns
    cause: Literal["signal-lost", "overload"] = "signal-lost"
    t: Literal["gap-seen"] = "gap-seen"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class Trouble:
    """Recording can't go on for a reason on our side (disk full, disk error, no recipient)."""

    code: Code
    text: str = Field(max_length=1000)
    advice: str = Field(max_length=1000)
    t: Literal["trouble"] = "trouble"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class ModelTold:
    """A model whose bytes were compared before they were loaded."""

    name: str = Field(max_length=48)
    version: str = Field(max_length=48)
    sha256: Sha256


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class DerivativeReady:
    """The process of a derivative can do what the policy with this SHA-256 asks; sent before it opens."""

    policy_sha256: Sha256
    profile: str = Field(max_length=48)
    models: Annotated[tuple[ModelTold, ...], Field(max_length=8, strict=False)]
    limits: Annotated[tuple[Annotated[str, Field(max_length=1000)], ...], Field(max_length=16, strict=False)]
    t: Literal["derivative-ready"] = "derivative-ready"


@strict_dataclass(frozen=True, kw_only=True, config=_STRICT)
class Stopped:
    """The channel has closed its segment and leaves."""

    t: Literal["stopped"] = "stopped"


FromChannel: TypeAlias = (
    SourceOpened
    | SourceLost
    | SegmentOpened
    | Progress
    | SegmentClosed
    | FindingsChanged
    | GapSeen
    | Trouble
    | DerivativeReady
    | Stopped
)
_FROM_CHANNEL: TypeAdapter[FromChannel] = TypeAdapter(Annotated[FromChannel, Field(discriminator="t")])


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRecording:
    """The recording is open in vault and ledger; write segments from `next_number` on."""

    recording: str
    directory: str
    recipient: str
    next_number: int
    epoch_mono_ns: int | None
    t: str = "start-recording"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopChannel:
    """Close the segment and leave."""

    t: str = "stop-channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextZones:
    """Where the device of a derivative writes text, as its profile says it: x, y, width, height in parts of
    the picture, as fractions; None when it does not know. `profile` is None when no profile was asked for,
    and not `recognised` is a profile that says nothing about this very device."""

    profile: str | None
    recognised: bool
    zones: tuple[tuple[str, str, str, str], ...] | None
    t: str = "text-zones"


ToChannel: TypeAlias = StartRecording | StopChannel | TextZones


def encode(message: FromChannel | ToChannel) -> bytes:
    """One datagram."""
    return json.dumps(asdict(message), separators=(",", ":")).encode()


def decode_from_channel(data: bytes) -> FromChannel:
    """Strict: raises `Refuse` (`ipc.bad-message`) on anything that is not exactly one known message."""
    if len(data) > MAX_BYTES:
        raise Refuse("ipc.bad-message", "a channel process sent too long a message", "this is a defect")
    try:
        return _FROM_CHANNEL.validate_json(data)
    except ValidationError as error:
        kinds = ", ".join(sorted({item["type"] for item in error.errors()}))
        raise Refuse(
            "ipc.bad-message",
            f"a channel process sent a message that is not one ({kinds})",
            "this is a defect: report it",
        ) from None


def decode_to_channel(data: bytes) -> ToChannel:
    """What the keeper sends is trusted; a wrong shape is a programming error and raises `TypeError`."""
    fields: dict[str, Any] = json.loads(data)
    if fields["t"] == "start-recording":
        return StartRecording(**fields)
    if fields["t"] == "text-zones":
        return TextZones(**fields)
    return StopChannel(**fields)
