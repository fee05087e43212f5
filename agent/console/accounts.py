"""Accounts: who a person is at the console. Pure; hashes, secrets and times are arguments.

Guarantees: an account's name never changes hands; the last admin that can log in stays one; an operator's
key belongs to at most one account. Every function gives the account as it will be: the caller stores it
before it calls `put`. Leaves out passwords (`passwords.py`) and sessions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.console.roles import Role, roles_of
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S

FIRST_ADMIN = "admin"
SECRET_VALID_NS = 72 * 3600 * NS_PER_S
_NAME = re.compile(r"[a-z][a-z0-9.-]{1,31}")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One person.

    `secret_until_ns`: the wall time until which a one-time secret may be used; None with a password.
    """

    account: str
    name: str
    roles: frozenset[Role]
    password: str
    made: str
    operator: str | None = None
    disabled: bool = False
    secret_until_ns: int | None = None
    last_login: str | None = None

    @property
    def must_change(self) -> bool:
        """True as long as it has no password of its own."""
        return self.secret_until_ns is not None

    def row(self) -> dict[str, Json]:
        """What the database keeps."""
        return {
            "name": self.name, "roles": list(map(str, sorted(self.roles))), "password": self.password,
            "made": self.made, "operator": self.operator, "disabled": self.disabled,
            "secret_until_ns": self.secret_until_ns, "last_login": self.last_login,
        }  # fmt: skip

    def json(self, *, locked: bool) -> dict[str, Json]:
        """What an admin sees."""
        return {
            "account": self.account, "name": self.name, "roles": list(map(str, sorted(self.roles))),
            "operator": self.operator, "disabled": self.disabled, "must_change": self.must_change,
            "locked": locked, "made": self.made, "last_login": self.last_login,
        }  # fmt: skip


def from_row(name: str, row: Mapping[str, Any]) -> Account:
    """What `Account.row` gave."""
    return Account(**{**row, "account": name, "roles": frozenset(map(Role, row["roles"]))})


class Accounts:
    """All of them."""

    def __init__(self, found: Iterable[Account], operators: Collection[str]) -> None:
        self._by_name = {one.account: one for one in found}
        self._operators = operators

    def of(self, name: str) -> Account | None:
        """The account of this name."""
        return self._by_name.get(name)

    def known(self, name: str) -> Account:
        """The same; Refuse `account.unknown`."""
        found = self._by_name.get(name)
        if found is None:
            raise Refuse("account.unknown", "there is no such account", "see the list of accounts")
        return found

    def all(self) -> list[Account]:
        """By name."""
        return sorted(self._by_name.values(), key=lambda one: one.account)

    def holder(self, operator: str) -> str | None:
        """Whose account has this operator's key."""
        return next((one.account for one in self._by_name.values() if one.operator == operator), None)

    def put(self, account: Account) -> None:
        """Takes it in, after it was stored."""
        self._by_name[account.account] = account

    def made(
        self, account: str, name: str, roles: Iterable[str], operator: str | None, *, password: str, now: str,
        wall_ns: int,
    ) -> Account:  # fmt: skip
        """A new account. `password` is the hash of its secret. Refuse `account.*`, `request.bad`."""
        if not _NAME.fullmatch(account):
            raise _bad("this can't be the name of an account", "use a-z, 0-9, dot and -, 2 to 32 of them")
        if account in self._by_name:
            raise Refuse("account.exists", "there is such an account already", "choose another name")
        self._check_operator(operator, account)
        return Account(
            account=account, name=_name(name), roles=roles_of(roles), operator=operator, password=password,
            made=now, secret_until_ns=wall_ns + SECRET_VALID_NS,
        )  # fmt: skip

    def changed(
        self,
        account: str,
        *,
        name: str | None = None,
        roles: Iterable[str] | None = None,
        operator: str | None = None,
        no_operator: bool = False,
        disabled: bool | None = None,
    ) -> Account:
        """An account with other facts. Refuse `account.*`, `request.bad`."""
        found = self.known(account)
        if name is not None:
            found = replace(found, name=_name(name))
        if roles is not None:
            found = replace(found, roles=roles_of(roles))
        if operator is not None or no_operator:
            self._check_operator(operator, account)
            found = replace(found, operator=operator)
        if disabled is not None:
            found = replace(found, disabled=disabled)
        self._check_admin(found)
        return found

    def _check_admin(self, changed: Account) -> None:
        others = (one for one in self._by_name.values() if one.account != changed.account)
        if any(Role.ADMIN in one.roles and not one.disabled for one in (*others, changed)):
            return
        raise Refuse("account.last-admin", "nobody could keep the accounts then", "make another admin first")

    def _check_operator(self, operator: str | None, account: str) -> None:
        if operator is None:
            return
        if operator not in self._operators:
            raise _bad("there is no such operator", "add [[operator]] to the console's configuration")
        if self.holder(operator) not in (None, account):
            raise Refuse(
                "account.operator-taken", "another account has this operator's key", "one key, one person"
            )


def with_password(account: Account, password: str) -> Account:
    """The account with a password of its own (its hash)."""
    return replace(account, password=password, secret_until_ns=None)


def with_secret(account: Account, password: str, wall_ns: int) -> Account:
    """The account with a new one-time secret (its hash)."""
    return replace(account, password=password, secret_until_ns=wall_ns + SECRET_VALID_NS)


def may_log_in(account: Account, wall_ns: int) -> bool:
    """False when it is disabled, or its one-time secret was not used in time."""
    return not account.disabled and (account.secret_until_ns is None or wall_ns < account.secret_until_ns)


def _name(name: str) -> str:
    found = name.strip()
    if not 1 <= len(found) <= _LONGEST_NAME or not found.isprintable():
        raise _bad("a person's name is missing or too long", f"write 1 to {_LONGEST_NAME} characters")
    return found


def _bad(text: str, advice: str) -> Refuse:
    return Refuse("request.bad", text, advice)
