"""The accounts of the demo's console, made over HTTP as its own page would: `admin` and two operators.

Guarantees: when `make_accounts` returns, everybody logs in with the one password that was given, and no
one-time secret works any more. Loopback without TLS only: the password is worth nothing elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any

from agent.model.errors import Refuse

ADMIN = "admin"
# Account, name. Each has the operator's key of the same name.
OPERATORS = (("li", "Li Na"), ("wang", "Wang Wei"))
_TIMEOUT_S = 20.0


def demo_password(random: Callable[[int], bytes]) -> str:
    """16 hexadecimal digits in groups: no account's name can occur in it."""
    digits = random(8).hex()
    return "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def make_accounts(host: str, port: int, secret: str, password: str) -> None:
    """`secret` is the one-time secret of `admin`. Raises `Refuse` `demo.no-account`."""
    admin = _Session(host, port)
    admin.begin(ADMIN, secret, password)
    for account, name in OPERATORS:
        body = {"account": account, "name": name, "roles": ["operator"], "operator": account}
        made = admin.post("/accounts", body)
        _Session(host, port).begin(account, str(made["secret"]), password)


class _Session:
    """One person's cookie and CSRF token."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._headers = {"Content-Type": "application/json"}

    def begin(self, account: str, secret: str, password: str) -> None:
        """Logs in with the one-time secret and puts `password` in its place."""
        self._take(self.post("/login", {"account": account, "password": secret}))
        self._take(self.post("/password", {"old": secret, "new": password}))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer's JSON."""
        connection = HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", f"/api/v1{path}", json.dumps(body), self._headers)
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise _refused(path, type(error).__name__) from error
        finally:
            connection.close()
        if answer.status != 200:
            raise _refused(path, str(found.get("error", {}).get("code", answer.status)))
        if cookie := answer.headers["Set-Cookie"]:
            self._headers["Cookie"] = cookie.partition(";")[0]
        return found

    def _take(self, session: dict[str, Any]) -> None:
        self._headers["X-Edgeward-CSRF"] = str(session["csrf"])


def _refused(path: str, why: str) -> Refuse:
    return Refuse(
        "demo.no-account",
        f"the demo's accounts can't be made: {path} answered {why}",
        "look into console.log in the demo's directory",
    )
