"""Enrolment: a key that is made once, and a certificate that is taken only when everything fits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.link import certificates
from agent.model.errors import AgentError, Refuse
from agent.model.times import ClockQuality, Instant
from agent.runtime import enrolment
from tests.fakes.certificates import PEM, TestAuthority, key_pem

NOW = datetime.now(UTC)


def at(moment: datetime = NOW) -> Instant:
    return Instant(wall_ns=round(moment.timestamp() * 1e9), mono_ns=1, quality=ClockQuality.SYNCED)


class Place:
    """A state directory after `edgeward enroll`, an authority, and a folder for what it sends."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.folder = folder
        self.request = enrolment.make_request(self.state, "box-1")
        self.authority = TestAuthority()
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.authority.pem)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        key = x509.load_pem_x509_csr(self.request.path.read_bytes()).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key

    def file(self, *parts: bytes) -> Path:
        path = self.folder / "sent.pem"
        path.write_bytes(b"".join(parts))
        return path

    def install(self, certificate: Path, ca: Path | None = None, now: Instant | None = None) -> int:
        return enrolment.install(self.state, "box-1", certificate, ca or self.ca, now or at())

    def names(self) -> set[str]:
        return {path.name for path in self.state.iterdir()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_request_names_the_box_and_its_own_key(place: Place) -> None:
    asked = x509.load_pem_x509_csr(place.request.path.read_bytes())
    assert asked.is_signature_valid
    assert [each.value for each in asked.subject] == ["box-1"]
    assert asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert isinstance(place.public_key().curve, ec.SECP256R1)
    der = place.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert place.request.key_sha256 == hashlib.sha256(der).hexdigest()
    assert place.request.new_key
    assert (place.state / "mqtt.key").stat().st_mode & 0o777 == 0o400
    assert place.names() == {"mqtt.key", "mqtt.csr"}


def test_a_key_is_never_replaced(place: Place) -> None:
    before = (place.state / "mqtt.key").read_bytes()
    again = enrolment.make_request(place.state, "box-1")
    assert not again.new_key
    assert again.key_sha256 == place.request.key_sha256
    assert (place.state / "mqtt.key").read_bytes() == before
    with pytest.raises(Refuse) as caught:
        enrolment._write_once(place.state / "mqtt.key", b"another one")
    assert caught.value.code == "file.exists"
    assert (place.state / "mqtt.key").read_bytes() == before
    assert place.names() == {"mqtt.key", "mqtt.csr"}


def test_a_stop_before_the_key_was_whole_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "mqtt.key.new").write_bytes(b"half")
    assert enrolment.make_request(tmp_path, "box-1").new_key
    assert {path.name for path in tmp_path.iterdir()} == {"mqtt.key", "mqtt.csr"}


def test_a_good_certificate_is_stored_with_its_authority(place: Place) -> None:
    sent = place.file(place.authority.sign_request(place.request.path.read_bytes()))
    until = place.install(sent)
    assert until // 10**9 == x509.load_pem_x509_certificate(sent.read_bytes()).not_valid_after_utc.timestamp()
    assert (place.state / "mqtt.pem").read_bytes() == sent.read_bytes()
    assert (place.state / "mqtt-ca.pem").read_bytes() == place.authority.pem
    renewed = place.file(place.authority.sign_request(place.request.path.read_bytes()))
    place.install(renewed)
    assert (place.state / "mqtt.pem").read_bytes() == renewed.read_bytes()


def test_an_intermediate_authority_goes_behind_the_certificate(place: Place) -> None:
    between = TestAuthority("between", parent=place.authority)
    own = between.sign_request(place.request.path.read_bytes())
    with pytest.raises(Refuse) as caught:
        place.install(place.file(own))
    assert caught.value.code == "enroll.untrusted"
    place.install(place.file(own, between.pem))


def _signed(place: Place, *names: str, **more: object) -> bytes:
    made = place.authority.sign(*names, public_key=place.public_key(), **more)  # type: ignore[arg-type] # per case
    return made.public_bytes(PEM)


def _other_key(place: Place) -> bytes:
    other = ec.generate_private_key(ec.SECP256R1())
    return place.authority.sign("box-1", public_key=other.public_key()).public_bytes(PEM)


def _with_key(place: Place) -> bytes:
    return _signed(place, "box-1") + key_pem(ec.generate_private_key(ec.SECP256R1()))


