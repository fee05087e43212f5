"""What capture sees: facts of a stream, packets, and the types of a segment's life.

Guarantees: `Captured -> Accepted -> Sealed -> Stored` are different classes, so that a step can't be
skipped by mistake. Only `capture/` builds `Accepted`, only `seal/` builds `Sealed`, only `vault/`
builds `Stored`; a test checks that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from agent.model.device_report import DeviceReport
from agent.model.ids import RecordingId
from agent.model.spec import Codec


class EncodedPacket(Protocol):
    """The part of an encoded packet (PyAV's `av.Packet`) that pure code may look at."""

    @property
    def is_keyframe(self) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def pts(self) -> int | None: ...
    @property
    def dts(self) -> int | None: ...
    def __bytes__(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """What a source declares when it opens. Declared is not measured: judge the measurement.

    `time_base` is the unit of pts and dts in seconds. `declared_rate` is None when unknown.
    `extradata` holds the parameter sets as the container gives them (Annex B or avcC/hvcC). `device` is
    what the device told apart from the stream, for kinds that ask it.
    """

    codec: Codec
    width: int
    height: int
    time_base: Fraction
    declared_rate: Fraction | None
    has_audio: bool
    extradata: bytes
    device: DeviceReport | None = None


@dataclass(frozen=True, slots=True)
class Captured:
    """One packet as it came in. `arrived_ns` is monotonic; pts and dts are in the stream's time base.

    `stepped` is by how much (in the time base, negative) the source's clock went back before this packet,
    when the driver has bridged that so that dts goes on growing. `begins` marks the first packet of a
    stream with other parameters, a key frame: facts and template of the source have changed. `left_out` is
    how many pictures before it were left out on purpose, because the spec allows fewer.
    """

    packet: EncodedPacket
    arrived_ns: int
    pts: int
    dts: int
    is_key: bool
    size: int
    stepped: int = 0
    begins: bool = False
    left_out: int = 0


class Change(StrEnum):
    """Why a stream is not recorded as it comes."""

    CODEC = "codec"
    SIZE = "size"
    RATE = "rate"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class PixelArea:
    """A part of a picture, in its pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformed:
    """What is done to a stream before it is recorded: these bits are not the device's.

    `changes` are the reasons. Codec and size are those that the device delivers; `region` is the part of
    its picture that is kept, None for all of it.
    """

    changes: tuple[Change, ...]
    codec: Codec
    width: int
    height: int
    region: PixelArea | None
    encoder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredCounts:
    """What came while it was conformed, and what became of it. Every picture that was not recorded is in one
    of the last three: left out for the rate, not decodable, or dropped because encoding was too slow."""

    frames: int
    rate: Fraction
    bitrate_bps: int
    left_out: int
    undecoded: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """Muxed bytes (a whole number of MP4 boxes) that passed the gate, ready to be sealed.

    `frames` and `media_end_ns` (media time since the segment's start) say what they hold.
    """

    data: bytes
    frames: int
    media_end_ns: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """Ciphertext of an age file: header or whole chunks, never plaintext.

    `final` is true for the piece that ends the file.
    """

    data: bytes
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedPrefix:
    """The beginning of a file that was surely on the disk when what follows it may not have been."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A segment file on disk: its name, size in bytes and SHA-256 of the ciphertext.

    All of it is durable, or only `synced` is, when an error of the disk ended it.
    """

    recording: RecordingId
    number: int
    name: str
    size_bytes: int
    sha256: str
    final: bool
    synced: SyncedPrefix | None = None


class Signal(StrEnum):
    """The state of a source."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class GapCause(StrEnum):
    """Why a stretch was not recorded."""

    SOURCE_LOST = "source-lost"
    SIGNAL_LOST = "signal-lost"
    DEVICE_ERROR = "device-error"
    OVERLOAD = "overload"
    DISK = "disk"
    PROCESS_DIED = "process-died"
    RESTART = "restart"
    STOPPED = "stopped"
    CLOCK_STEP = "clock-step"
    REFUSED = "refused"
    NOT_SCHEDULED = "not-scheduled"
    RECORDING_LIMIT = "recording-limit"


class CutReason(StrEnum):
    """Why a segment ended."""

    LENGTH = "length"
    SIZE_CHANGE = "size-change"
    CONFORMING = "conforming"
    CLOCK_STEP = "clock-step"
    SOURCE_LOST = "source-lost"
    STOPPED = "stopped"
    DISK = "disk"
    CRASH = "crash"
