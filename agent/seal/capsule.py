"""The capsule: a recording's identity, sealed to its custodians.

Guarantees: a capsule is an age file whose plaintext is an age identity file of one line, so
`age -d -i custodian.txt capsule.age > rk.txt` gives a file that `age -d -i rk.txt` takes. No identity
reaches an error text, not even a part of one. Leaves out storing it and the ticket layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.model.errors import Refuse
from agent.seal import suites
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import seal_bytes


def make_capsule(identity: str, custodians: Sequence[str], random: Callable[[int], bytes]) -> bytes:
    """`identity` for each of `custodians`, of the same suite: any one of them opens it.

    Refuses an unusable identity (`seal.bad-identity`) and what `AgeWriter` refuses.
    """
    suite = suites.by_identity(identity)
    return seal_bytes(identity.encode("ascii") + b"\n", custodians, random, suite.NAME)


def open_capsule(data: bytes, identities: Sequence[str]) -> str:
    """The recording's identity; refuses `seal.bad-capsule` when the content is anything else."""
    plain = open_bytes(data, identities)
    try:
        found = read_identity_file(plain.decode("ascii"))
    except (UnicodeDecodeError, Refuse):
        raise _bad_capsule() from None
    if len(found) != 1 or plain != found[0].encode("ascii") + b"\n":
        raise _bad_capsule()
    return found[0]


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
