"""A hospital's certificate authority for tests: real certificates, made in the test.

Guarantees: every certificate differs from a good one in exactly what the test asks for. Keys are ECDSA
P-256, which cost no time to make.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM."""
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def named(*common_names: str) -> x509.Name:
    """A subject with these common names."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common_names])


class TestAuthority:
    """Signs whatever it is asked to. `parent` makes it an intermediate one."""

    __test__ = False

    def __init__(self, name: str = "test authority", parent: TestAuthority | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named(name)
        signer = parent or self
        self.certificate = (
            _builder(self.name, signer.name, self.key.public_key(), _days(-3650), _days(3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(signer.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    def sign(
        self,
        *names: str,
        public_key: ec.EllipticCurvePublicKey,
        since: datetime | None = None,
        until: datetime | None = None,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> x509.Certificate:
        """A certificate for `names`, for a TLS client unless `usage` says otherwise."""
        builder = _builder(named(*names), self.name, public_key, since or _days(-1), until or _days(90))
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if usage == ExtendedKeyUsageOID.SERVER_AUTH:
            local = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([local]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def sign_request(self, request: bytes, *, until: datetime | None = None) -> bytes:
        """The certificate that a request asks for."""
        asked = x509.load_pem_x509_csr(request)
        assert asked.is_signature_valid
        public_key = asked.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        names = [str(each.value) for each in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return self.sign(*names, public_key=public_key, until=until).public_bytes(PEM)

    def issue(
        self,
        folder: Path,
        *names: str,
        since: datetime | None = None,
        until: datetime | None = None,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> tuple[Path, Path]:
        """A new key and its certificate as files: `(certificate, key)`."""
        key = ec.generate_private_key(ec.SECP256R1())
        stem = "-".join(names) or "nameless"
        certificate, secret = folder / f"{stem}.pem", folder / f"{stem}.key"
        signed = self.sign(*names, public_key=key.public_key(), since=since, until=until, usage=usage)
        certificate.write_bytes(signed.public_bytes(PEM))
        secret.write_bytes(key_pem(key))
        secret.chmod(0o600)
        return certificate, secret

    def revoke(self, *certificates: Path) -> bytes:
        """A list of revoked certificates as PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(_days(-1))
            .next_update(_days(1))
        )
        for path in certificates:
            serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_days(-1))
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    since: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def _days(number: int) -> datetime:
    """So many days from now: a broker asks the real clock."""
    return datetime.now(UTC) + timedelta(days=number)
