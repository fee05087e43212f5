"""The capsule: a recording's identity, sealed to its custodians, and that to a ticket.

Guarantees: under its layers a capsule holds an age identity file of one line, so
`age -d -i ticket.txt capsule.age | age -d -i custodian.txt > rk.txt` (without a ticket only the second
part) gives a file that `age -d -i rk.txt` takes; where several custodians must open together,
`custodians.py` makes the layer below theirs. All is opened in memory. No identity reaches an error text, not
even a part of one. Leaves out storing the capsule and reserving the ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.formats import age_v1, capsule_v1
from agent.model.errors import Refuse
from agent.seal import suites
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import seal_bytes
from agent.seal.custodians import check_custodians, open_together, seal_together

# A container, and what the headers around it may need.
MAX_CAPSULE = capsule_v1.MAX_CONTAINER + 2 * age_v1.MAX_HEADER


def make_capsule(
    identity: str,
    custodians: Sequence[str],
    random: Callable[[int], bytes],
    ticket: str | None = None,
    threshold: int = 1,
) -> bytes:
    """`identity` for any `threshold` of `custodians`, of the same suite; with `ticket` that comes first.

    Refuses an unusable identity (`seal.bad-identity`) and what `check_custodians` and `AgeWriter` refuse.
    """
    suite = suites.by_identity(identity)
    check_custodians(custodians, threshold)
    plain = identity.encode("ascii") + b"\n"
    if threshold > 1:
        plain = seal_together(plain, custodians, threshold, random, suite.NAME)
    inner = seal_bytes(plain, custodians, random, suite.NAME)
    return inner if ticket is None else seal_bytes(inner, [ticket], random, suite.NAME)


def unwrap_capsule(data: bytes, ticket_identity: str) -> bytes:
    """The layer under the ticket's; refuses `seal.bad-capsule` when that is no sealed file, and keeps it."""
    inner = open_bytes(data, [ticket_identity])
    if not age_v1.is_age_file(inner):
        raise _bad_capsule()
    return inner


def open_capsule(data: bytes, identities: Sequence[str]) -> str:
    """The recording's identity, when `identities` open every layer; `data` may be an inner layer too.

    Refuses `seal.bad-capsule` when the content is anything else, `seal.no-matching-key` for a closed layer,
    `seal.more-keys` when some custodians' keys are there and not enough of them.
    """
    if len(data) > MAX_CAPSULE:
        raise _bad_capsule()
    plain = open_bytes(data, identities)
    while True:  # each layer is shorter than the one around it
        if age_v1.is_age_file(plain):
            plain = open_bytes(plain, identities)
        elif capsule_v1.looks_like_one(plain):
            plain = open_together(plain, identities)
        else:
            break
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
