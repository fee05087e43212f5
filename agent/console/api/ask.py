"""What a page is asked, and strict readers of queries and bodies. Pure.

Guarantees: a field that is unknown, missing or of another type is `Refuse` `request.bad` with its name,
never with its value. Leaves out who asks (`guard.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.console.accounts import Account
from agent.console.audit import Entry
from agent.console.sessions import Session
from agent.console.shape import Check
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import Instant, from_rfc3339, rfc3339

DEFAULT_LIMIT, MOST = 100, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request after the guard. `token` is that of the cookie, for log-out."""

    now: Instant
    terminal: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    last_event_id: str | None = None
    session: Session
    account: Account

    def entry(
        self, action: str, *, object: str | None = None, box: str | None = None, detail: str | None = None
    ) -> Entry:
        """A record of what is done with this request."""
        return Entry(
            at=rfc3339(self.now.wall_ns), action=action, account=self.account.account,
            terminal=self.terminal, object=object, box=box, detail=detail,
        )  # fmt: skip

    def fields(self, required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> None:
        """Refuse `request.bad` unless the body has these fields and no others."""
        allowed = {**required, **(optional or {})}
        for name in self.body:
            if name not in allowed:
                raise bad(f"there is a field {name[:32]!r} that is not known")
        for name, check in allowed.items():
            if name not in self.body:
                if name in required:
                    raise bad(f"the field {name} is missing")
            elif not check(self.body[name]):
                raise bad(f"the field {name} is not as it should be")

    def asked(self, *names: str) -> dict[str, str | None]:
        """The parameters of these names; Refuse `request.bad` for others, or long ones."""
        for name, value in self.query.items():
            if name not in names:
                raise bad(f"there is a parameter {name[:32]!r} that is not known")
            if len(value) > 200:
                raise bad(f"the parameter {name} is too long")
        return {name: self.query.get(name) for name in names}

    def page(self) -> tuple[int, str | None]:
        """`limit` and `before` of a list."""
        text = self.query.get("limit", str(DEFAULT_LIMIT))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= MOST:
            raise bad(f"limit is 1 to {MOST}")
        return int(text), self.query.get("before")


def choice(value: str | None, default: str, *words: str) -> str:
    """One of `words`; Refuse `request.bad`."""
    found = default if value is None else value
    if found not in words:
        raise bad(f"write one of {', '.join(words)}")
    return found


def moment(value: str | None, name: str) -> int:
    """A time as the API writes it, in ns; Refuse `request.bad`."""
    try:
        return from_rfc3339(value or "")
    except (ValueError, OverflowError):
        raise bad(f"{name} is a time such as 2026-11-24T00:20:00.000000Z") from None


def listed(items: list[dict[str, Json]], limit: int, cursor: str) -> dict[str, Json]:
    """A page of a list; `cursor` is the field that `before` compares."""
    following = str(items[-1][cursor]) if len(items) == limit else None
    return {"items": list(items), "next": following}


def bad(why: str) -> Refuse:
    """The refusal of a request that is not as the API says."""
    return Refuse("request.bad", why, "see docs/formats/console-api-v1.md")
