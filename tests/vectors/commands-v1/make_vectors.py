"""How the vectors of this folder were made; run once from the repository's root, results are kept.

Contract: `python tests/vectors/commands-v1/make_vectors.py` rewrites every case, byte for byte the same: all
keys come from counters and are never to be used.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from agent.formats import signed_note
from agent.formats.signed_note import Note, Signature
from agent.ledger.signing import SigningKey

HERE = Path(__file__).parent
BOX = "or-3"
NOW = "2026-11-24T00:00:00.000000Z"
NONCE = "00112233445566778899aabbccddeeff"
ROLES = {
    "li": ["operator"],
    "wang": ["administrator"],
    "zhao": ["administrator", "approver"],
    "ida": ["viewer"],
}
KEYS = {
    name: SigningKey.generate(bytes(range(start, start + 32)), f"edgeward.operator/{name}")
    for start, name in enumerate([*ROLES, "stranger"])
}
FALSE = SigningKey.generate(bytes(range(100, 132)), "edgeward.operator/li")
Change = Callable[[dict[str, Any]], None]


def document(kind: str = "identify", **changes: Any) -> dict[str, Any]:
    """A good command of `li`."""
    return {
        "v": 1,
        "cmd_id": "019ab3a1-0400-7abc-8def-0123456789ab",
        "type": kind,
        "by": "li",
        "box": BOX,
        "issued": "2026-11-23T23:59:00.000000Z",
        "not_after": "2026-11-24T01:00:00.000000Z",
        "counter": 7,
        "nonce": None,
        "args": {},
        **changes,
    }


def text_of(body: dict[str, Any], tag: str = "edgeward.command/v1") -> str:
    return f"{tag}\n{rfc8785.dumps(body).decode()}\n"


def signed(text: str, *names: str) -> bytes:
    """`text` with the signatures of `names`, in this order."""
    lines = [signed_note.parse(KEYS[name].sign_note(text)).signatures[0] for name in names]
    return signed_note.encode(Note(text=text, signatures=tuple(lines)))


def two(body: dict[str, Any], *names: str) -> bytes:
    return signed(text_of({**body, "by": names[0]}), *names)


def forged() -> bytes:
    """A signature of another key under li's name and key id."""
    text = text_of(document())
    mine = signed_note.parse(KEYS["li"].sign_note(text)).signatures[0]
    theirs = signed_note.parse(FALSE.sign_note(text)).signatures[0]
    false = Signature(name=mine.name, key_id=mine.key_id, value=theirs.value)
    return signed_note.encode(Note(text=text, signatures=(false,)))


def spaced() -> bytes:
    return signed("edgeward.command/v1\n" + json.dumps(document()) + "\n", "li")


def without(name: str) -> dict[str, Any]:
    body = document()
    del body[name]
    return body


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


