"""How the vectors of this folder were made; run once from the repository's root, results are kept.

Contract: `python tests/vectors/ticket-withdrawal-v1/make_vectors.py` rewrites every case, byte for byte the
same: both keys come from counters and are never to be used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from agent.formats.tickets_v1 import MAX_BATCH
from agent.formats.withdrawal_v1 import TAG
from agent.ledger.signing import SigningKey

HERE = Path(__file__).parent
AUTHORITY = SigningKey.generate(bytes(range(32)), "edgeward.authority/test")
STRANGER = SigningKey.generate(bytes(range(1, 33)), "edgeward.authority/stranger")
IDS = [f"01a20b87-3fc9-73f8-8307-00000000000{number}" for number in range(3)]


def document() -> dict[str, Any]:
    """Three tickets."""
    return {
        "v": 1,
        "withdrawal": "01a20b87-3fc9-73f8-8307-89737bba7342",
        "authority": AUTHORITY.name,
        "at": "2026-11-24T00:20:00.000000Z",
        "tickets": list(IDS),
    }


def keep(case: str, data: bytes, expected: str, why: str) -> None:
    """Writes one case."""
    assert case.endswith("_fail") == (expected != "ok")
    folder = HERE / case
    folder.mkdir(exist_ok=True)
    (folder / "list.withdrawn").write_bytes(data)
    (folder / "expected").write_text(expected + "\n")
    (folder / "README").write_text(why + "\n")


def note(made: dict[str, Any], key: SigningKey = AUTHORITY, tag: str = TAG) -> bytes:
    return key.sign_note(tag + rfc8785.dumps(made).decode() + "\n", MAX_BATCH)


def edited(case: str, why: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Really signed, with `change` made before."""
    made = document()
    change(made)
    keep(case, note(made), "tickets.bad-withdrawal", why)


def main() -> None:
    keep("good", note(document()), "ok", "Three tickets.")
    keep("stranger_fail", note(document(), STRANGER), "tickets.stranger", "Signed by somebody else.")
    theirs = {**document(), "authority": STRANGER.name}
    keep("other_name_inside_fail", note(theirs), "tickets.stranger", "Says another authority's name.")
    changed = note(document()).replace(IDS[2].encode(), IDS[2].replace("2", "3").encode())
    keep("changed_fail", changed, "tickets.forged", "One id was changed after signing.")
    keep("no_tag_fail", note(document(), tag=""), "tickets.bad-withdrawal", "Without its first line.")
    edited("version_2_fail", "Another version.", lambda d: d.update(v=2))
    edited("order_fail", "Ids out of order.", lambda d: d["tickets"].reverse())
    edited("twice_fail", "An id twice.", lambda d: d["tickets"].insert(0, IDS[0]))
    edited("empty_fail", "Nothing withdrawn.", lambda d: d.update(tickets=[]))
    edited("no_id_fail", "No id of a ticket.", lambda d: d.update(tickets=["x"]))
    edited("extra_fail", "A field that version 1 doesn't know.", lambda d: d.update(extra=1))
    edited("time_fail", "No such day.", lambda d: d.update(at="2026-02-30T00:00:00.000000Z"))


if __name__ == "__main__":
    (HERE / "vkey").write_text(AUTHORITY.verifier_key + "\n")
    main()
