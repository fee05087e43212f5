"""What the probes of a site bring back: plain values, for checks to judge. Pure.

Guarantees: wall times in ns; None is "can't be known"; no password, no key.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSeen:
    """The box's certificate for MQTT. `problem` says why it can't be read; then the times are None."""

    name: str | None
    not_before_ns: int | None
    not_after_ns: int | None
    problem: str | None
    key_exposed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerDoor:
    """How far a TLS handshake with the broker came.

    `word` is `open` (the certificate is good until `not_after_ns`), `untrusted`, `no-tls` or `no-answer`.
    `path_mtu` is what the kernel knows of the way there, bytes.
    """

    word: str
    detail: str
    not_after_ns: int | None
    path_mtu: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """Leaves in all and cosigned by a witness; how long the first of the others has waited, s."""

    leaves: int
    witnessed: int
    waits_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Messages for the controller that wait in the outbox; those that the broker refused."""

    rows: int
    bytes: int
    most_bytes: int
    oldest_age_s: float | None
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareDoubt:
    """One border that a device's firmware is under (`below`), or that can't be compared with it."""

    below: bool
    version: str
    required: str
    advisories: tuple[str, ...]
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSeen:
    """What a channel's device is by its profile. `known` is false when no profile knows it.

    `floors` says whether the profile has any border; `stream_url` is where its pictures are, without a
    login, None for a device that is no network camera.
    """

    profile: str
    known: bool
    why: str
    firmware: str | None
    floors: bool
    doubts: tuple[FirmwareDoubt, ...]
    stream_url: str | None
