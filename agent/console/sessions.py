"""Who is logged in, from where, until when. Pure: tokens and times are arguments.

Guarantees: a session ends when it is idle for too long, at its absolute end, and with its account; only the
hash of a token is kept, so a picture of our memory's tables opens nothing. Leaves out passwords and
cookies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest

from agent.console.roles import Role
from agent.model.times import NS_PER_S

MOST_SESSIONS = 2000
MOST_PER_ACCOUNT = 8


@dataclass(slots=True, kw_only=True)
class Session:
    """One log-in. Monotonic times decide; wall times are for people."""

    account: str
    roles: frozenset[Role]
    terminal: str
    csrf: str
    must_change: bool
    began_mono_ns: int
    began_wall_ns: int
    used_mono_ns: int
    key: str = ""
    streams: int = 0


@dataclass(slots=True, kw_only=True)
class Sessions:
    """All of them, by the hash of their token."""

    idle_s: int
    absolute_s: int
    _by_key: dict[str, Session] = field(default_factory=dict)

    def begin(self, token: str, session: Session) -> Session:
        """Keeps `session`; the account's oldest one ends when there are too many."""
        mine = sorted(
            (one for one in self._by_key.values() if one.account == session.account),
            key=lambda one: one.used_mono_ns,
        )
        for old in mine[: max(0, len(mine) - MOST_PER_ACCOUNT + 1)]:
            self.end(old)
        if len(self._by_key) >= MOST_SESSIONS:
            self.end(min(self._by_key.values(), key=lambda one: one.used_mono_ns))
        session.key = _key(token)
        self._by_key[session.key] = session
        return session

    def of(self, token: str, mono_ns: int, *, touch: bool) -> Session | None:
        """The session of this token, when it has not ended. `touch`: this request keeps it awake."""
        found = self._by_key.get(_key(token))
        if found is None or not self.alive(found, mono_ns):
            return None
        if touch:
            found.used_mono_ns = mono_ns
        return found

    def alive(self, session: Session, mono_ns: int) -> bool:
        """False when it has ended; it is forgotten then."""
        over = (
            mono_ns - session.used_mono_ns > self.idle_s * NS_PER_S
            or mono_ns - session.began_mono_ns > self.absolute_s * NS_PER_S
        )
        if over:
            self.end(session)
        return self._by_key.get(session.key) is session

    def end(self, session: Session) -> None:
        """Nobody can use it any more."""
        if self._by_key.get(session.key) is session:
            del self._by_key[session.key]

    def end_all(self, account: str) -> None:
        """Every session of this account."""
        for session in [one for one in self._by_key.values() if one.account == account]:
            self.end(session)

    def __len__(self) -> int:
        return len(self._by_key)


def csrf_right(session: Session, given: str | None) -> bool:
    """True for the token of this session, compared in constant time."""
    return given is not None and compare_digest(given.encode(), session.csrf.encode())


def _key(token: str) -> str:
    return sha256(token.encode()).hexdigest()
