"""Whose signature lets a policy count, and whose doesn't (STD 8.2 f)."""

from __future__ import annotations

from hashlib import sha256

import pytest

from agent.formats import signed_note
from agent.formats.command_v1 import KEY_PREFIX
from agent.formats.config_operators import OperatorConfig
from agent.formats.deid_approval_v1 import Approval, decode, encode
from agent.formats.signed_note import Note
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse
from agent.runtime.deid_approval import approve, approver_of
from tests.fakes.face_films import POLICY, policy

TEXT = POLICY.replace('"data protection officer"', '"dpo"').replace('"teaching staff"', '"dr-li", "ward 3"')
DATA = TEXT.encode()
ADVICE = "deid.unapproved"


def key(name: str, seed: int) -> SigningKey:
    return SigningKey.generate(bytes([seed]) * 32, KEY_PREFIX + name)


DPO, LI, HEAD, BOSS = key("dpo", 1), key("dr-li", 2), key("head", 3), key("boss", 4)
PEOPLE = (
    OperatorConfig(name="dpo", key=DPO.verifier_key, roles=("approver",)),
    OperatorConfig(name="dr-li", key=LI.verifier_key, roles=("approver", "operator")),
    OperatorConfig(name="head", key=HEAD.verifier_key, roles=("approver",)),
    OperatorConfig(name="boss", key=BOSS.verifier_key, roles=("administrator",)),
)


def note(*keys: SigningKey, text: str | None = None) -> bytes:
    """The approval of DATA with each key's line."""
    said = text or encode(Approval(policy="test", version=1, sha256=sha256(DATA).hexdigest(), by="dpo"))
    lines = tuple(signed_note.parse(one.sign_note(said)).signatures[0] for one in keys)
    return signed_note.encode(Note(text=said, signatures=lines))


def judged(signed: bytes | None, people: tuple[OperatorConfig, ...] = PEOPLE) -> str | None:
    return approver_of(policy(TEXT), DATA, signed, people)


def code(signed: bytes | None, people: tuple[OperatorConfig, ...] = PEOPLE) -> str:
    with pytest.raises(Refuse) as caught:
        judged(signed, people)
    return caught.value.code


def test_what_an_approver_signed_counts() -> None:
    assert judged(approve(policy(TEXT), DATA, DPO)) == "dpo"
    assert judged(note(DPO, HEAD)) == "dpo"


def test_where_nobody_can_approve_the_policys_word_stands_alone() -> None:
    assert judged(None, ()) is None
    assert judged(None, PEOPLE[3:]) is None


@pytest.mark.parametrize(
    ("signed", "wanted"),
    [
        (None, ADVICE),
        (note(BOSS), ADVICE),
        (note(key("stranger", 9)), ADVICE),
        (note(key("dpo", 9)), ADVICE),
        (note(HEAD), ADVICE),
        (note(HEAD, DPO), ADVICE),
        (note(DPO, BOSS), ADVICE),
        (note(LI), "deid.approver-is-user"),
        (note(DPO, LI), "deid.approver-is-user"),
        (note(DPO)[:-20], "note.bad"),
        (note(DPO, text="edgeward.command/v1\n{}\n"), "deid.bad-approval"),
    ],
    ids=[
        "nobody", "no-approver", "stranger", "another-key-of-that-name", "another-approver", "not-first",
        "also-no-approver", "user", "also-user", "cut", "another-text",
    ],
)  # fmt: skip
def test_what_does_not_count(signed: bytes | None, wanted: str) -> None:
    assert code(signed) == wanted


def test_a_note_without_anybody_configured_counts_for_nothing() -> None:
    assert code(note(DPO), ()) == ADVICE


@pytest.mark.parametrize("field", ["policy", "version", "sha256"])
def test_an_approval_is_for_one_policy_to_the_byte(field: str) -> None:
    other = {
        "policy": Approval(policy="other", version=1, sha256=sha256(DATA).hexdigest(), by="dpo"),
        "version": Approval(policy="test", version=2, sha256=sha256(DATA).hexdigest(), by="dpo"),
        "sha256": Approval(policy="test", version=1, sha256="0" * 64, by="dpo"),
    }
    assert code(note(DPO, text=encode(other[field]))) == ADVICE


def test_a_forged_line_is_found() -> None:
    """Another text's signature under this one."""
    real = signed_note.parse(
        DPO.sign_note(encode(Approval(policy="test", version=2, sha256="0" * 64, by="dpo")))
    )
    here = signed_note.parse(note(DPO))
    forged = signed_note.encode(Note(text=here.text, signatures=real.signatures))
    assert code(forged) == "note.forged"


@pytest.mark.parametrize(
    ("signer", "wanted"),
    [(HEAD, "deid.other-approver"), (SigningKey.generate(bytes(32), "edgeward/box"), "key.other-use")],
    ids=["another", "a-box"],
)
def test_only_whom_the_policy_names_signs(signer: SigningKey, wanted: str) -> None:
    with pytest.raises(Refuse) as caught:
        approve(policy(TEXT), DATA, signer)
    assert caught.value.code == wanted


def test_a_user_does_not_sign() -> None:
    own = TEXT.replace('by = "dpo"', 'by = "dr-li"')
    with pytest.raises(Refuse) as caught:
        approve(policy(own), own.encode(), LI)
    assert caught.value.code == "deid.approver-is-user"


GOOD = encode(Approval(policy="test", version=1, sha256="a" * 64, by="dpo"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/v1\n", "/v2\n"), ('"v":1', '"v":2'), ('"v":1', '"v":true'), ('"v":1', '"more":1,"v":1'),
        ('"version":1', '"version":0'), ('"version":1', '"version":1.0'), ('"by":"dpo"', '"by":"D P O"'),
        ("aaaa", "AAAA"), ('{"by"', '{ "by"'), ("}\n", "}\n\n"), ("{", "["),
    ],
)  # fmt: skip
def test_an_approval_has_one_spelling(old: str, new: str) -> None:
    assert decode(GOOD).by == "dpo"
    assert old in GOOD
    with pytest.raises(Refuse) as caught:
        decode(GOOD.replace(old, new, 1))
    assert caught.value.code == "deid.bad-approval"
