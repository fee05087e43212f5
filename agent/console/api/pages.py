"""What needs no session: the page's first file, health, readiness, metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from agent.console.api.guard import terminal_of
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import Instant

_UNAVAILABLE = 503
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class OpenPages:
    """See the module's text. `state` is the console-state, `metrics` the text for Prometheus."""

    def __init__(
        self, page: Path, state: Callable[[], dict[str, Json]], metrics: Callable[[], str],
        metrics_token: str | None,
    ) -> None:  # fmt: skip
        self._page = page
        self._state = state
        self._metrics = metrics
        self._token = metrics_token

    async def index(self, _request: Request, _body: Mapping[str, Any], _now: Instant) -> Response:
        """`GET /`."""
        index = self._page / "index.html"
        if not index.is_file():
            raise Refuse("request.unknown-path", "this installation has no pages", "use the API")
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    async def healthz(self, _request: Request, _body: Mapping[str, Any], _now: Instant) -> Response:
        """`GET /healthz`."""
        return JSONResponse({"ok": True})

    async def readyz(self, _request: Request, _body: Mapping[str, Any], _now: Instant) -> Response:
        """`GET /readyz`."""
        state = self._state()
        ready = state["broker"] == "ok" and state["database"] == "ok" and state["synced"] is True
        told = {"ready": ready, **{name: state[name] for name in ("broker", "database", "synced")}}
        return JSONResponse(told, 200 if ready else _UNAVAILABLE)

    async def metrics(self, request: Request, _body: Mapping[str, Any], _now: Instant) -> Response:
        """`GET /metrics`."""
        if not self._may_read_metrics(request):
            advice = "ask from this machine, or with the token of metrics_token_file"
            raise Refuse("metrics.refused", "this is for the monitoring only", advice)
        return PlainTextResponse(self._metrics(), media_type=_PROMETHEUS)

    def _may_read_metrics(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        if self._token is not None and compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            return True
        try:
            return ip_address(terminal_of(request)).is_loopback
        except ValueError:
            return False