PLAN = {"kind": "plan.set", "nonce": NONCE}
CASES: dict[str, tuple[str, str, bytes]] = {
    "good": ("ok", "li asks the box to identify itself", signed(text_of(document()), "li")),
    "good_two_signatures": ("ok", "two administrators set a plan", two(document(**PLAN), "wang", "zhao")),
    "good_three_signatures": (
        "ok",
        "more signatures than needed, all of them good",
        two(document("ledger.prove", args={"leaf": 0}), "li", "wang", "ida"),
    ),
    "good_deepest_args": ("ok", "eight levels", signed(text_of(document(args=deep(8))), "li")),
    "good_with_nonce": ("ok", "a nonce where none is needed", signed(text_of(document(nonce=NONCE)), "li")),
    "too_large_fail": ("command.too-large", "65 537 bytes", b"x" * 65537),
    "empty_fail": ("command.bad", "no bytes", b""),
    "no_note_fail": ("command.bad", "JSON without a signature", rfc8785.dumps(document())),
    "other_tag_fail": ("command.bad", "a text of something else", signed("edgeward.plan/v1\n{}\n", "li")),
    "tag_2_fail": (
        "command.version",
        "a tag of the next version",
        signed(text_of(document(), "edgeward.command/v2"), "li"),
    ),
    "version_2_fail": ("command.version", "v is 2", signed(text_of(document(v=2)), "li")),
    "version_true_fail": ("command.bad", "v is no number", signed(text_of(document(v=True)), "li")),
    "unknown_type_fail": (
        "command.unknown-type",
        "no such operation",
        signed(text_of(document("shell.run")), "li"),
    ),
    "unknown_field_fail": (
        "command.bad",
        "a field that version 1 has not: it might say 'only if'",
        signed(text_of(document(only_if="idle")), "li"),
    ),
    "no_nonce_field_fail": ("command.bad", "a field is missing", signed(text_of(without("nonce")), "li")),
    "spelling_fail": ("command.bad", "not the RFC 8785 spelling", spaced()),
    "float_fail": ("command.bad", "a float in args", signed(text_of(document(args={"x": 0.5})), "li")),
    "deep_args_fail": ("command.bad", "nine levels", signed(text_of(document(args=deep(9))), "li")),
    "counter_0_fail": ("command.bad", "counters begin at 1", signed(text_of(document(counter=0)), "li")),
    "window_fail": (
        "command.bad",
        "more than 30 days from issued to not_after",
        signed(text_of(document(not_after="2026-12-24T00:00:00.000000Z")), "li"),
    ),
    "upside_down_fail": (
        "command.bad",
        "not_after is before issued",
        signed(text_of(document(not_after="2026-11-23T00:00:00.000000Z")), "li"),
    ),
    "version_4_uuid_fail": (
        "command.bad",
        "the id is of another version",
        signed(text_of(document(cmd_id="019ab3a1-0400-4abc-8def-0123456789ab")), "li"),
    ),
    "unknown_key_fail": (
        "command.unknown-key",
        "signed by somebody whom the box does not know",
        two(document(), "stranger"),
    ),
    "one_unknown_key_fail": (
        "command.unknown-key",
        "one good line, one of a stranger",
        two(document(), "li", "stranger"),
    ),
    "other_signer_fail": (
        "command.other-signer",
        "by is li, the first line is wang's: lines turned around",
        signed(text_of(document("ledger.prove", args={"leaf": 0})), "wang", "li"),
    ),
    "role_fail": ("command.role", "a viewer operates", two(document(), "ida")),
    "second_role_fail": (
        "command.role",
        "the second signer has no role for this",
        two(document(**PLAN), "wang", "li"),
    ),
    "forged_fail": ("command.forged", "another key's signature under li's name and id", forged()),
    "changed_fail": (
        "command.forged",
        "one digit of the counter was changed",
        signed(text_of(document()), "li").replace(b'"counter":7', b'"counter":8'),
    ),
    "other_box_fail": (
        "command.other-box",
        "for the box next door",
        signed(text_of(document(box="or-4")), "li"),
    ),
    "counter_fail": (
        "command.counter",
        "the box has accepted counter 6 of this key; this is 6 again",
        signed(text_of(document(counter=6)), "li"),
    ),
    "expired_fail": (
        "command.expired",
        "not_after was 301 s ago",
        signed(
            text_of(document(not_after="2026-11-23T23:54:59.000000Z", issued="2026-11-23T23:00:00.000000Z")),
            "li",
        ),
    ),
    "future_fail": (
        "command.not-yet",
        "issued 301 s from now",
        signed(text_of(document(issued="2026-11-24T00:05:01.000000Z")), "li"),
    ),
    "no_nonce_fail": (
        "command.no-nonce",
        "privileged without nonce",
        two(document("plan.set"), "wang", "zhao"),
    ),
    "old_birth_fail": (
        "command.old-birth",
        "the nonce of another start",
        two(document("plan.set", nonce="f" * 32), "wang", "zhao"),
    ),
    "same_signer_fail": (
        "command.same-signer",
        "two lines of one operator",
        two(document(**PLAN), "wang", "wang"),
    ),
    "one_signature_fail": (
        "command.too-few-signatures",
        "one administrator where two are needed",
        two(document(**PLAN), "wang"),
    ),
}


def main() -> None:
    operators = [{"name": name, "key": KEYS[name].verifier_key, "roles": ROLES[name]} for name in ROLES]
    (HERE / "operators.json").write_text(json.dumps(operators, indent=2) + "\n")
    box = {"box": BOX, "now": NOW, "nonce": NONCE, "counters": {"li": 6}}
    (HERE / "box.json").write_text(json.dumps(box, indent=2) + "\n")
    for name, (expected, why, data) in CASES.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        (folder / "command.note").write_bytes(data)
        (folder / "expected").write_text(expected + "\n")
        (folder / "README").write_text(why + "\n")


if __name__ == "__main__":
    main()
