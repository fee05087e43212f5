"""What every request passes before a page sees it: session, origin, CSRF, role, rate, size.

Guarantees: a request that is not in the table, or fails a check, reaches no page; refusals of people who
are logged in have a record, a few of a kind each minute; an answer never holds a traceback. The terminal is
the address that the connection comes from: no header is believed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.console.accounts import Account
from agent.console.api.ask import Ask, bad
from agent.console.api.errors import body_of, status_of
from agent.console.api.routes import BEFORE_A_PASSWORD, Rule
from agent.console.audit import Entry
from agent.console.door import Door
from agent.console.sessions import Session, csrf_right
from agent.console.strict_json import parse_object
from agent.console.throttle import Buckets
from agent.console.writer import Writer
from agent.model.errors import AgentError, Refuse, Retry
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.model.times import Instant, rfc3339

MOST_BYTES = 128 * 1024
RATE_PER_S, BURST = 40, 120
_RECORDS_PER_S, _RECORDS_AT_ONCE = 1 / 60, 5
Page: TypeAlias = Callable[[Ask], Awaitable["dict[str, Json] | Response"]]
OpenPage: TypeAlias = Callable[[Request, Mapping[str, Any], Instant], Awaitable[Response]]


class Guard:
    """See the module's text. `cookie` is the cookie's name."""

    def __init__(self, door: Door, writer: Writer, clock: Clock, *, cookie: str) -> None:
        self._door = door
        self._writer = writer
        self._clock = clock
        self._cookie = cookie
        self._rate = Buckets(RATE_PER_S, BURST)
        self._records = Buckets(_RECORDS_PER_S, _RECORDS_AT_ONCE)

    def guarded(self, rule: Rule, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """`page` behind every check of `rule`."""

        async def endpoint(request: Request) -> Response:
            try:
                found = await page(await self._asked(rule, request))
            except AgentError as error:
                return error_answer(error)
            return found if isinstance(found, Response) else JSONResponse(found)

        return endpoint

    def open(self, page: OpenPage) -> Callable[[Request], Awaitable[Response]]:
        """`page` for which no session is needed; a POST has a body and a right origin all the same."""

        async def endpoint(request: Request) -> Response:
            try:
                body: Mapping[str, Any] = {}
                if request.method == "POST":
                    _check_origin(request)
                    body = await _body(request)
                return await page(request, body, self._clock.now())
            except AgentError as error:
                return error_answer(error)

        return endpoint

    async def _asked(self, rule: Rule, request: Request) -> Ask:
        now = self._clock.now()
        session, account = self._person(rule, request, now)
        if request.method == "POST":
            _check_origin(request)
            if not csrf_right(session, request.headers.get("x-edgeward-csrf")):
                advice = "send the csrf of the session in X-Edgeward-CSRF"
                raise self._refused(session, rule, now, Refuse("csrf.refused", "no right CSRF token", advice))
        wait_s = self._rate.take(session.key, now.mono_ns)
        if wait_s:
            raise Retry("rate.limited", "too many requests", "wait a moment", after_s=wait_s)
        if session.must_change and rule.page not in BEFORE_A_PASSWORD:
            advice = "POST /api/v1/password first"
            raise Refuse("password.must-change", "this is a one-time secret", advice)
        if rule.roles is None or not rule.roles & session.roles:
            advice = "ask an administrator, if this is part of your work"
            raise self._refused(
                session, rule, now, Refuse("role.refused", "your role has no part in this", advice)
            )
        body = await _body(request) if request.method == "POST" else {}
        return Ask(
            now=now, terminal=session.terminal, path=request.path_params, query=dict(request.query_params),
            body=body, last_event_id=request.headers.get("last-event-id"), session=session, account=account,
        )  # fmt: skip

    def _person(self, rule: Rule, request: Request, now: Instant) -> tuple[Session, Account]:
        token = request.cookies.get(self._cookie, "")
        session = self._door.sessions.of(token, now.mono_ns, touch=rule.touches)
        account = None if session is None else self._door.people.of(session.account)
        if session is None or account is None or account.disabled:
            raise Refuse("session.none", "you are not logged in, or not any more", "log in")
        return session, account

    def _refused(self, session: Session, rule: Rule, now: Instant, error: Refuse) -> Refuse:
        """The error, with a record of it."""
        if not self._records.take(f"{session.account} {rule.page}", now.mono_ns):
            self._writer.put(
                Entry(
                    at=rfc3339(now.wall_ns), action=rule.page, account=session.account,
                    terminal=session.terminal, result="refused", code=error.code,
                )
            )  # fmt: skip
        return error


def error_answer(error: AgentError) -> Response:
    """An error as the API says it."""
    headers = {"Retry-After": str(max(1, ceil(error.after_s)))} if isinstance(error, Retry) else None
    return JSONResponse(body_of(error), status_of(error), headers=headers)


def terminal_of(request: Request) -> str:
    """The address that the connection comes from."""
    return request.client.host if request.client else "unknown"


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
        raise Refuse("origin.refused", "this comes from another site", "use the console's own pages")


async def _body(request: Request) -> Mapping[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refuse("request.type", "the body is not application/json", "send JSON")
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MOST_BYTES:
            raise Refuse("request.too-large", f"more than {MOST_BYTES} bytes", "send less")
    try:
        return parse_object(bytes(data))
    except ValueError:
        raise bad("the body is not one JSON object in UTF-8") from None
