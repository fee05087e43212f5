"""Accounts, for administrators."""

from __future__ import annotations

from agent.console.accounts import Account
from agent.console.api.ask import Ask
from agent.console.door import Door
from agent.console.shape import flag, maybe, several, text
from agent.model.outgoing import Json

_NAME, _ROLES, _OPERATOR = text(200), several(text(32), 8), maybe(text(64))


class AccountPages:
    """See the module's text."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def list(self, ask: Ask) -> dict[str, Json]:
        """`GET /api/v1/accounts`."""
        ask.asked()
        return {"items": [self._told(one, ask) for one in self._door.people.all()]}

    async def make(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/accounts`."""
        ask.fields({"account": text(64), "name": _NAME, "roles": _ROLES}, {"operator": _OPERATOR})
        body = ask.body
        entry = ask.entry("account.make", detail=", ".join(body["roles"]))
        secret = await self._door.make(
            body["account"], body["name"], body["roles"], body.get("operator"), entry, ask.now
        )
        return {"account": body["account"], "secret": secret}

    async def change(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/accounts/{account}`."""
        ask.fields({}, {"name": _NAME, "roles": _ROLES, "operator": _OPERATOR, "disabled": flag})
        body = ask.body
        told = "; ".join(f"{name}: {body[name]}" for name in sorted(body))
        found = await self._door.change(
            lambda: self._door.people.changed(
                ask.path["account"], name=body.get("name"), roles=body.get("roles"),
                operator=body.get("operator"), no_operator=body.get("operator", "") is None,
                disabled=body.get("disabled"),
            ),
            ask.entry("account.change", detail=told),
        )  # fmt: skip
        return self._told(found, ask)

    async def reset(self, ask: Ask) -> dict[str, Json]:
        """`POST /api/v1/accounts/{account}/reset`."""
        ask.fields({})
        secret = await self._door.reset(ask.path["account"], ask.entry("account.reset"), ask.now)
        return {"account": ask.path["account"], "secret": secret}

    def _told(self, account: Account, ask: Ask) -> dict[str, Json]:
        return account.json(locked=self._door.is_locked(account.account, ask.now))
