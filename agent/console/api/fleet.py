"""The fleet and its boxes: state, history, events, reports, recordings, certificates, witness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from agent.console import boxes, history, reports
from agent.console.api.ask import Ask, bad, listed, moment
from agent.console.boxes import Box
from agent.console.fleet import Fleet
from agent.console.news import News
from agent.console.shape import count
from agent.console.vigil import days_left
from agent.console.witness import WitnessBook
from agent.console.writer import Reader, Writer
from agent.model.errors import Refuse, Retry
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S

_LONGEST_NS = 800 * 86_400 * NS_PER_S
_RECORDING = (
    "recording", "box", "channel", "opened", "closed", "level", "category", "scene", "place", "responsible",
    "suite", "ticket", "emergency", "retain_until", "segments", "frames", "frames_expected", "gaps",
    "size_bytes", "verdict", "cause",
)  # fmt: skip
_MOST_WINDOW_S = 600
_SOON_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate of the console's own."""

    name: str
    not_before: str
    not_after: str


class FleetPages:
    """See the module's text. `rebirth` asks all boxes, False when there is no broker now."""

    def __init__(
        self, fleet: Fleet, news: News, writer: Writer, reader: Reader, witness: WitnessBook, *,
        enrolled: Mapping[str, str], rebirth: Callable[[int], bool], forget: Callable[[str], None],
        certificates: Callable[[], list[Certificate]],
    ) -> None:  # fmt: skip
        self._fleet = fleet
        self._news = news
        self._writer = writer
        self._reader = reader
        self._witness = witness
        self._enrolled = enrolled
        self._rebirth = rebirth
        self._forget = forget
        self._certificates = certificates

    async def snapshot(self, ask: Ask) -> Response:
        """`GET /api/v1/fleet`."""
        ask.asked()
        whole, _ = self._news.snapshot()
        return Response(whole, media_type="application/json")

    async def box(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/boxes/{box}`."""
        found = self._box(ask)
        detail = boxes.detail(found)
        if found.check is not None:
            detail["last_check"] = self._report({**found.check, "box": found.name}, whole=False)
        return detail

    async def history(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/boxes/{box}/history`."""
        asked = ask.asked("entity", "from", "to", "points")
        found, entity = self._box(ask), asked["entity"] or "_"
        from_ns, to_ns = moment(asked["from"], "from"), moment(asked["to"], "to")
        points = asked["points"] or "300"
        if not 0 < to_ns - from_ns <= _LONGEST_NS or from_ns < 0:
            raise bad("from is before to, by 800 days at most")
        if not points.isascii() or not points.isdigit() or not 10 <= int(points[:6]) <= 1000:
            raise bad("points is 10 to 1000")
        series = await self._reader.read(
            lambda db: history.series(db, found.name, entity, from_ns, to_ns, int(points))
        )
        channel = found.channels.get(entity)
        return {**series, "required": None if channel is None else boxes.required_of(channel)}

    async def events(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/boxes/{box}/events`."""
        asked = ask.asked("type", "limit", "before")
        limit, before = ask.page()
        name, cursor = self._box(ask).name, history.number(before)
        await self._writer.flush()
        found = await self._reader.read(
            lambda db: history.events(db, name, asked["type"], limit, cursor)
        )  # fmt: skip
        return listed(found, limit, "id")

    async def checks(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/boxes/{box}/checks`."""
        ask.asked("limit", "before")
        limit, before = ask.page()
        name, cursor = self._box(ask).name, history.number(before)
        await self._writer.flush()
        # Signatures are verified in the reader's thread too: they cost milliseconds each.
        return await self._reader.read(
            lambda db: self._reports(history.checks(db, name, limit, cursor), limit)
        )

    async def check(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/checks/{run}`."""
        run = ask.path["run"]
        box = ask.asked("box")["box"]
        await self._writer.flush()
        found = await self._reader.read(lambda db: history.check(db, run, box))
        if found is None:
            raise Refuse("check.unknown", "there is no such report", "see the list of the box")
        return self._report(found, whole=True)

    async def recordings(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/recordings`."""
        asked = ask.asked("box", "channel", "limit", "before")
        limit, before = ask.page()
        cursor = history.number(before)
        await self._writer.flush()
        found = await self._reader.read(
            lambda db: history.recordings(db, asked["box"], asked["channel"], limit, cursor)
        )
        page = listed(found, limit, "id")
        return {**page, "items": [{name: one.get(name) for name in _RECORDING} for one in found]}

    async def certificates(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/certificates`."""
        ask.asked()
        now_ns = ask.now.wall_ns
        found = [
            _certificate(None, one.name, one.not_before, one.not_after, now_ns)
            for one in self._certificates()
        ]
        for box in self._fleet.boxes.values():
            own = (box.twins.get("keys") or {}).get("certificate")
            if own is not None:
                found.append(_certificate(box.name, own["name"], own["not_before"], own["not_after"], now_ns))
        return {"items": [*sorted(found, key=lambda one: str(one["not_after"]))]}

    async def witness(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/witness`."""
        ask.asked()
        return self._witness.told(self._fleet)

    async def rebirth(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/rebirth`."""
        ask.fields({"window_s": count})
        window_s = ask.body["window_s"]
        if window_s > _MOST_WINDOW_S:
            raise bad(f"window_s is 0 to {_MOST_WINDOW_S}")
        await self._writer.must(ask.entry("rebirth", detail=f"{window_s} s"))
        if not self._rebirth(window_s):
            raise Retry(
                "console.broker-lost", "there is no broker now", "try again when it is back", after_s=5
            )
        return {}

    async def forget(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/boxes/{box}/forget`."""
        ask.fields({"reason": _reason})
        found = self._box(ask)
        if found.alive and not found.silent:
            advice = "stop it, and clear its retained messages at the broker"
            raise Refuse("box.alive", "this box is on line", advice)
        await self._writer.must(
            ask.entry("box.forget", object=found.name, box=found.name, detail=ask.body["reason"])
        )
        self._forget(found.name)
        return {}

    def _box(self, ask: Ask) -> Box:
        found = self._fleet.boxes.get(ask.path["box"])
        if found is None:
            raise Refuse("box.unknown", "there is no such box", "see the fleet")
        return found

    def _reports(self, found: list[dict[str, Json]], limit: int) -> dict[str, Json]:
        page = listed(found, limit, "id")
        return {**page, "items": [self._report(one, whole=False) for one in found]}

    def _report(self, body: Mapping[str, Any], *, whole: bool) -> dict[str, Json]:
        name = str(body["box"])
        box = self._fleet.boxes.get(name)
        announced = None if box is None else box.birth.get("ledger_key")
        make = reports.whole if whole else reports.row
        return make(body, self._enrolled.get(name), announced)


def _reason(value: object) -> bool:
    """A reason."""
    return type(value) is str and 1 <= len(value.strip()) <= 500


def _certificate(
    box: str | None, name: str | None, not_before: str, not_after: str, now_ns: int
) -> dict[str, Json]:
    left = days_left(not_after, now_ns)
    state = "ended" if left < 0 else "ending" if left <= _SOON_DAYS else "good"
    return {
        "box": box, "name": name, "not_before": not_before, "not_after": not_after,
        "days_left": int(left // 1), "state": state,
    }  # fmt: skip
