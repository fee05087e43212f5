"""Cosignatures against c2sp.org/tlog-cosignature, with another library's Ed25519 and published keys."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.formats import signed_note
from agent.formats.signed_note import COSIGNATURE
from agent.formats.witness_v1 import Answer, decode_answer, decode_state, encode_answer, encode_state
from agent.ledger import cosignature
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse
from tests.fakes.histories import WITNESS, WITNESS_2, History
from tests.fakes.ledgers import KEY, NAME

# Verifier keys that public witnesses publish: the key id in the middle follows from name and key.
PUBLIC_WITNESSES = (
    "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G",
    "rgdd.se/poc-witness+db03732e+BCjJKlo6BU0xfIb8LutqerIFTWIXEA0L5n3tW3QyPFgG",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
)
VECTORS = Path(__file__).parents[2] / "vectors" / "witness-v1"
HISTORY = History.of(5)
AT_S = 1_795_478_400


def cosigned(key: SigningKey = WITNESS, at_s: int = AT_S) -> bytes:
    return cosignature.cosign(signed_note.parse(HISTORY.note), key, at_s)


def refused(note: bytes, code: str, key: SigningKey = WITNESS, origin: str = NAME) -> None:
    with pytest.raises(Refuse) as caught:
        cosignature.verified(note, Verifier(key.verifier_key, COSIGNATURE), origin)
    assert caught.value.code == code


@pytest.mark.parametrize("vkey", PUBLIC_WITNESSES)
def test_published_verifier_keys_are_read(vkey: str) -> None:
    verifier = Verifier(vkey, COSIGNATURE)
    assert verifier.name == vkey.partition("+")[0]
    with pytest.raises(Refuse) as caught:
        Verifier(vkey)
    assert caught.value.code == "key.bad"


def test_the_bytes_are_those_of_the_specification() -> None:
    """Taken apart by hand and verified by another library."""
    text, _, lines = cosigned().decode().partition("\n\n")
    own, theirs = lines.splitlines()
    assert own == HISTORY.note.decode().splitlines()[-1]
    dash, name, encoded = theirs.split(" ")
    value = b64decode(encoded)
    public = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))).public_key()
    raw = public.public_bytes_raw()
    assert (dash, name, len(value)) == ("\u2014", WITNESS.name, 4 + 8 + 64)
    assert value[:4] == sha256(name.encode() + b"\n\x04" + raw).digest()[:4]
    assert int.from_bytes(value[4:12], "big") == AT_S
    public.verify(value[12:], f"cosignature/v1\ntime {AT_S}\n{text}\n".encode())
    encoded = b64encode(b"\x04" + raw).decode()
    assert WITNESS.verifier_key == f"{name}+{value[:4].hex()}+{encoded}"


def test_a_cosignature_that_another_library_made_is_good() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
    text = HISTORY.note.decode().partition("\n\n")[0] + "\n"
    signature = private.sign(f"cosignature/v1\ntime {AT_S}\n{text}".encode())
    identity = bytes.fromhex(WITNESS.verifier_key.split("+")[1])
    line = f"\u2014 {WITNESS.name} {b64encode(identity + AT_S.to_bytes(8, 'big') + signature).decode()}\n"
    found = cosignature.verified(
        HISTORY.note + line.encode(), Verifier(WITNESS.verifier_key, COSIGNATURE), NAME
    )
    assert (found.head, found.witness, found.at_s) == (HISTORY.head, WITNESS.name, AT_S)


def test_the_boxs_own_signature_stays_good_and_two_witnesses_fit() -> None:
    both = cosignature.cosign(signed_note.parse(cosigned()), WITNESS_2, AT_S + 9)
    Verifier(KEY.verifier_key).verify(both)
    for key, at_s in ((WITNESS, AT_S), (WITNESS_2, AT_S + 9)):
        found = cosignature.verified(both, Verifier(key.verifier_key, COSIGNATURE), NAME)
        assert (found.at_s, found.head) == (at_s, HISTORY.head)


def test_cosigning_again_replaces_the_older_line() -> None:
    again = cosignature.cosign(signed_note.parse(cosigned()), WITNESS, AT_S + 1)
    assert again == cosigned(at_s=AT_S + 1)


def test_what_is_not_cosigned_is_refused() -> None:
    refused(HISTORY.note, "note.unsigned")
    refused(cosigned(), "note.unsigned", WITNESS_2)
    refused(cosigned(), "checkpoint.other-log", origin="edgeward.box/or-4")


def test_another_time_or_another_tree_is_refused() -> None:
    lines = cosigned().decode().splitlines()
    value = bytearray(b64decode(lines[-1].split(" ")[2]))
    value[11] ^= 1
    forged = [*lines[:-1], f"\u2014 {WITNESS.name} {b64encode(value).decode()}", ""]
    refused("\n".join(forged).encode(), "note.forged")
    refused(cosigned().replace(b"\n5\n", b"\n4\n"), "note.forged")


def test_a_signature_of_a_note_is_no_cosignature() -> None:
    """The same key under the other type has another id, and the message another beginning."""
    as_note = SigningKey.generate(bytes(range(2, 34)), WITNESS.name)
    refused(as_note.sign_note(HISTORY.head.text()), "note.unsigned")
    with pytest.raises(ValueError, match="signs no notes"):
        WITNESS.sign_note("text\n")
    with pytest.raises(ValueError, match="only a witness"):
        cosignature.cosign(signed_note.parse(HISTORY.note), KEY, AT_S)


def test_a_public_key_of_the_wrong_size_is_refused() -> None:
    short = signed_note.encode_vkey("w", b"x" * 31, COSIGNATURE)
    with pytest.raises(Refuse) as caught:
        Verifier(short, COSIGNATURE)
    assert caught.value.code == "key.bad"


@pytest.mark.parametrize("case", sorted(path.name for path in VECTORS.iterdir() if path.is_dir()))
def test_vectors(case: str) -> None:
    folder = VECTORS / case
    expected = (folder / "expected").read_text().split()
    witness = Verifier((folder / "witness.vkey").read_text().strip(), COSIGNATURE)
    assert case.endswith("_fail") == (expected[0] != "ok")
    try:
        found = cosignature.verified((folder / "note").read_bytes(), witness, NAME)
    except Refuse as error:
        assert [error.code] == expected
    else:
        assert ["ok", str(found.head.size), str(found.at_s)] == expected


def test_vectors_of_messages_and_state() -> None:
    note = (VECTORS / "cosigned" / "note").read_bytes()
    answer = Answer(witness=WITNESS.name, note=note)
    assert encode_answer(answer) == (VECTORS / "answer.json").read_bytes()
    asked = decode_answer((VECTORS / "answer-need-proof.json").read_bytes())
    assert (asked.code, asked.size, asked.note) == ("witness.need-proof", 3, None)
    state = decode_state(NAME, (VECTORS / "state.json").read_bytes())
    assert (state.note, state.stopped) == (note, None)
    assert encode_state(NAME, state) == (VECTORS / "state.json").read_bytes()