BAD: dict[str, tuple[str, Callable[[Place], bytes]]] = {
    "another box": ("enroll.wrong-name", lambda place: _signed(place, "box-2")),
    "no name": ("enroll.wrong-name", _signed),
    "two names": ("enroll.wrong-name", lambda place: _signed(place, "box-1", "box-2")),
    "another key": ("enroll.other-key", _other_key),
    "expired": ("enroll.expired", lambda place: _signed(place, "box-1", until=NOW - timedelta(hours=1))),
    "too early": ("enroll.not-yet-valid", lambda place: _signed(place, "box-1", since=NOW + timedelta(1))),
    "a server's": (
        "enroll.not-for-clients",
        lambda place: _signed(place, "box-1", usage=ExtendedKeyUsageOID.SERVER_AUTH),
    ),
    "another authority": (
        "enroll.untrusted",
        lambda place: TestAuthority().sign("box-1", public_key=place.public_key()).public_bytes(PEM),
    ),
    "an authority of the same name": (
        "enroll.untrusted",
        lambda place: (
            TestAuthority("test authority").sign("box-1", public_key=place.public_key()).public_bytes(PEM)
        ),
    ),
    "signed by a certificate that is no authority": ("enroll.untrusted", lambda place: _by_a_box(place)),
    "a private key with it": ("enroll.private-key", _with_key),
    "the request": ("certificate.bad", lambda place: place.request.path.read_bytes()),
    "nothing": ("certificate.bad", lambda _: b""),
    "garbage": ("certificate.bad", lambda _: os.urandom(300)),
}


def _by_a_box(place: Place) -> bytes:
    """A box that signs for another one with its own, honestly got, certificate."""
    thief = TestAuthority("box-9")
    thief.certificate = place.authority.sign("box-9", public_key=thief.key.public_key())
    own = thief.sign("box-1", public_key=place.public_key())
    return own.public_bytes(PEM) + thief.certificate.public_bytes(PEM)


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused_and_changes_nothing(place: Place, case: str) -> None:
    code, make = BAD[case]
    good = place.file(_signed(place, "box-1"))
    place.install(good)
    before = {path.name: path.read_bytes() for path in place.state.iterdir()}
    with pytest.raises(Refuse) as caught:
        place.install(place.file(make(place)))
    assert caught.value.code == code
    assert caught.value.advice
    assert {path.name: path.read_bytes() for path in place.state.iterdir()} == before


def test_the_clock_is_an_argument(place: Place) -> None:
    sent = place.file(_signed(place, "box-1", since=NOW, until=NOW + timedelta(days=10)))
    place.install(sent, now=at(NOW + timedelta(days=9)))
    with pytest.raises(Refuse, match="clock of the box is not synchronised"):
        late = at(NOW + timedelta(days=11))
        place.install(sent, now=Instant(wall_ns=late.wall_ns, mono_ns=1, quality=ClockQuality.UNSYNCED))


def test_files_that_are_not_there(tmp_path: Path, place: Place) -> None:
    with pytest.raises(Refuse) as caught:
        place.install(tmp_path / "none.pem")
    assert caught.value.code == "enroll.unreadable"
    with pytest.raises(Refuse) as caught:
        enrolment.install(tmp_path / "new", "box-1", place.ca, place.ca, at())
    assert caught.value.code == "enroll.no-key"


def test_an_authority_file_without_a_certificate(place: Place) -> None:
    sent = place.file(_signed(place, "box-1"))
    empty = place.folder / "empty.pem"
    empty.write_bytes(b"\n")
    with pytest.raises(Refuse) as caught:
        place.install(sent, ca=empty)
    assert caught.value.code == "certificate.bad"


def test_a_foreign_key_file_is_told_without_its_content(place: Place) -> None:
    key = place.state / "mqtt.key"
    key.chmod(0o600)
    secret = rsa.generate_private_key(65537, 2048).private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"PLANTED SECRET", secret):
        key.write_bytes(content)
        with pytest.raises(AgentError) as caught:
            enrolment.make_request(place.state, "box-1")
        assert caught.value.code == "certificate.bad-key"
        assert "PLANTED" not in str(caught.value) + repr(caught.value.__cause__)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_root_does_not_write_into_the_agents_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(Refuse) as caught:
        enrolment.make_request(tmp_path, "box-1")
    assert caught.value.code == "enroll.other-user"
    assert list(tmp_path.iterdir()) == []


def test_an_rsa_certificate_is_read_and_belongs_to_no_key_of_ours() -> None:
    authority = TestAuthority()
    key = rsa.generate_private_key(65537, 2048).public_key()
    made = authority.sign("box-1", public_key=key)  # type: ignore[arg-type] # another kind on purpose
    assert certificates.read_certificate(made.public_bytes(PEM)).key_sha256 == ""


def test_a_fingerprint_to_be_read_aloud() -> None:
    assert enrolment.spoken("0123456789ab") == "0123 4567 89ab"
