"""Alarms: the list, one with its steps, acknowledge and close."""

from __future__ import annotations

from collections.abc import Callable

from agent.console import history
from agent.console.alarms import Alarm, AlarmBook
from agent.console.api.ask import Ask, choice, listed
from agent.console.shape import several, text
from agent.console.writer import Reader, Writer
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import rfc3339

_MOST = 200
_ID = text(64)


class AlarmPages:
    """See the module's text. `tell` is called after a change, so that everybody sees it at once."""

    def __init__(self, book: AlarmBook, writer: Writer, reader: Reader, tell: Callable[[], None]) -> None:
        self._book = book
        self._writer = writer
        self._reader = reader
        self._tell = tell

    async def list(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/alarms`. What is open comes from memory, so that it is there without a database."""
        asked = ask.asked("state", "box", "limit", "before")
        state = choice(asked["state"], "open", "open", "closed", "all")
        limit, before = ask.page()
        box = asked["box"]
        if state == "open":
            found = sorted(self._book.open.values(), key=lambda one: one.id, reverse=True)
            found = [one for one in found if box in (None, one.box) and (before is None or one.id < before)]
            found = found[:limit]
        else:
            await self._writer.flush()
            found = await self._reader.read(lambda db: history.alarms(db, state, box, limit, before))
        return listed([one.json() for one in found], limit, "id")

    async def one(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/alarms/{id}`."""
        alarm_id = ask.path["id"]
        await self._writer.flush()
        stored, steps = await self._reader.read(lambda db: history.alarm(db, alarm_id))
        found = self._book.open.get(alarm_id, stored)
        if found is None:
            raise Refuse("alarm.unknown", "there is no such alarm", "see the list")
        return {**found.json(), "steps": [*steps]}

    async def acknowledge(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/alarms/acknowledge`: all or none."""
        return await self._act(ask, "alarm.acknowledge", self._book.may_acknowledge, self._book.acknowledge)

    async def close(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/alarms/close`: all or none."""
        return await self._act(ask, "alarm.close", self._book.may_close, self._book.close)

    async def _act(
        self, ask: Ask, action: str, may: Callable[[str], Alarm], do: Callable[[str, str, str, str], Alarm]
    ) -> dict[str, Json]:
        """The record is durable before anything changes; a change in between is told as a refusal."""
        ask.fields({"ids": several(_ID, _MOST), "reason": text(500)})
        ids, reason = list(dict.fromkeys(ask.body["ids"])), ask.body["reason"].strip()
        if not ids or not reason:
            raise Refuse("request.bad", "alarms or the reason are missing", "say why, in a few words")
        found = [may(one) for one in ids]
        await self._writer.must(
            *(ask.entry(action, object=one.id, box=one.box, detail=f"{one.code}: {reason}") for one in found)
        )
        stamp = rfc3339(ask.now.wall_ns)
        done = [do(one.id, ask.account.account, reason, stamp) for one in found]
        self._tell()
        await self._writer.flush()
        return {"items": [one.json() for one in done]}
