"""Log-in, log-out, one's own session and password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.console.api.ask import Ask, bad
from agent.console.api.guard import terminal_of
from agent.console.door import Door
from agent.console.sessions import Session
from agent.console.shape import text
from agent.console.writer import Writer
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, Instant, rfc3339

_PASSWORD = text(1024)


class SessionPages:
    """See the module's text. `tls` decides on the cookie's flags, `site` is part of the watermark."""

    def __init__(self, door: Door, writer: Writer, *, cookie: str, tls: bool, site: str) -> None:
        self._door = door
        self._writer = writer
        self._cookie = cookie
        self._tls = tls
        self._site = site

    async def log_in(self, request: Request, body: Mapping[str, Any], now: Instant) -> Response:
        """`POST /api/v1/login`."""
        account, password = body.get("account"), body.get("password")
        if (
            set(body) != {"account", "password"}
            or not isinstance(account, str)
            or not isinstance(password, str)
        ):
            raise bad("send account and password")
        token, session = await self._door.log_in(account[:64], password, terminal_of(request), now)
        return self._with_cookie(token, session, now)

    async def log_out(self, ask: Ask) -> Response:
        """`POST /api/v1/logout`."""
        self._door.sessions.end(ask.session)
        self._writer.put(ask.entry("logout"))
        answer = JSONResponse({})
        answer.delete_cookie(
            self._cookie, path="/", secure=self._tls, httponly=True, samesite="strict"
        )  # fmt: skip
        return answer

    async def show(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/session`."""
        return self._told(ask.session, ask.now)

    async def password(self, ask: Ask) -> Response:
        """`POST /api/v1/password`."""
        ask.fields({"old": _PASSWORD, "new": _PASSWORD})
        token, session = await self._door.change_password(
            ask.session, ask.body["old"], ask.body["new"], ask.entry("password"), ask.now
        )
        return self._with_cookie(token, session, ask.now)

    def _with_cookie(self, token: str, session: Session, now: Instant) -> Response:
        answer = JSONResponse(self._told(session, now))
        answer.set_cookie(
            self._cookie, token, path="/", secure=self._tls, httponly=True, samesite="strict",
            max_age=self._door.sessions.absolute_s,
        )  # fmt: skip
        return answer

    def _told(self, session: Session, now: Instant) -> dict[str, Json]:
        account = self._door.people.known(session.account)
        ends_ns = session.began_wall_ns + self._door.sessions.absolute_s * NS_PER_S
        return {
            "account": account.account, "name": account.name, "roles": list(map(str, sorted(session.roles))),
            "operator": account.operator, "csrf": session.csrf, "must_change": session.must_change,
            "terminal": session.terminal, "began": rfc3339(session.began_wall_ns), "ends": rfc3339(ends_ns),
            "idle_s": self._door.sessions.idle_s, "now": rfc3339(now.wall_ns),
            "watermark": {
                "person": f"{account.name} ({account.account})", "terminal": session.terminal,
                "site": self._site,
            },
        }  # fmt: skip
