"""Call order of the writer, recipients, identities, capsules, stanzas; secrets stay out of every text."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from functools import partial

import pytest

from agent.formats import age_v1, bech32
from agent.formats.age_v1 import CHUNK, Header, Stanza
from agent.model.errors import Refuse
from agent.seal import suites
from agent.seal.age_keys import draw, header_mac
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import AgeWriter, seal_bytes
from agent.seal.capsule import check_recipient, make_capsule, open_capsule, read_identity_file
from agent.seal.recording_key import new_key_pair
from agent.seal.suites import age_x25519

# The same in every process, because they are in the names of tests.
KEY = new_key_pair(lambda count: b"\x17" * count)
OTHER = new_key_pair(lambda count: b"\x18" * count)
PUBLISHED = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ec" + "ff" * 30 + "7f"),
    bytes.fromhex("ed" + "ff" * 30 + "7f"),
    bytes.fromhex("ee" + "ff" * 30 + "7f"),
]


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """The code and the whole printed traceback of what `call` refuses."""
    with pytest.raises(Refuse) as caught:
        call()
    return caught.value.code, "".join(traceback.format_exception_only(caught.value)) + caught.value.advice


def sealed_with(*stanzas: Stanza, file_key: bytes = bytes(16)) -> bytes:
    """A header with a right MAC around any stanzas, and too little payload."""
    return age_v1.encode(Header(stanzas, header_mac(file_key, age_v1.covered(stanzas))))


def test_published_pair_of_age() -> None:
    pair = new_key_pair(lambda count: b"\x42" * count)
    assert pair.identity == PUBLISHED
    assert pair.recipient == "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"


def test_repr_hides_the_identity() -> None:
    for text in (repr(KEY), str(KEY), f"{KEY}"):
        assert "SECRET" not in text
        assert KEY.identity[16:] not in text
        assert KEY.recipient in text


def test_no_recipient_and_bad_recipients_are_refused_before_anything_is_written() -> None:
    assert refusal(lambda: AgeWriter([], os.urandom))[0] == "seal.no-recipient"
    assert refusal(lambda: make_capsule(KEY.identity, [], os.urandom))[0] == "seal.no-recipient"
    assert refusal(lambda: AgeWriter([KEY.recipient, "age1x"], os.urandom))[0] == "seal.bad-recipient"
    assert refusal(lambda: AgeWriter([KEY.recipient], os.urandom, "rot13"))[0] == "seal.unknown-suite"


@pytest.mark.parametrize("raw", LOW_ORDER)
def test_low_order_points_are_refused_on_both_sides(raw: bytes) -> None:
    recipient = bech32.encode("age", raw)
    assert refusal(lambda: check_recipient(recipient))[0] == "seal.bad-recipient"
    assert refusal(lambda: age_x25519.wrap(bytes(16), recipient, os.urandom))[0] == "seal.bad-recipient"
    stanza = Stanza("X25519", (age_v1.encode_base64(raw),), bytes(32))
    assert refusal(lambda: age_x25519.unwrap(stanza, KEY.identity))[0] == "seal.age-header"


def test_an_all_zero_shared_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(age_x25519, "key_agreement", lambda **_: bytes(32))
    assert refusal(lambda: age_x25519.wrap(bytes(16), KEY.recipient, os.urandom))[0] == "seal.bad-recipient"


@pytest.mark.parametrize(
    "text",
    ["", "age1", KEY.recipient.upper(), KEY.recipient + " ", KEY.identity, bech32.encode("age", bytes(31)),
     bech32.encode("age1pq", b"\x09" * 32), "ssh-ed25519 AAAA", KEY.recipient[:-1]],
)  # fmt: skip
def test_what_is_not_a_recipient(text: str) -> None:
    code, printed = refusal(lambda: check_recipient(text))
    assert code == "seal.bad-recipient"
    assert KEY.identity[16:] not in printed


def test_check_recipient_accepts_ours() -> None:
    check_recipient(KEY.recipient)
    assert suites.by_recipient(KEY.recipient) is suites.by_name("age-x25519")


@pytest.mark.parametrize(
    "stanza",
    [
        Stanza("X25519", (), bytes(32)),
        Stanza("X25519", (age_v1.encode_base64(b"\x09" + bytes(31)), "B"), bytes(32)),
        Stanza("X25519", ("A" * 42,), bytes(32)),
        Stanza("X25519", ("A" * 43 + "=",), bytes(32)),
        Stanza("X25519", ("C" + "A" * 41 + "B",), bytes(32)),  # unused bits
        Stanza("X25519", (age_v1.encode_base64(b"\x09" + bytes(32)),), bytes(32)),
        Stanza("X25519", (age_v1.encode_base64(b"\x09" + bytes(31)),), bytes(31)),
        Stanza("X25519", (age_v1.encode_base64(b"\x09" + bytes(31)),), bytes(33)),
        Stanza("scrypt", ("A" * 22, "18"), bytes(32)),  # must stand alone
    ],
)
def test_a_malformed_stanza_refuses_the_file_even_beside_a_good_one(stanza: Stanza) -> None:
    good = age_x25519.wrap(bytes(16), KEY.recipient, os.urandom)
    for pair in ((stanza, good), (good, stanza)):
        assert refusal(partial(open_bytes, sealed_with(*pair), [KEY.identity]))[0] == "seal.age-header"


def test_unknown_stanzas_are_ignored() -> None:
    good = age_x25519.wrap(bytes(16), KEY.recipient, os.urandom)
    grease = Stanza("x-grease", ("a", "b"), os.urandom(100))
    passphrase = Stanza("scrypt", ("A" * 22, "18"), bytes(32))
    assert refusal(lambda: open_bytes(sealed_with(grease, good), [KEY.identity]))[0] == "seal.truncated"
    assert refusal(lambda: open_bytes(sealed_with(passphrase), [KEY.identity]))[0] == "seal.no-matching-key"


def test_a_file_key_of_another_length_never_fits() -> None:
    body_33 = age_x25519.wrap(bytes(17), KEY.recipient, os.urandom)
    assert refusal(lambda: open_bytes(sealed_with(body_33), [KEY.identity]))[0] == "seal.age-header"


def test_call_order() -> None:
    writer = AgeWriter([KEY.recipient], os.urandom)
    for call in (writer.finish, writer.flush_full, lambda: writer.update(b"x")):
        with pytest.raises(RuntimeError):
            call()
    writer.begin()
    with pytest.raises(RuntimeError):
        writer.begin()
    writer.finish()
    for call in (writer.begin, writer.finish, writer.flush_full, lambda: writer.update(b"x")):
        with pytest.raises(RuntimeError):
            call()


def test_pending_and_flush_full() -> None:
    writer = AgeWriter([KEY.recipient], os.urandom)
    data = writer.begin().data
    assert writer.update(bytes(CHUNK)) is None
    assert writer.pending_bytes == CHUNK
    full = writer.flush_full()
    assert full is not None and not full.final
    assert writer.pending_bytes == 0
    assert writer.flush_full() is None
    with pytest.raises(RuntimeError, match="empty last chunk"):
        writer.finish()
    assert writer.update(b"z") is None
    assert writer.flush_full() is None
    last = writer.finish()
    assert open_bytes(data + full.data + last.data, [KEY.identity]) == bytes(CHUNK) + b"z"


def test_update_takes_any_buffer() -> None:
    whole = bytes(range(256)) * 600
    for form in (whole, bytearray(whole), memoryview(whole)[::1]):
        writer = AgeWriter([KEY.recipient], os.urandom)
        pieces = [writer.begin(), writer.update(form), writer.finish()]
        assert open_bytes(b"".join(p.data for p in pieces if p), [KEY.identity]) == whole


def test_no_key_material_repeats_between_files() -> None:
    first, second = (seal_bytes(b"same", [KEY.recipient], os.urandom) for _ in range(2))
    assert first[-40:] != second[-40:]
    assert first.split(b"\n")[1] != second.split(b"\n")[1]


def test_a_random_source_that_gives_too_little_is_noticed() -> None:
    with pytest.raises(RuntimeError):
        draw(lambda count: bytes(count - 1), 16)
    with pytest.raises(RuntimeError):
        seal_bytes(b"", [KEY.recipient], lambda count: b"")


def test_capsule_opens_for_each_custodian_alone() -> None:
    custodians = [new_key_pair(os.urandom) for _ in range(3)]
    capsule = make_capsule(KEY.identity, [c.recipient for c in custodians], os.urandom)
    assert [open_capsule(capsule, [c.identity]) for c in custodians] == [KEY.identity] * 3
    assert refusal(lambda: open_capsule(capsule, [OTHER.identity]))[0] == "seal.no-matching-key"


@pytest.mark.parametrize(
    "plain",
    [b"", b"\n", b"hello\n", KEY.identity.encode(), KEY.identity.encode() + b"\n\n", b"\xff\n",
     f"# note\n{KEY.identity}\n".encode(), f"{KEY.identity}\n{OTHER.identity}\n".encode(),
     KEY.identity.encode() + b"\r\n", KEY.identity[:-1].encode() + b"\n"],
)  # fmt: skip
def test_a_capsule_with_anything_else_inside(plain: bytes) -> None:
    sealed = seal_bytes(plain, [OTHER.recipient], os.urandom)
    code, printed = refusal(lambda: open_capsule(sealed, [OTHER.identity]))
    assert code == "seal.bad-capsule"
    assert KEY.identity[16:40] not in printed


def test_make_capsule_refuses_what_could_never_be_used() -> None:
    broken = KEY.identity[:-1] + ("Q" if KEY.identity[-1] != "Q" else "P")
    code, printed = refusal(lambda: make_capsule(broken, [OTHER.recipient], os.urandom))
    assert code == "seal.bad-identity"
    assert broken[16:40] not in printed


def test_identity_file() -> None:
    text = f"# created: today\r\n# public key: x\n\n{KEY.identity}\r\n\n{OTHER.identity}"
    assert read_identity_file(text) == (KEY.identity, OTHER.identity)
    assert refusal(lambda: read_identity_file("# nothing\n"))[0] == "seal.bad-identity"


@pytest.mark.parametrize(
    "bad",
    [KEY.identity[:-1], KEY.identity.lower(), " " + KEY.identity, KEY.identity + " ", KEY.recipient,
     KEY.identity.swapcase()[:20] + KEY.identity[20:], bech32.encode("AGE-SECRET-KEY-TAG-", bytes(32)),
     bech32.encode("AGE-SECRET-KEY-", bytes(33)), KEY.identity.replace("1", "I")],
)  # fmt: skip
def test_a_bad_identity_line_is_named_by_number_only(bad: str) -> None:
    code, printed = refusal(lambda: read_identity_file(f"# comment\n{OTHER.identity}\n{bad}\n"))
    assert code == "seal.bad-identity"
    assert "line 3" in printed
    for secret in (bad.strip()[16:30], KEY.identity[20:40], OTHER.identity[20:40]):
        assert secret.lower() not in printed.lower()
