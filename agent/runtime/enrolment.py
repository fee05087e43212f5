"""Enrolment: how a box gets the certificate with which the broker knows it (docs/broker.md).

Guarantees: the private key is made on the box, mode 0400, is never overwritten and never leaves it; a
certificate is stored only when it belongs to that key and this box, is valid now, and the authority's
own certificate takes it; each file is replaced whole. Leaves out who signs, and telling a running agent:
the link reads the files anew at each connection. Raises `AgentError`: `enroll.*`, `certificate.*`, `disk.*`.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.host.files import (
    create_exclusive,
    fsync_dir,
    make_directories,
    translate,
    write_all,
    write_atomic,
)
from agent.link import certificates
from agent.model.errors import Refuse
from agent.model.times import ClockQuality, Instant, rfc3339

KEY_NAME = "mqtt.key"
REQUEST_NAME = "mqtt.csr"
CERTIFICATE_NAME = "mqtt.pem"
AUTHORITY_NAME = "mqtt-ca.pem"
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What goes to the controller's administrator: a file, and the fingerprint to compare by telephone."""

    path: Path
    key_sha256: str
    new_key: bool


def make_request(state_dir: Path, box: str) -> Request:
    """The key, made when there is none, and a new request beside it."""
    make_directories(state_dir, 0o750)
    _right_user(state_dir)
    path = state_dir / KEY_NAME
    new = not path.exists()
    if new:
        _write_once(path, certificates.new_key())
    key = _read(path)
    request = state_dir / REQUEST_NAME
    write_atomic(request, certificates.request(key, box), 0o644)
    return Request(path=request, key_sha256=certificates.key_fingerprint(key), new_key=new)


def install(state_dir: Path, box: str, certificate: Path, authority: Path, now: Instant) -> int:
    """Checks and stores both; gives the end of validity in wall nanoseconds."""
    key = state_dir / KEY_NAME
    if not key.exists():
        raise Refuse("enroll.no-key", f"there is no {key}", "run `edgeward enroll` first")
    _right_user(state_dir)
    certificate_pem, authority_pem = _read(certificate), _read(authority)
    for path, data in ((certificate, certificate_pem), (authority, authority_pem)):
        if b"PRIVATE KEY" in data:
            raise Refuse(
                "enroll.private-key",
                f"{path} holds a private key",
                "ask for the certificate alone; a key that was sent around must not be used any more",
            )
    facts = certificates.read_certificate(certificate_pem)
    certificates.read_certificate(authority_pem)
    _check(facts, box, certificates.key_fingerprint(_read(key)), now)
    reason = certificates.accepted_by(authority, certificate, key)
    if reason is not None:
        raise Refuse(
            "enroll.untrusted",
            f"{authority} does not vouch for this certificate: {reason}",
            "give the certificate of the authority that signed it; the ones between go behind the box's own",
        )
    write_atomic(state_dir / AUTHORITY_NAME, authority_pem, 0o644)
    write_atomic(state_dir / CERTIFICATE_NAME, certificate_pem, 0o644)
    return facts.not_after_wall_ns


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file as `sha256sum` prints it."""
    return hashlib.sha256(_read(path)).hexdigest()


def spoken(fingerprint: str) -> str:
    """A fingerprint in groups of four, to be read aloud."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4))


def _check(facts: certificates.CertificateFacts, box: str, key_sha256: str, now: Instant) -> None:
    if facts.key_sha256 != key_sha256:
        raise Refuse(
            "enroll.other-key",
            "the certificate belongs to another key than this box's",
            "send this box's own mqtt.csr to the authority; a key made elsewhere is not accepted",
        )
    if facts.name != box:
        found = "no single common name" if facts.name is None else f"the common name {facts.name!r}"
        raise Refuse(
            "enroll.wrong-name",
            f"the certificate has {found}; the box is called {box!r}",
            "ask for a certificate with exactly the box id as common name",
        )
    if not facts.for_clients:
        raise Refuse(
            "enroll.not-for-clients",
            "the certificate is not for TLS clients",
            "ask for the extended key usage clientAuth",
        )
    doubt = "" if now.quality is ClockQuality.SYNCED else " (the clock of the box is not synchronised)"
    if now.wall_ns < facts.not_before_wall_ns:
        raise Refuse(
            "enroll.not-yet-valid",
            f"the certificate is valid from {rfc3339(facts.not_before_wall_ns)}{doubt}",
            "check the clock of the box, and that of the authority",
        )
    if now.wall_ns >= facts.not_after_wall_ns:
        raise Refuse(
            "enroll.expired",
            f"the certificate was valid until {rfc3339(facts.not_after_wall_ns)}{doubt}",
            "check the clock of the box, then ask for a new certificate",
        )


def _right_user(state_dir: Path) -> None:
    """What root writes into the agent's directory, the agent could not read."""
    owner = state_dir.stat().st_uid
    if owner != os.geteuid():
        raise Refuse(
            "enroll.other-user",
            f"{state_dir} belongs to another user (number {owner})",
            "run as the agent's user: runuser -u edgeward -- edgeward enroll",
        )


def _write_once(path: Path, data: bytes) -> None:
    """Puts `data` into the new file `path`, mode 0400: whole and durable, or not at all."""
    temporary = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = create_exclusive(temporary, 0o400)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
        path.hardlink_to(temporary)  # unlike a rename, this never replaces a key
    except OSError as error:
        raise translate(error, path, "writing") from None
    finally:
        os.close(descriptor)
        temporary.unlink()
    fsync_dir(path.parent)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise Refuse(
            "enroll.unreadable", f"{path} can't be read: {error.strerror}", "check its path and its owner"
        ) from None
