"""What witnesses say of the boxes' ledgers: stopped logs, and which tail nobody has seen. Pure.

Guarantees: a witness's status is bounded and checked like a box's message; a stopped log has an alarm that
names its box. Leaves out cosigning: `agent/ledger/witness.py` does that, run by `serve.py` or elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.console import vigil
from agent.console.effects import AlarmCleared, AlarmRaised
from agent.console.fleet import Fleet
from agent.console.shape import fields, maybe, several, stamp, text
from agent.console.strict_json import parse_object
from agent.model.outgoing import Json
from agent.model.times import Instant

_MOST_WITNESSES = 16
_MOST_BYTES = 256 * 1024
_STATUS = fields(
    {
        "witness": text(64),
        "stopped": several(fields({"box": text(64), "code": text(64), "since": maybe(stamp)}), 5000),
    }
)


class WitnessBook:
    """The newest status of each witness by its topic: who may write there is the broker's to say.

    `name` is that of the console's own; None without one.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._stopped: dict[str, dict[str, Mapping[str, Any]]] = {}

    def take(self, topic: str, payload: bytes, now: Instant) -> list[AlarmRaised | AlarmCleared]:
        """A retained status; what is none changes nothing."""
        witness = topic.rpartition("/")[2]
        if len(payload) > _MOST_BYTES or (
            witness not in self._stopped and len(self._stopped) >= _MOST_WITNESSES
        ):
            return []
        rows = _rows(payload) if payload else []
        if rows is None:
            return []
        before = self._all()
        self._stopped[witness] = {str(one["box"]): one for one in rows}
        after = self._all()
        found: list[AlarmRaised | AlarmCleared] = [
            vigil.raised("console.witness", f"a witness stopped its log: {one['code']}", now, box=box)
            for box, one in after.items()
            if box not in before
        ]
        return found + [vigil.cleared("console.witness", box=box) for box in before if box not in after]

    def told(self, fleet: Fleet) -> dict[str, Json]:
        """As the API says it."""
        stopped = self._all()
        items: list[Json] = []
        for name in sorted(fleet.boxes):
            box = fleet.boxes[name]
            seen = [one for one in box.ledger.get("witnesses", []) if one["size"] is not None]
            newest: Mapping[str, Any] = max(seen, key=lambda one: one["size"], default={})
            one = stopped.get(name)
            items.append(
                {
                    "box": name, "size": newest.get("size"), "at": newest.get("at"),
                    "stopped": None if one is None else str(one["code"]),
                    "since": None if one is None else one["since"],
                    "unwitnessed_leaves": box.ledger.get("unwitnessed_leaves"),
                    "unwitnessed_s": box.ledger.get("unwitnessed_s"),
                }
            )  # fmt: skip
        return {"configured": self._name is not None, "name": self._name, "items": items}

    def is_stopped(self, box: str | None) -> bool:
        """True while a witness has stopped this box's log."""
        return box in self._all()

    def _all(self) -> dict[str, Mapping[str, Any]]:
        return {box: one for rows in self._stopped.values() for box, one in rows.items()}


def _rows(payload: bytes) -> list[Mapping[str, Any]] | None:
    try:
        found = parse_object(payload)
    except ValueError:
        return None
    if not _STATUS(found):
        return None
    rows: list[Mapping[str, Any]] = found["stopped"]
    return rows
