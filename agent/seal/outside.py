"""What a sealed file shows without any key: that its header is one, of which suite, for how many recipients.

Guarantees: reads the header alone; judges as the strict reader does, and refuses a header with stanzas of
more than one type or of a type that no suite has. Leaves out whose keys they are: stanzas do not name their
recipients, and without a key the header's MAC can't be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.formats import age_v1
from agent.model.errors import Refuse
from agent.seal.suites import SUITES

_READ = 4096


@dataclass(frozen=True, slots=True)
class Outside:
    """`suite` is the name of the suite of all `recipients` stanzas."""

    suite: str
    recipients: int


def look_at(read: Callable[[int], bytes]) -> Outside | None:
    """None when the file ends in its header. Refuse `seal.age-header`, `seal.unknown-suite`.

    `read(n)` gives 1 to n bytes, or none at the end.
    """
    data = bytearray()
    while (end := age_v1.header_end(data)) is None:
        piece = read(_READ)
        if not piece:
            return None
        data += piece
    stanzas = age_v1.parse(bytes(data[:end])).stanzas
    types = {stanza.type for stanza in stanzas}
    for suite in SUITES:
        if types == {suite.STANZA_TYPE}:
            return Outside(suite.NAME, len(stanzas))
    raise Refuse(
        "seal.unknown-suite",
        f"its stanzas are not all of one known suite: {', '.join(sorted(types))[:200]}",
        "run edgeward verify, and find out who wrote it",
    )
