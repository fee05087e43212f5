"""How the vectors of this folder were made; run once from the repository's root, results are kept.

Contract: `PYTHONPATH=. python tests/vectors/destruction-v1/make_vectors.py` rewrites every case, to the byte
the same: keys come from counters and are never to be used; medium and version are written down here.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from agent.formats import certificate_v1 as v1
from agent.formats.certificate_v1 import Certificate, Limit
from agent.formats.ledger_v1 import LeafType
from agent.ledger.log import Ledger
from agent.ledger.signing import SigningKey, Verifier
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, rfc3339
from agent.runtime.book import Book
from agent.runtime.disposal_authority import read_destroyed
from agent.runtime.disposal_certificate import challenge, make_certificate
from agent.runtime.disposal_context import DisposalContext
from agent.vault.disposal import DisposalAccount
from agent.vault.disposal_plan import EXPIRES_NS, Policy
from tests.fakes.clock import FakeClock

HERE = Path(__file__).parent
BOX = SigningKey.generate(bytes(range(32)), "edgeward.box/or-3")
AUTHORITY = SigningKey.generate(bytes(range(3, 35)), "edgeward.authority/test")
SAME_NAME = SigningKey.generate(bytes(range(5, 37)), "edgeward.authority/test")
REQUEST = "01a3df7c-f5e0-7121-ad0d-7bef5e5f6d65"
RECORDINGS = ("01a20ada-2c00-7690-b546-fe9077a7fe55", "01a20ada-2c00-783e-b0e0-589a5c5c75b7")
TICKETS = ("01a20ada-2c00-7cef-beed-5ad5e4821e6c", "01a20ada-2c00-7de5-bd11-1d4ac677b8ba")
ROOTS = ("11" * 32, "22" * 32)
Change = Callable[[dict[str, Any]], None]


def note_of(key: SigningKey, *tickets: str) -> str:
    """The authority's record of a destruction."""
    document: dict[str, Json] = {
        "v": 1, "n": 3, "prev": "0" * 64, "at": "2026-11-25T00:00:00.000000Z", "type": "destroyed",
        "epoch": 2, "epoch_recipient": "age1pq-none",
        "body": {"tickets": [*tickets], "reason": "term", "epoch_before": 1},
    }  # fmt: skip
    return key.sign_note(rfc8785.dumps(document).decode() + "\n").decode()


class Story:
    """A ledger of its own that tells of one destruction."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.folder = folder
        self.ledger = Ledger.open(folder / "ledger", "or-3", BOX)
        self.account = DisposalAccount()

    def tell(self, kind: LeafType, **body: Json) -> None:
        self.clock.advance(1)
        self.ledger.append(self.clock.now(), 1, kind, body)
        for leaf in self.ledger.leaves(self.account.size):
            assert self.account.take(leaf) == ()

    def record(self, level: int, tickets: tuple[str | None, ...]) -> None:
        for name, ticket, root in zip(RECORDINGS, tickets, ROOTS, strict=False):
            self.tell(LeafType.RECORDING_OPENED, recording=name, channel="ch0", level=level, ticket=ticket)
            self.tell(LeafType.SEGMENT, recording=name, size_bytes=1_000_000)
            self.tell(LeafType.RECORDING_CLOSED, recording=name, root=root, end=None)

    def ask(self, ground: str, needed: int, *, without_ticket: bool) -> tuple[str, str]:
        """The challenge and its hash."""
        names = [*self.account.recordings]
        body: dict[str, Json] = {
            "request": REQUEST, "recordings": [*names], "reason": "term is over", "ground": ground,
            "without_ticket": without_ticket, "requested_by": ["anna"], "approvals_needed": needed,
            "expires": rfc3339(self.clock.now().wall_ns + NS_PER_S + EXPIRES_NS),
            "ledger_size": self.ledger.size, "ledger_root": self.ledger.root().hex(),
        }  # fmt: skip
        text = challenge("or-3", body, [*self.account.recordings.values()])
        sha256 = v1.challenge_sha256(text)
        self.tell(LeafType.DESTROY_REQUESTED, **body, challenge_sha256=sha256)
        return text, sha256

    def certify(self, notes: list[str], signer: SigningKey) -> Certificate:
        read = [read_destroyed(note, Verifier(signer.verifier_key)) for note in notes]
        self.tell(
            LeafType.DESTROY_EXECUTED, request=REQUEST, phase="intent", executed_by=["anna"],
            title="archivist", place="Building 2", authority_records=[one.sha256 for one in read],
        )  # fmt: skip
        self.tell(
            LeafType.DESTROY_EXECUTED, request=REQUEST, phase="result", verification="files-absent",
            discard={"done": False, "text": "fstrim failed: Operation not permitted"},
        )  # fmt: skip
        context = DisposalContext(
            box="or-3", site="", vault=self.folder, state_dir=self.folder, policy=Policy(),
            book=Book(self.ledger, None, self.clock, 1, lambda: None), ledger=self.ledger,
            account=self.account, key=BOX, authority=None, clock=self.clock, random=bytes,
        )  # fmt: skip
        made = make_certificate(context, self.account.requests[REQUEST], read, self.clock.now())
        environment = (Limit.MEDIUM_UNKNOWN, Limit.FLASH_KEEPS_CELLS)
        medium = v1.Medium(
            maker="ACME", model="SSD 9", serial="S123", kind="flash", removable=False, file_system="ext4",
            discards_on_unlink=False,
        )  # fmt: skip
        return made.model_copy(
            update={
                "medium": medium,
                "sanitization": made.sanitization.model_copy(update={"version": "1.0.0"}),
                "limits": [one for one in made.limits if one not in environment] + [Limit.FLASH_KEEPS_CELLS],
            }
        )


def destroyed(
    *,
    level: int = 4,
    tickets: tuple[str | None, ...] = TICKETS,
    ground: str = "retention",
    approvers: tuple[str, ...] = ("bob", "carl"),
    needed: int = 2,
    signer: SigningKey = AUTHORITY,
) -> tuple[str, Certificate]:
    """A challenge and the certificate that follows."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder))
        story.record(level, tickets)
        text, sha256 = story.ask(ground, needed, without_ticket=None in tickets)
        for approver in approvers:
            story.tell(
                LeafType.DESTROY_APPROVED, request=REQUEST, challenge_sha256=sha256, approvers=[approver]
            )
        living = [ticket for ticket in tickets if ticket is not None]
        made = story.certify([note_of(signer, *living)] if living else [], signer)
        story.ledger.close()
    return text, made


