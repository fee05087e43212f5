"""The box's MQTT identity: its key, the request for a certificate, and what a certificate says.

Guarantees: keys are ECDSA P-256 (every TLS stack of a hospital's authority knows it), made by the
library's own random generator; nothing here prints a private key. `accepted_by` lets OpenSSL itself
decide, the same code that the broker runs. Leaves out files' names, clocks and what to do about it
(`agent/runtime/enrolment.py`, `agent/runtime/certificate_watch.py`). Raises `Refuse` `certificate.*`.
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.model.errors import Refuse
from agent.model.times import NS_PER_S

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h: times are judged apart, with a clock as an argument.
_NO_CHECK_TIME = 0x200000
_MOST_FLIGHTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What a certificate says. `name` is its common name, None when there is none or more than one."""

    name: str | None
    key_sha256: str
    not_before_wall_ns: int
    not_after_wall_ns: int
    for_clients: bool


def new_key() -> bytes:
    """A new private key as PEM (PKCS #8)."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request(key_pem: bytes, box: str) -> bytes:
    """A certificate request (PKCS #10, PEM) with the common name `box`, for a TLS client."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box)])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name).add_extension(usage, critical=False)
    return builder.sign(_key(key_pem), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def key_fingerprint(key_pem: bytes) -> str:
    """SHA-256 of the public half (SubjectPublicKeyInfo, DER), in hex."""
    return _fingerprint(_key(key_pem).public_key())


def read_certificate(pem: bytes) -> CertificateFacts:
    """The first certificate in `pem`."""
    try:
        found = x509.load_pem_x509_certificates(pem)[0]
        key_sha256 = _fingerprint(found.public_key())
        usages = _extended_usages(found)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refuse(
            "certificate.bad",
            "this is not a certificate in PEM",
            "ask the authority for PEM (Base64), or convert: openssl x509 -inform der -in FILE -out NEW",
        ) from error
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertificateFacts(
        name=str(names[0].value) if len(names) == 1 else None,
        key_sha256=key_sha256,
        not_before_wall_ns=_wall_ns(found.not_valid_before_utc),
        not_after_wall_ns=_wall_ns(found.not_valid_after_utc),
        for_clients=usages is None or ExtendedKeyUsageOID.CLIENT_AUTH in usages,
    )


def accepted_by(ca: Path, certificate: Path, key: Path) -> str | None:
    """None when a TLS server with the authorities in `ca` takes this client; else OpenSSL's reason.

    Done by a handshake in memory, so it is what the broker will say, its times and its list of revoked
    certificates left out. Raises `Refuse` `certificate.unusable` when the files don't belong together.
    """
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        server.load_verify_locations(ca)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        raise Refuse(
            "certificate.unusable",
            f"OpenSSL can't use these files together: {reason}",
            "check that the certificate was made from this box's request and that all files are PEM",
        ) from None
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    # Here the client need not know whom it speaks to: the server is a part of this function.
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    return _handshake(server, client)


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)]
    try:
        for _ in range(_MOST_FLIGHTS):
            waiting = []
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    waiting.append(end)
            ends = waiting
            if not ends:
                return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError as error:
        return error.reason or type(error).__name__
    return "the handshake did not end"


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        # The cause is left out on purpose: it may quote the file.
        raise Refuse(
            "certificate.bad-key",
            "the MQTT key is not a private key of an elliptic curve in PEM",
            "restore it, or move it away and enroll the box again",
        ) from None
    return key


def _fingerprint(key: object) -> str:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        # Never ours: the box has only keys of this kind. The digest of nothing matches no key.
        return ""
    return hashlib.sha256(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def _extended_usages(certificate: x509.Certificate) -> x509.ExtendedKeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _wall_ns(moment: datetime) -> int:
    return round(moment.timestamp()) * NS_PER_S
