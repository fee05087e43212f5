"""Any k of n custodians together: for each choice of k of them, age files nested in each other.

Guarantees: fewer than k different keys open nothing of it, whichever they are; stock `age` and `tar` open it
by hand (docs/formats/sealed-v1.md, Several custodians); everything stays in memory. Leaves out the layer
around it, which every custodian alone opens, and the ticket's (`capsule.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb

from agent.formats import capsule_v1
from agent.formats.capsule_v1 import MAX_ALTERNATIVES, MAX_THRESHOLD, Alternative, fingerprint
from agent.model.errors import Refuse
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import seal_bytes
from agent.seal.recording_key import recipient_of


def check_custodians(recipients: Sequence[str], threshold: int) -> None:
    """Refuses custodians of one suite that can't have this threshold: `seal.no-recipient`,
    `seal.repeated-recipient`, `seal.too-few-custodians`, `seal.too-many-alternatives`.
    """
    if not recipients:
        raise Refuse(
            "seal.no-recipient",
            "nobody could open this: there is no custodian",
            "Configure at least one custodian's recipient of the kind that the level needs.",
        )
    if len({fingerprint(one) for one in recipients}) != len(recipients):
        raise Refuse(
            "seal.repeated-recipient",
            "one custodian is listed twice, and would count as two",
            "Name each custodian's recipient once.",
        )
    if not 1 <= threshold <= len(recipients):
        raise Refuse(
            "seal.too-few-custodians",
            f"{threshold} custodians must open together, and there are {len(recipients)} of this suite",
            "Add recipients of the kind that the level needs, or lower the threshold to at least 1.",
        )
    if threshold > 1 and (threshold > MAX_THRESHOLD or comb(len(recipients), threshold) > MAX_ALTERNATIVES):
        raise Refuse(
            "seal.too-many-alternatives",
            f"any {threshold} of {len(recipients)} make {comb(len(recipients), threshold)} choices; "
            f"at most {MAX_ALTERNATIVES} are built, and a threshold of at most {MAX_THRESHOLD}",
            "Take fewer custodians, for example any 2 of 11 or any 3 of 8, or another threshold.",
        )


def seal_together(
    plain: bytes, recipients: Sequence[str], threshold: int, random: Callable[[int], bytes], suite: str
) -> bytes:
    """`plain` in one nested alternative for each `threshold` of `recipients`, in one container."""
    alternatives = []
    for chosen in combinations(recipients, threshold):
        sealed = plain
        for recipient in reversed(chosen):
            sealed = seal_bytes(sealed, [recipient], random, suite)
        keys = tuple(fingerprint(recipient) for recipient in chosen)
        alternatives.append(Alternative(keys=keys, sealed=sealed))
    return capsule_v1.encode(alternatives)


def open_together(container: bytes, identities: Sequence[str]) -> bytes:
    """What `seal_together` sealed. Refuses `seal.more-keys` with how many are wanting, never whose."""
    alternatives = capsule_v1.decode(container)
    given = {fingerprint(recipient_of(identity)): identity for identity in identities}
    for one in alternatives:
        if all(key in given for key in one.keys):
            return _peeled(one, [given[key] for key in one.keys])
    needed = len(alternatives[0].keys)
    there = max(sum(key in given for key in one.keys) for one in alternatives)
    raise Refuse(
        "seal.more-keys",
        f"{needed} custodians must open this together, and {there} of their keys are given: "
        f"{needed - there} more needed",
        "Give the key file of each of them with its own -i; the same key twice counts once.",
    )


def _peeled(one: Alternative, identities: Sequence[str]) -> bytes:
    data = one.sealed
    for identity in identities:
        try:
            data = open_bytes(data, [identity])
        except Refuse as error:
            if error.code != "seal.no-matching-key":
                raise
            raise Refuse(
                "seal.bad-container",
                "an alternative is not sealed to the keys that its name says",
                "Compare the capsule's hash with the opening leaf, and fetch another copy.",
            ) from None
    return data
