"""Signed notes: the specification's own example, Go's key, and what must be refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import signed_note
from agent.formats.signed_note import Note, Signature
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse

# golang.org/x/mod/sumdb/note: the example of its documentation.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqd"
    "ngotpRZb6KE6RyyBwJnAM=\n"
).encode()
KEY = SigningKey.generate(bytes(32), "example.com/log")


def _code(note: bytes, vkey: str = KEY.verifier_key) -> str:
    with pytest.raises(Refuse) as caught:
        Verifier(vkey).verify(note)
    return caught.value.code


def test_the_note_of_the_go_library_verifies() -> None:
    assert Verifier(GO_VKEY).verify(GO_NOTE).text.startswith("If you think")


def test_the_key_of_the_go_library_signs_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(GO_SKEY + "\n")
    path.chmod(0o600)
    key = SigningKey.load(path)
    assert key.verifier_key == GO_VKEY
    assert key.sign_note(signed_note.parse(GO_NOTE).text) == GO_NOTE


def test_a_note_with_more_signatures_verifies_by_any_known_one() -> None:
    text = "hello\n\nworld\n"
    mine = signed_note.parse(KEY.sign_note(text)).signatures[0]
    foreign = Signature(name="witness", key_id=b"abcd", value=b"anything")
    note = signed_note.encode(Note(text=text, signatures=(foreign, mine)))
    assert Verifier(KEY.verifier_key).verify(note).text == text


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAA=",
        b"text\n\n- a AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a\n",
        b"text\n\n\xe2\x80\x94  AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 a AAAA\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAB=\n",
        b"te\txt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"te\xffxt\n\n\xe2\x80\x94 a AAAAAAA=\n",
        b"text\n\n" + b"\xe2\x80\x94 a AAAAAAA=\n" * 33,
        b"x" * 70_000 + b"\n\n\xe2\x80\x94 a AAAAAAA=\n",
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    assert _code(note) == "note.bad"


def test_a_changed_text_is_forged_and_a_strange_key_unsigned() -> None:
    note = KEY.sign_note("hello\n")
    assert _code(note.replace(b"hello", b"hallo")) == "note.forged"
    assert _code(note, SigningKey.generate(b"\1" * 32, "example.com/log").verifier_key) == "note.unsigned"
    assert _code(note, SigningKey.generate(bytes(32), "example.com/other").verifier_key) == "note.unsigned"


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fall(data: bytes) -> None:
    try:
        note = signed_note.parse(data)
    except Refuse as error:
        assert error.code == "note.bad"
    else:
        assert signed_note.encode(note) == data


@pytest.mark.parametrize(
    "vkey",
    ["", "a", "a+b+c", GO_VKEY[:-1], GO_VKEY.replace("c74f20a3", "c74f20a4"), GO_VKEY.replace("P", "Q", 1)],
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(Refuse) as caught:
        Verifier(vkey)
    assert caught.value.code == "key.bad"


def test_a_key_file_keeps_the_key_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    KEY.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).verifier_key == KEY.verifier_key
    with pytest.raises(Refuse) as caught:
        KEY.save(path)
    assert caught.value.code == "key.exists"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o700])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    KEY.save(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(Refuse) as caught:
        SigningKey.load(tmp_path / "key")
    assert caught.value.code == "key.permissions"


@pytest.mark.parametrize(
    "text",
    ["", "x\n", GO_SKEY, GO_SKEY + "\n\n", GO_SKEY[:-4] + "\n", GO_SKEY.replace("+c7", "+c8") + "\n"],
)
def test_a_bad_key_file_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o400)
    with pytest.raises(Refuse) as caught:
        SigningKey.load(path)
    assert caught.value.code == "key.bad"
    assert "AYEKFALV" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_key_and_a_link_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refuse) as caught:
        SigningKey.load(tmp_path / "none")
    assert caught.value.code == "key.missing"


def test_repr_hides_the_secret() -> None:
    seed = os.urandom(32)
    key = SigningKey.generate(seed, "n")
    assert repr(key) == f"SigningKey({key.verifier_key!r})"
    assert seed.hex() not in repr(key)
