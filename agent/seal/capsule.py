"""The capsule: a recording's identity, sealed to its custodians, and that to a ticket.

Guarantees: under its layers a capsule holds an age identity file of one line, so
`age -d -i ticket.txt capsule.age | age -d -i custodian.txt > rk.txt` (without a ticket only the second
part) gives a file that `age -d -i rk.txt` takes. No identity reaches an error text, not even a part of
one. Leaves out storing it and reserving the ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.formats import age_v1
from agent.model.errors import Refuse
from agent.seal import suites
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import seal_bytes


def make_capsule(
    identity: str, custodians: Sequence[str], random: Callable[[int], bytes], ticket: str | None = None
) -> bytes:
    """`identity` for each of `custodians`, of the same suite; with `ticket` that must be opened first.

    Refuses an unusable identity (`seal.bad-identity`) and what `AgeWriter` refuses.
    """
    suite = suites.by_identity(identity)
    inner = seal_bytes(identity.encode("ascii") + b"\n", custodians, random, suite.NAME)
    return inner if ticket is None else seal_bytes(inner, [ticket], random, suite.NAME)


def unwrap_capsule(data: bytes, ticket_identity: str) -> bytes:
    """The layer under the ticket's; refuses `seal.bad-capsule` when that is no sealed file, and keeps it."""
    inner = open_bytes(data, [ticket_identity])
    if not age_v1.is_age_file(inner):
        raise _bad_capsule()
    return inner


def open_capsule(data: bytes, identities: Sequence[str]) -> str:
    """The recording's identity, when `identities` open every layer.

    Refuses `seal.bad-capsule` when the content is anything else, `seal.no-matching-key` for a closed layer.
    """
    plain = open_bytes(data, identities)
    if age_v1.is_age_file(plain):
        plain = open_bytes(plain, identities)
    try:
        found = read_identity_file(plain.decode("ascii"))
    except (UnicodeDecodeError, Refuse):
        raise _bad_capsule() from None
    if len(found) != 1 or plain != found[0].encode("ascii") + b"\n":
        raise _bad_capsule()
    return found[0]


def opens(data: bytes, identity: str) -> bool:
    """True when `identity` opens the outermost layer. Refuses what is no age file, or a damaged one."""
    try:
        open_bytes(data, [identity])
    except Refuse as error:
        if error.code != "seal.no-matching-key":
            raise
        return False
    return True


def read_identity_file(text: str) -> tuple[str, ...]:
    """The identities of an age identity file; comments and blank lines are skipped.

    Refuses `seal.bad-identity`, naming the line by its number, and a file without any identity.
    """
    found: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        entry = line.removesuffix("\r")
        if not entry or entry.startswith("#"):
            continue
        try:
            suites.by_identity(entry)
        except Refuse as error:
            raise Refuse(error.code, f"line {number}: {error.text}", error.advice) from None
        found.append(entry)
    if not found:
        raise Refuse("seal.bad-identity", "the file holds no identity", "Give a file that age-keygen made.")
    return tuple(found)


def check_recipient(text: str) -> None:
    """Refuses with `seal.bad-recipient` what no suite of this box can seal to."""
    suites.by_recipient(text)


def _bad_capsule() -> Refuse:
    return Refuse(
        "seal.bad-capsule",
        "the capsule doesn't hold exactly one identity",
        "Check that this file is the recording's capsule (`capsule.age`).",
    )
