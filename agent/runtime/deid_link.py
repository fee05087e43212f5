"""Seals the way from a derivative to its original so that two officers open it together (STD 8.2 e).

Guarantees: the record is sealed in memory, and fewer than two different officers' keys open nothing of it;
the file is a container as capsules for several custodians have (docs/formats/sealed-v1.md), which stock tar
and age open. Raises `Refuse` `seal.*`, `deid.bad-link`. Leaves out files, and noting who opened what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.deid.purposes import OFFICERS_TOGETHER
from agent.formats.deid_link_v1 import Link, decode, encode
from agent.seal import suites
from agent.seal.custodians import check_custodians, open_together, seal_together


def check_officers(officers: Sequence[str]) -> None:
    """Refuses officers to whom no link can be sealed."""
    for one in officers:
        suites.by_recipient(one)
    check_custodians(officers, OFFICERS_TOGETHER)


def seal_link(link: Link, officers: Sequence[str], random: Callable[[int], bytes]) -> bytes:
    """`link` for any two of `officers`."""
    check_officers(officers)
    suite = suites.by_recipient(officers[0])
    return seal_together(encode(link), officers, OFFICERS_TOGETHER, random, suite.NAME)


def open_link(data: bytes, identities: Sequence[str]) -> Link:
    """What `seal_link` sealed, when `identities` hold two of the officers' keys; else `seal.more-keys`."""
    return decode(open_together(data, identities))
