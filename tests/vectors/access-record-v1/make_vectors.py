"""How the vectors of this folder were made; run once from the repository's root, results are kept.

Contract: `python tests/vectors/access-record-v1/make_vectors.py` rewrites every case, byte for byte the same:
both keys come from counters and are never to be used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from agent.ledger.signing import SigningKey

HERE = Path(__file__).parent
TAG = "edgeward.access-record/v1\n"
KEY = SigningKey.generate(bytes(range(32)), "edgeward.operator/li-wei")
OTHER = SigningKey.generate(bytes(range(1, 33)), "edgeward.operator/li-wei")


def document() -> dict[str, Any]:
    """A finished opening."""
    return {
        "v": 1,
        "access": "01a20b87-3fc9-73f8-8307-89737bba7342",
        "at": "2026-11-24T00:20:00.000000Z",
        "tool": "edgeward 0.1.0",
        "box": "or-3",
        "recording": "01a20b00-0000-7000-8000-000000000001",
        "capsule_sha256": "ab" * 32,
        "keys": ["0123456789ab", "abcdef012345"],
        "purpose": "morbidity conference 教学",
        "who": {"key": KEY.name, "uid": 1000, "user": "li-wei"},
        "ledger": {"size": 41, "root": "cd" * 32, "problems": 0},
        "result": {
            "ended": "2026-11-24T00:21:00.000000Z",
            "frames": 750,
            "segments": 3,
            "truncated": 0,
            "parts": 1,
            "problems": 0,
            "error": None,
        },
    }


def keep(case: str, data: bytes, expected: str, why: str) -> None:
    """Writes one case."""
    assert case.endswith("_fail") == (expected != "ok")
    folder = HERE / case
    folder.mkdir(exist_ok=True)
    (folder / "record.note").write_bytes(data)
    (folder / "expected").write_text(expected + "\n")
    (folder / "README").write_text(why + "\n")


def note(made: dict[str, Any], key: SigningKey = KEY, tag: str = TAG) -> bytes:
    return key.sign_note(tag + rfc8785.dumps(made).decode() + "\n")


def edited(
    case: str, why: str, change: Callable[[dict[str, Any]], None], expected: str = "access.bad"
) -> None:
    """Really signed, with `change` made before."""
    made = document()
    change(made)
    keep(case, note(made), expected, why)


def main() -> None:
    keep("finished", note(document()), "ok", "An opening from begin to end.")
    edited("begun", "Broken off before its end was known.", lambda d: d.update(result=None), "ok")
    edited("no_box", "No leaf of the recording.", lambda d: d.update(box=None), "ok")
    changed = note(document()).replace(b"conference", b"conferenc3")
    keep("changed_fail", changed, "note.forged", "The purpose was changed after signing.")
    keep("other_key_fail", note(document(), OTHER), "note.unsigned", "Another key of the same name.")
    keep("command_tag_fail", note(document(), tag="edgeward.command/v1\n"), "access.bad", "A command's tag.")
    who = {"key": "edgeward.operator/zhao", "uid": 1, "user": "zhao"}
    edited("other_signer_fail", "It names somebody else.", lambda d: d.update(who=who), "access.other-signer")
    edited(
        "unsigned_who_fail", "It names nobody.", lambda d: d["who"].update(key=None), "access.other-signer"
    )
    edited("version_2_fail", "A later version.", lambda d: d.update(v=2), "access.version")
    edited("no_purpose_fail", "STD 9.2: without a purpose.", lambda d: d.update(purpose=" "))
    edited("long_purpose_fail", "201 characters.", lambda d: d.update(purpose="x" * 201))
    edited("line_feed_fail", "A purpose of two lines.", lambda d: d.update(purpose="a\nb"))
    edited("extra_field_fail", "A field for a patient.", lambda d: d.update(patient="x"))
    edited("no_keys_fail", "Opened by no key.", lambda d: d.update(keys=[]))
    edited("float_fail", "A half frame.", lambda d: d["result"].update(frames=1.5))
    edited("bad_time_fail", "No such day.", lambda d: d.update(at="2026-02-30T00:00:00.000000Z"))
    edited("path_recording_fail", "No id.", lambda d: d.update(recording="../../x"))


if __name__ == "__main__":
    (HERE / "vkey").write_text(KEY.verifier_key + "\n")
    main()
