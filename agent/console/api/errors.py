"""Errors as the API says them: status, code, text, advice. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from agent.model.errors import AgentError, Retry
from agent.model.outgoing import Json

_STATUS: Mapping[str, int] = {
    "request.bad": 400,
    "request.bad-cursor": 400,
    "session.none": 401,
    "login.refused": 401,
    "role.refused": 403,
    "csrf.refused": 403,
    "origin.refused": 403,
    "metrics.refused": 403,
    "password.must-change": 403,
    "command.not-your-key": 403,
    "command.same-account": 403,
    "request.unknown-path": 404,
    "box.unknown": 404,
    "alarm.unknown": 404,
    "command.unknown": 404,
    "check.unknown": 404,
    "account.unknown": 404,
    "request.method": 405,
    "alarm.still-active": 409,
    "alarm.state": 409,
    "box.alive": 409,
    "command.state": 409,
    "command.counter": 409,
    "account.exists": 409,
    "account.last-admin": 409,
    "account.operator-taken": 409,
    "request.too-large": 413,
    "request.type": 415,
    "login.locked": 429,
    "rate.limited": 429,
}
_REFUSED, _UNAVAILABLE = 422, 503


def status_of(error: AgentError) -> int:
    """The HTTP status: 503 for what may pass, 422 for what else is refused."""
    default = _UNAVAILABLE if isinstance(error, Retry) or error.code.startswith("console.") else _REFUSED
    return _STATUS.get(error.code, default)


def body_of(error: AgentError) -> dict[str, Json]:
    """The answer's body."""
    return {"error": {"code": error.code, "text": error.text, "advice": error.advice}}
