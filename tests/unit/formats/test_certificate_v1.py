"""Texts of challenges and certificates against the vectors of tests/vectors/destruction-v1/."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.formats import certificate_v1 as v1
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.runtime.disposal_check import check_certificate

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "destruction-v1"
CASES = sorted(path.name for path in VECTORS.iterdir() if path.is_dir() and not path.name.startswith("_"))


def key(name: str) -> Verifier:
    return Verifier((VECTORS / name).read_text().strip())


def verdict(data: bytes) -> str:
    try:
        check = check_certificate(data, key("box.vkey"), key("authority.vkey"))
    except Refuse as error:
        return error.code
    return "ok" if check.ok else "contradiction"


def test_there_are_cases() -> None:
    assert len(CASES) >= 15
    assert sum(not name.endswith("_fail") for name in CASES) == 3


@pytest.mark.parametrize("name", CASES)
def test_vector(name: str) -> None:
    folder = VECTORS / name
    expected = (folder / "expected").read_text().strip()
    assert verdict((folder / "certificate.note").read_bytes()) == expected
    assert (expected == "ok") != name.endswith("_fail")


@pytest.mark.parametrize("name", [name for name in CASES if not name.endswith("_fail")])
def test_good_ones_come_back_to_the_byte(name: str) -> None:
    text = (VECTORS / name / "certificate.note").read_text().rpartition("\n\n")[0] + "\n"
    certificate = v1.decode_certificate(text)
    assert v1.encode_certificate(certificate) == text
    asked = (VECTORS / name / "challenge").read_text()
    assert v1.encode_challenge(v1.decode_challenge(asked)) == asked
    assert v1.challenge_sha256(asked) in certificate.ledger.leaves[0].leaf


@pytest.mark.parametrize(
    "text", ["", "\n", "edgeward.challenge/v1\n", "edgeward.challenge/v1\n[]\n", "x\n{}\n"]
)
def test_what_is_no_challenge(text: str) -> None:
    with pytest.raises(Refuse, match=r"certificate\.bad"):
        v1.decode_challenge(text)


def test_a_challenge_is_no_certificate() -> None:
    text = (VECTORS / "good_purge" / "challenge").read_text()
    with pytest.raises(Refuse, match=r"certificate\.bad"):
        v1.decode_certificate(text)


def test_nested_too_deep_is_refused() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(Refuse, match=r"certificate\.bad"):
        v1.decode_certificate(f"{v1.CERTIFICATE_TAG}\n{deep}\n")


def test_it_is_a_signed_note_for_who_has_only_its_specification() -> None:
    """By hand and with another library, as c2sp.org/signed-note says; not one line of ours."""
    data = (VECTORS / "good_purge" / "certificate.note").read_bytes()
    text, _, signature_line = data.rpartition(b"\n\n")
    name, _, key = (VECTORS / "box.vkey").read_text().strip().partition("+")
    public = b64decode(key.partition("+")[2])
    dash, said, value = signature_line.decode().rstrip("\n").split(" ")
    assert (dash, said) == ("\u2014", name)
    key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    assert key_id.hex() == key.partition("+")[0]
    assert b64decode(value)[:4] == key_id
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(b64decode(value)[4:], text + b"\n")
