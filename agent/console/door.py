"""Who comes in: log-in, passwords, sessions, and the accounts behind them.

Guarantees: an account's change is on the disk, with its entry of the audit record, before it counts, and
ends every session of that account; passwords are compared away from the event loop, few at a time. Leaves
out cookies and headers (`api/guard.py`).
"""

from __future__ import annotations

import asyncio
from base64 import b32encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from agent.console import accounts, rows
from agent.console.accounts import Account, Accounts
from agent.console.audit import Entry
from agent.console.passwords import Passwords, check_new
from agent.console.roles import Role
from agent.console.sessions import Session, Sessions
from agent.console.throttle import Buckets, Lockout
from agent.console.writer import Writer
from agent.model.errors import Refuse, Retry
from agent.model.times import Instant, rfc3339

TRIES_PER_S, TRIES_AT_ONCE = 10 / 60, 10
_MOST_WAITING = 20
_SECRET_BYTES = 15  # 24 letters of base32
_LONGEST = 256


class Door:
    """See the module's text. `random` gives that many bytes."""

    def __init__(
        self, people: Accounts, sessions: Sessions, passwords: Passwords, writer: Writer,
        random: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.people = people
        self.sessions = sessions
        self.lockout = Lockout()
        self._passwords = passwords
        self._writer = writer
        self._random = random
        self._tries = Buckets(TRIES_PER_S, TRIES_AT_ONCE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="console-passwords")
        self._comparing = 0
        self._turn = asyncio.Lock()

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(wait=True)

    async def log_in(self, name: str, password: str, terminal: str, now: Instant) -> tuple[str, Session]:
        """A token and its session. Refuse `login.refused`; Retry `login.locked`, `rate.limited`."""
        wait_s = self._tries.take(terminal, now.mono_ns)
        if wait_s:
            raise Retry("rate.limited", "too many tries from here", "wait a moment", after_s=wait_s)
        self._check_lock(name, now)
        found = self.people.of(name)
        right = await self._matches(None if found is None else found.password, password)
        account = self.people.of(name)
        may = account is not None and accounts.may_log_in(account, now.wall_ns)
        same = account is not None and found is not None and account.password == found.password
        # Looked up again: while we compared, it may have been changed, or locked by other tries.
        if account is None or not (right and may and same):
            self._log(terminal, now, found, "login.refused")
            if self.lockout.failed(name, now.mono_ns):
                self._log(terminal, now, found, "login.locked")
            advice = "try again, or ask an administrator"
            raise Refuse("login.refused", "account or password is wrong", advice)
        self._check_lock(name, now)
        self.lockout.lift(name)
        account = replace(account, last_login=rfc3339(now.wall_ns))
        self.people.put(account)
        self._writer.put(rows.account(name, account.row()))
        self._log(terminal, now, account, None)
        return self._begin(account, terminal, now)

    async def change_password(
        self, session: Session, old: str, new: str, entry: Entry, now: Instant
    ) -> tuple[str, Session]:
        """A session in the place of all others. Refuse `login.refused`, `password.weak`; Retry."""
        account = self.people.known(session.account)
        self._check_lock(account.account, now)
        check_new(new, account.account)
        if not await self._matches(account.password, old):
            self.lockout.failed(account.account, now.mono_ns)
            raise Refuse("login.refused", "the old password is wrong", "type it again")
        if old == new:
            raise Refuse("password.weak", "this is the old one", "choose another one")
        hashed = await self._hash(new)
        async with self._turn:
            account = self.people.known(session.account)
            if not self.sessions.alive(session, now.mono_ns):
                raise Refuse("session.none", "your session has ended", "log in again")
            await self._keep(accounts.with_password(account, hashed), entry)
            return self._begin(self.people.known(account.account), session.terminal, now)

    async def make(
        self, name: str, person: str, roles: list[str], operator: str | None, entry: Entry | None,
        now: Instant,
    ) -> str:  # fmt: skip
        """A new account; gives its one-time secret. Refuse `account.*`, `request.bad`; Retry."""
        secret = self._secret()
        hashed = await self._hash(secret)
        async with self._turn:
            made = self.people.made(
                name, person, roles, operator, password=hashed, now=rfc3339(now.wall_ns), wall_ns=now.wall_ns
            )
            await self._keep(made, entry)
        return secret

    async def change(self, change: Callable[[], Account], entry: Entry) -> Account:
        """The account as `change` gives it (`Accounts.changed`). Refuse `account.*`; Retry."""
        async with self._turn:
            found = change()
            await self._keep(found, entry)
        return found

    async def reset(self, name: str, entry: Entry, now: Instant) -> str:
        """A new one-time secret; the lock is lifted. Refuse `account.unknown`; Retry."""
        self.people.known(name)
        secret = self._secret()
        hashed = await self._hash(secret)
        async with self._turn:
            await self._keep(accounts.with_secret(self.people.known(name), hashed, now.wall_ns), entry)
        self.lockout.lift(name)
        return secret

    async def first_admin(self, now: Instant) -> str | None:
        """The secret of the account that is made when there is none; None when there is one."""
        if self.people.all():
            return None
        entry = Entry(at=rfc3339(now.wall_ns), action="account.make", object=accounts.FIRST_ADMIN)
        return await self.make(accounts.FIRST_ADMIN, "Administrator", [Role.ADMIN.value], None, entry, now)

    def is_locked(self, name: str, now: Instant) -> bool:
        """True while nobody can log in to it."""
        return self.lockout.wait_s(name, now.mono_ns) > 0

    def _check_lock(self, name: str, now: Instant) -> None:
        wait_s = self.lockout.wait_s(name, now.mono_ns)
        if wait_s:
            advice = "wait, or ask an administrator for a new secret"
            raise Retry("login.locked", "too many wrong passwords for this account", advice, after_s=wait_s)

    def _begin(self, account: Account, terminal: str, now: Instant) -> tuple[str, Session]:
        token = self._random(32).hex()
        session = Session(
            account=account.account, roles=account.roles, terminal=terminal, csrf=self._random(24).hex(),
            must_change=account.must_change, began_mono_ns=now.mono_ns, began_wall_ns=now.wall_ns,
            used_mono_ns=now.mono_ns,
        )  # fmt: skip
        return token, self.sessions.begin(token, session)

    async def _keep(self, account: Account, entry: Entry | None) -> None:
        audited = () if entry is None else (replace(entry, object=account.account),)
        await self._writer.must(rows.account(account.account, account.row()), *audited)
        self.people.put(account)
        self.sessions.end_all(account.account)

    def _log(self, terminal: str, now: Instant, account: Account | None, code: str | None) -> None:
        # What was typed as a name may be a password: only names of accounts are written down.
        self._writer.put(
            Entry(
                at=rfc3339(now.wall_ns), action="login", terminal=terminal,
                account=None if account is None else account.account,
                result="done" if code is None else "refused", code=code,
            )
        )  # fmt: skip

    async def _matches(self, stored: str | None, password: str) -> bool:
        if self._comparing >= _MOST_WAITING:
            raise Retry("rate.limited", "too many people log in at once", "wait a moment", after_s=2)
        if len(password) > _LONGEST:
            password = ""
        self._comparing += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._passwords.matches, stored, password)
        finally:
            self._comparing -= 1

    async def _hash(self, password: str) -> str:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._passwords.hash, password)

    def _secret(self) -> str:
        text = b32encode(self._random(_SECRET_BYTES)).decode().lower()
        return "-".join(text[start : start + 6] for start in range(0, len(text), 6))
