"""The suites this box can seal with, as a literal tuple: no discovery, no plugins.

Guarantees: a suite is a module with the members of `Suite`; each stanza type, recipient and identity
spelling belongs to exactly one of them; the level of a recording decides its suite. A new suite is one
module and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from agent.formats.age_v1 import Stanza
from agent.formats.bech32 import hrp_of
from agent.model.errors import Refuse
from agent.seal.suites import age_mlkem768x25519, age_x25519


class Suite(Protocol):
    """What a suite module offers. `unwrap` gives None for what is not addressed to the identity."""

    @property
    def NAME(self) -> str: ...
    @property
    def RECIPIENT_HRP(self) -> str: ...
    @property
    def IDENTITY_HRP(self) -> str: ...
    @property
    def POST_QUANTUM(self) -> bool: ...
    @property
    def STANZA_TYPE(self) -> str: ...
    def new_identity(self, random: Callable[[int], bytes]) -> str: ...
    def recipient_of(self, identity: str) -> str: ...
    def wrap(self, file_key: bytes, recipient: str, random: Callable[[int], bytes]) -> Stanza: ...
    def unwrap(self, stanza: Stanza, identity: str) -> bytes | None: ...
    def check_recipient(self, recipient: str) -> None: ...
    def check_identity(self, identity: str) -> None: ...


SUITES: tuple[Suite, ...] = (age_x25519, age_mlkem768x25519)
# STD 5.3: level 5 is kept for 15 to 30 years, so it must outlast today's key exchange.
_BY_LEVEL: dict[int, Suite] = {
    1: age_x25519,
    2: age_x25519,
    3: age_x25519,
    4: age_x25519,
    5: age_mlkem768x25519,
}


def for_level(level: int) -> Suite:
    """The suite of every recording of this data level; refuses `seal.unknown-level`."""
    suite = _BY_LEVEL.get(level)
    if suite is None:
        raise Refuse("seal.unknown-level", f"there is no data level {level}", "Use a level of 1 to 5.")
    return suite


def of_suite(recipients: Iterable[str], suite: Suite) -> tuple[str, ...]:
    """Those of `recipients` that belong to `suite`; refuses `seal.bad-recipient`."""
    return tuple(recipient for recipient in recipients if by_recipient(recipient) is suite)


def by_name(name: str) -> Suite:
    """The suite called `name`; refuses `seal.unknown-suite`."""
    for suite in SUITES:
        if name == suite.NAME:
            return suite
    known = ", ".join(suite.NAME for suite in SUITES)
    raise Refuse("seal.unknown-suite", "this suite is not known to this box", f"Choose one of: {known}.")


def by_recipient(recipient: str) -> Suite:
    """The suite that `recipient` belongs to, after checking it; refuses `seal.bad-recipient`."""
    for suite in SUITES:
        if hrp_of(recipient) == suite.RECIPIENT_HRP:
            suite.check_recipient(recipient)
            return suite
    raise Refuse(
        "seal.bad-recipient",
        "not a recipient of a known kind",
        "Give an age recipient: age1..., or age1pq1... for level 5.",
    )


def by_identity(identity: str) -> Suite:
    """The suite that `identity` belongs to, after checking it; refuses `seal.bad-identity`."""
    for suite in SUITES:
        if hrp_of(identity) == suite.IDENTITY_HRP:
            suite.check_identity(identity)
            return suite
    raise Refuse(
        "seal.bad-identity",
        "not an identity of a known kind",
        "Give an age identity: AGE-SECRET-KEY-1... or AGE-SECRET-KEY-PQ-1...",
    )
