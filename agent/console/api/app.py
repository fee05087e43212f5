"""The web application: the table of rules with a page behind each, static files, headers of every answer.

Guarantees: a rule without a page, or a page without a rule, is an error at start; what is in no rule is
refused as JSON. Leaves out sockets (`serve.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.console.api.guard import Guard, OpenPage, Page, error_answer
from agent.console.api.routes import RULES
from agent.model.errors import Refuse

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
_OFF = ("camera", "microphone", "geolocation", "payment", "usb", "serial", "hid", "display-capture")
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{name}=()" for name in _OFF),
}
_TLS_ONLY = {"strict-transport-security": "max-age=31536000"}


def make_app(
    guard: Guard, pages: Mapping[str, Page], open_pages: Mapping[str, OpenPage], static: Path, *, tls: bool
) -> ASGIApp:
    """See the module's text. RuntimeError when rules and pages don't fit together."""
    if {rule.page for rule in RULES} != {*pages, *open_pages}:
        raise RuntimeError("rules and pages of the console differ")
    routes: list[BaseRoute] = []
    for path in dict.fromkeys(rule.path for rule in RULES):
        endpoints: dict[str, Callable[[Request], Awaitable[Response]]] = {}
        for rule in RULES:
            if rule.path == path:
                endpoints[rule.method] = (
                    guard.open(open_pages[rule.page])
                    if rule.roles is None
                    else guard.guarded(rule, pages[rule.page])
                )
        routes.append(Route(path, _by_method(endpoints), methods=list(endpoints)))
    if static.is_dir():
        routes.append(Mount("/static", StaticFiles(directory=static)))
    handlers = {HTTPException: _http_error}
    return _Headers(Starlette(routes=routes, exception_handlers=handlers), tls=tls)


def _by_method(
    endpoints: Mapping[str, Callable[[Request], Awaitable[Response]]],
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return endpoint


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return error_answer(Refuse("request.method", "not with this method", "see the API's document"))
    return error_answer(Refuse("request.unknown-path", "there is nothing here", "see the API's document"))


class _Headers:
    """Adds the headers of every answer, those of errors too."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self._app = app
        self._headers = {**_HEADERS, **(_TLS_ONLY if tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(self._headers)
        if scope["path"].startswith(("/api/", "/metrics", "/readyz", "/healthz")):
            headers["cache-control"] = "no-store"
        if scope["path"].startswith("/static/"):
            headers["cache-control"] = "no-cache"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in headers.items()]
                kept = [pair for pair in message["headers"] if pair[0].decode("latin-1") not in headers]
                message["headers"] = kept + added
            await send(message)

        await self._app(scope, receive, with_headers)