def changed(certificate: Certificate, change: Change) -> bytes:
    """What a box signs that lies."""
    document = json.loads(v1.encode_certificate(certificate).split("\n")[1])
    change(document)
    return signed(f"{v1.CERTIFICATE_TAG}\n{rfc8785.dumps(document).decode()}\n")


def signed(text: str, key: SigningKey = BOX) -> bytes:
    return key.sign_note(text, v1.MAX_CERTIFICATE)


def write(name: str, why: str, expected: str, note: bytes, challenge_text: str | None = None) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "README").write_text(why + "\n", encoding="utf-8")
    (folder / "expected").write_text(expected + "\n", encoding="utf-8")
    (folder / "certificate.note").write_bytes(note)
    if challenge_text is not None:
        (folder / "challenge").write_text(challenge_text, encoding="utf-8")


def set_root(document: dict[str, Any]) -> None:
    document["recordings"][0]["root"] = "33" * 32


def set_level(document: dict[str, Any]) -> None:
    document["confidentiality"]["before"] = 2


def drop_leaf(document: dict[str, Any]) -> None:
    document["ledger"]["leaves"].pop()


def add_field(document: dict[str, Any]) -> None:
    document["more"] = 1


def own_approval(document: dict[str, Any]) -> None:
    document["people"]["requested_by"] = ["bob"]


def claim_purge(document: dict[str, Any]) -> None:
    document["sanitization"]["method"] = "purge"
    document["sanitization"]["technique"] = "cryptographic-erase-and-unlink"
    document["confidentiality"]["after"] = "nobody"


def main() -> None:
    (HERE / "box.vkey").write_text(BOX.verifier_key + "\n", encoding="utf-8")
    (HERE / "authority.vkey").write_text(AUTHORITY.verifier_key + "\n", encoding="utf-8")
    text, good = destroyed()
    plain = v1.encode_certificate(good)
    write("good_purge", "Two recordings of level 4 with tickets.", "ok", signed(plain), text)
    mixed_text, mixed = destroyed(tickets=(TICKETS[0], None))
    write(
        "good_clear",
        "One of two has no ticket: clear, as the weakest.",
        "ok",
        signed(v1.encode_certificate(mixed)),
        mixed_text,
    )
    court_text, court = destroyed(
        level=5, ground="court-or-ethics", approvers=("bob", "carl", "dora"), needed=3
    )
    write(
        "good_court",
        "Level 5 by order, three approvals.",
        "ok",
        signed(v1.encode_certificate(court)),
        court_text,
    )
    _, few = destroyed(level=5)
    write(
        "two_for_level_5_fail",
        "Level 5 with two approvals.",
        "contradiction",
        signed(v1.encode_certificate(few)),
    )
    _, stranger = destroyed(signer=SAME_NAME)
    write(
        "other_authority_fail",
        "The note is of another key of the same name.",
        "contradiction",
        signed(v1.encode_certificate(stranger)),
    )
    for name, change, why in (
        ("root_fail", set_root, "Another root than the approved one, signed by the box."),
        ("level_fail", set_level, "A level that is too low."),
        ("leaf_missing_fail", drop_leaf, "The result leaf is not proven."),
        ("own_approval_fail", own_approval, "An approver as the requester."),
    ):
        write(name, why, "contradiction", changed(good, change))
    write(
        "clear_as_purge_fail",
        "A recording without a ticket can't be purged.",
        "contradiction",
        changed(mixed, claim_purge),
    )
    write(
        "unknown_field_fail",
        "A field that version 1 does not have.",
        "certificate.bad",
        changed(good, add_field),
    )
    write(
        "spelling_fail",
        "A space that RFC 8785 does not write.",
        "certificate.bad",
        signed(plain.replace('","', '", "', 1)),
    )
    write("float_fail", "A float.", "certificate.bad", signed(plain.replace('"v":1}', '"v":1.0}')))
    write(
        "other_tag_fail",
        "Signed as something else.",
        "certificate.bad",
        signed(plain.replace("destruction/v1", "destruction/v2", 1)),
    )
    write("challenge_fail", "The challenge, signed, is no certificate.", "certificate.bad", signed(text))
    write(
        "checkpoint_fail",
        "A checkpoint of the same key is none.",
        "certificate.bad",
        good.ledger.checkpoint.encode(),
    )
    write(
        "forged_fail",
        "Changed after it was signed.",
        "note.forged",
        signed(plain).replace(b"archivist", b"director "),
    )
    write("stranger_fail", "Signed by the authority.", "note.unsigned", signed(plain, AUTHORITY))


if __name__ == "__main__":
    main()
