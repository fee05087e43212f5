"""The retained status of the box: on line, maintenance, draining, off line (docs/formats/mqtt-v1.md). Pure.

Guarantees: of several that wait only the newest is sent. Leaves out the will, which the broker says for us.
"""

from __future__ import annotations

from agent.model.outgoing import Json, Outgoing, Priority


def status_message(status: str, cause: str | None = None) -> Outgoing:
    """The retained status of the box."""
    body: dict[str, Json] = {"status": status, "cause": cause}
    # What is said at the end is never replaced: a new `online` would take its place in front of the birth.
    return Outgoing(
        entity="_",
        kind="status",
        type="box",
        body=body,
        priority=Priority.CRITICAL,
        retain=True,
        coalesce=status not in ("draining", "offline"),
    )
