"""How the vectors of this folder were made; run once from the repository's root, results are kept.

Contract: `python tests/vectors/tickets-v1/make_vectors.py` rewrites every case, byte for byte the same: all
keys come from counters and are never to be used. Private halves of tickets are not kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from agent.formats.tickets_v1 import MAX_BATCH
from agent.ledger.signing import SigningKey
from agent.model.ids import new_uuid7
from agent.seal.recording_key import new_key_pair

HERE = Path(__file__).parent
WALL_NS = 1_795_478_400_000_000_000  # 2026-11-24T00:00:00Z, the moment of `now`
AUTHORITY = SigningKey.generate(bytes(range(32)), "edgeward.authority/test")
STRANGER = SigningKey.generate(bytes(range(1, 33)), "edgeward.authority/stranger")
SAME_NAME = SigningKey.generate(bytes(range(2, 34)), "edgeward.authority/test")
PQ = "age-mlkem768x25519"
Change = Callable[[dict[str, Any]], None]


def counted(label: str) -> Callable[[int], bytes]:
    """Repeatable bytes: SHA-256 of the label and a counter, cut to size."""
    calls = 0

    def random(count: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.sha256(f"{label} {calls}".encode("ascii")).digest()[:count]

    return random


def document(label: str, suite: str = "age-x25519") -> dict[str, Any]:
    """A good batch of three tickets for this box and another."""
    random = counted(label)
    return {
        "v": 1,
        "batch": new_uuid7(WALL_NS, random(10)),
        "authority": AUTHORITY.name,
        "boxes": ["or-3", "ward-3"],
        "class": "recording",
        "suite": suite,
        "max_level": 5 if suite == PQ else 4,
        "not_before": "2026-11-01T00:00:00.000000Z",
        "not_after": "2027-11-01T00:00:00.000000Z",
        "retention": "level 4: 15 years after the last visit",
        "tickets": [
            {"id": new_uuid7(WALL_NS, random(10)), "recipient": new_key_pair(random, suite).recipient}
            for _ in range(3)
        ],
    }


def keep(case: str, data: bytes, expected: str, why: str) -> None:
    """Writes one case."""
    assert case.endswith("_fail") == (expected != "ok")
    folder = HERE / case
    folder.mkdir(exist_ok=True)
    (folder / "batch.tickets").write_bytes(data)
    (folder / "expected").write_text(expected + "\n")
    (folder / "README").write_text(why + "\n")


def note(changed: dict[str, Any], key: SigningKey = AUTHORITY) -> bytes:
    """The signed note over the one spelling of `changed`."""
    return key.sign_note(rfc8785.dumps(changed).decode() + "\n", MAX_BATCH)


def edited(case: str, expected: str, why: str, change: Change, suite: str = "age-x25519") -> None:
    """A batch that the authority really signed, with `change` made before."""
    made = document(case, suite)
    change(made)
    keep(case, note(made), expected, why)


def tickets(made: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made["tickets"]
    return found


def good_ones() -> None:
    edited("good", "ok", "Three tickets up to level 4.", lambda d: None)
    edited(
        "good_daily",
        "ok",
        "Tickets for camera-days of level 2 and 3.",
        lambda d: d.update({"class": "daily", "max_level": 3}),
    )
    edited("good_post_quantum", "ok", "Tickets of level 5.", lambda d: None, PQ)
    edited(
        "good_emergency",
        "ok",
        "Spare tickets, one for a box and day when the pool is empty.",
        lambda d: d.update({"class": "emergency"}),
    )

    def later(made: dict[str, Any]) -> None:
        made["issued_by"] = {"person": "officer 7", "place": ["A", 1]}
        tickets(made)[1]["shelf"] = "B"

    edited("good_unknown_fields", "ok", "A later version's fields: ignored, and kept by who hands on.", later)
    edited(
        "good_not_yet_valid",
        "ok",
        "Valid from tomorrow on: may be imported, counts as none until then.",
        lambda d: d.update(not_before="2026-11-25T00:00:00.000000Z"),
    )


def refused_by_signature() -> None:
    stranger = document("stranger_fail")
    stranger["authority"] = STRANGER.name
    keep("stranger_fail", note(stranger, STRANGER), "tickets.stranger", "A good batch of another authority.")
    keep(
        "same_name_fail",
        note(document("same_name_fail"), SAME_NAME),
        "tickets.stranger",
        "Signed by another key that calls itself by the authority's name.",
    )
    edited(
        "other_name_inside_fail",
        "tickets.stranger",
        "Signed by the authority, but the batch says that it is another's.",
        lambda d: d.update(authority=STRANGER.name),
    )
    made = document("tampered_ticket_fail")
    theirs = new_key_pair(counted("thief")).recipient
    data = note(made).replace(tickets(made)[2]["recipient"].encode(), theirs.encode())
    keep(
        "tampered_ticket_fail",
        data,
        "tickets.forged",
        "One ticket was exchanged for a thief's after signing.",
    )
    text = rfc8785.dumps(document("unsigned_fail"))
    keep("unsigned_fail", text + b"\n", "tickets.bad", "The JSON alone, without a signature.")
    keep("cut_fail", note(document("cut_fail"))[:-40], "tickets.bad", "The file ends in its signature.")


def refused_by_content() -> None:
    spaced = json.dumps(document("spelling_fail"), sort_keys=True) + "\n"
    keep(
        "spelling_fail", AUTHORITY.sign_note(spaced), "tickets.bad", "Signed, but not the RFC 8785 spelling."
    )
    twice = rfc8785.dumps(document("key_twice_fail")).decode().replace('"v":1', '"v":2,"v":1') + "\n"
    keep("key_twice_fail", AUTHORITY.sign_note(twice), "tickets.bad", "A JSON key comes twice.")
    bad: list[tuple[str, str, Change]] = [
        ("float_fail", "max_level is 4.5.", lambda d: d.update(max_level=4.5)),
        ("level_list_fail", "max_level is a list.", lambda d: d.update(max_level=[4])),
        ("level_of_other_suite_fail", "Level 5 with classical keys.", lambda d: d.update(max_level=5)),
        ("emergency_level_2_fail", "Too low to serve all.", _low_emergency),
        ("class_fail", "A class that version 1 doesn't know.", lambda d: d.update({"class": "weekly"})),
        ("daily_level_4_fail", "Camera-days of level 4.", lambda d: d.update({"class": "daily"})),
        ("no_tickets_fail", "An empty list.", lambda d: d.update(tickets=[])),
        ("no_retention_fail", "A field is missing.", lambda d: d.pop("retention")),
        ("upside_down_fail", "It ends before it begins.", lambda d: d.update(not_after=d["not_before"])),
        ("version_4_uuid_fail", "An id that is no version 7 UUID.", _random_uuid),
        (
            "key_of_other_suite_fail",
            "A post-quantum key in a classical batch.",
            lambda d: tickets(d)[1].update(recipient=tickets(document("x", PQ))[0]["recipient"]),
        ),
        (
            "low_order_key_fail",
            "A recipient that everybody knows the secret of.",
            lambda d: tickets(d)[1].update(recipient=LOW_ORDER),
        ),
    ]
    for case, why, change in bad:
        edited(case, "tickets.bad", why, change)
    edited("version_2_fail", "tickets.version", "A later version.", lambda d: d.update(v=2))
    edited("version_true_fail", "tickets.version", "v is true.", lambda d: d.update(v=True))
    edited(
        "id_twice_fail",
        "tickets.duplicate",
        "Two tickets of one id.",
        lambda d: tickets(d)[2].update(id=tickets(d)[0]["id"]),
    )
    edited(
        "recipient_twice_fail",
        "tickets.duplicate",
        "Two tickets of one key: destroying one would not be enough.",
        lambda d: tickets(d)[2].update(recipient=tickets(d)[0]["recipient"]),
    )
    edited("other_box_fail", "tickets.other-box", "For other boxes.", lambda d: d.update(boxes=["ward-4"]))
    edited(
        "expired_fail",
        "tickets.expired",
        "It expires at this very moment.",
        lambda d: d.update(not_after="2026-11-24T00:00:00.000000Z"),
    )


def _low_emergency(made: dict[str, Any]) -> None:
    made.update({"class": "emergency", "max_level": 2})


# bech32 of 32 zero bytes.
LOW_ORDER = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z"


def _random_uuid(made: dict[str, Any]) -> None:
    tickets(made)[1]["id"] = "5b2c6f0e-9d3a-4c1e-8f00-0123456789ab"


if __name__ == "__main__":
    (HERE / "vkey").write_text(AUTHORITY.verifier_key + "\n")
    (HERE / "box").write_text("ward-3\n")
    (HERE / "now").write_text("2026-11-24T00:00:00.000000Z\n")
    good_ones()
    refused_by_signature()
    refused_by_content()
