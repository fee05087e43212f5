"""Reports of checks as the API says them, and whose signature they have.

Guarantees: `enrolled` only under the key that the administrator wrote into the console's configuration,
`announced` under the one that the box itself says; findings come from the signed text alone. Leaves out
masked pictures: the console shows none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.formats import check_report_v1
from agent.ledger.signing import Verifier
from agent.model.errors import Refuse
from agent.model.outgoing import Json

_ROW = ("run", "box", "at", "profile", "technician", "result", "complete", "counts", "sha256", "leaf")


def row(body: Mapping[str, Any], enrolled: str | None, announced: str | None) -> dict[str, Json]:
    """A report without its findings. `enrolled` and `announced` are verifier keys."""
    return {
        **{name: body.get(name) for name in _ROW},
        "signed": _signed(body.get("note"), str(body.get("box")), enrolled, announced),
    }


def whole(body: Mapping[str, Any], enrolled: str | None, announced: str | None) -> dict[str, Json]:
    """The same with `findings`; None when there is no note, or it is no report."""
    return {**row(body, enrolled, announced), "findings": _findings(body.get("note"))}


def _signed(note: object, box: str, enrolled: str | None, announced: str | None) -> str:
    for word, key in (("enrolled", enrolled), ("announced", announced)):
        if key is None or not isinstance(note, str):
            continue
        try:
            found = Verifier(key).verify(note.encode("utf-8", "replace"), check_report_v1.MAX_NOTE)
            if check_report_v1.decode(found.text).box == box:
                return word
        except Refuse:
            continue
    return "unverified"


def _findings(note: object) -> list[Json] | None:
    if not isinstance(note, str):
        return None
    text = note.partition("\n\n")[0] + "\n"
    try:
        check_report_v1.decode(text)
    except Refuse:
        return None
    found: list[Json] = json.loads(text.split("\n")[1])["findings"]
    return found
