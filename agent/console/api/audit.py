"""The audit record: its list, and its chain counted anew."""

from __future__ import annotations

from agent.console import history
from agent.console.api.ask import Ask, listed
from agent.console.writer import Reader, Writer
from agent.model.outgoing import Json


class AuditPages:
    """See the module's text."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def list(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/audit`. Beginning to read has a record; turning the page has none."""
        asked = ask.asked("account", "action", "box", "limit", "before")
        limit, before = ask.page()
        cursor = history.number(before)
        filters = {name: value for name in ("account", "action", "box") if (value := asked[name]) is not None}
        if cursor is None:
            self._writer.put(ask.entry("audit.read"))
        await self._writer.flush()
        found = await self._reader.read(lambda db: history.audit_records(db, filters, limit, cursor))
        return listed(found, limit, "id")

    async def verify(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/audit/verify`."""
        ask.asked()
        await self._writer.flush()
        return await self._reader.read(history.audit_chain)
