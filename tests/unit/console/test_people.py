"""Passwords, locks, sessions, accounts: who comes in, and for how long. Clocks that jump change nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.console.accounts import SECRET_VALID_NS, Account, Accounts, may_log_in, with_secret
from agent.console.door import Door
from agent.console.passwords import Passwords, check_new
from agent.console.roles import Role, roles_of
from agent.console.sessions import Session, Sessions, csrf_right
from agent.console.throttle import LOCK_NS, MOST_FAILURES, Buckets, Lockout
from agent.console.writer import Writer
from agent.model.errors import AgentError, Refuse, Retry
from agent.model.times import NS_PER_S, Instant
from tests.fakes.clock import FakeClock

S = NS_PER_S


def session(account: str = "li", used_ns: int = 0) -> Session:
    return Session(
        account=account, roles=frozenset({Role.OPERATOR}), terminal="::1", csrf="c" * 48, must_change=False,
        began_mono_ns=used_ns, began_wall_ns=0, used_mono_ns=used_ns,
    )  # fmt: skip


def account(name: str = "li", **changes: object) -> Account:
    fields: dict[str, object] = {"roles": frozenset({Role.OPERATOR}), "password": "x", "made": ""}
    return Account(account=name, name=name.title(), **{**fields, **changes})  # type: ignore[arg-type] # named


def test_a_session_ends_when_it_is_idle_or_old_and_only_requests_keep_it_awake() -> None:
    sessions = Sessions(idle_s=60, absolute_s=300)
    sessions.begin("t", session())
    assert sessions.of("t", 59 * S, touch=True) is not None
    assert sessions.of("t", 118 * S, touch=False) is not None  # the stream looks, and touches nothing
    assert sessions.of("t", 120 * S, touch=True) is None
    assert sessions.of("t", 0, touch=True) is None
    sessions.begin("u", session())
    for second in range(50, 300, 50):
        assert sessions.of("u", second * S, touch=True) is not None
    assert sessions.of("u", 301 * S, touch=True) is None


def test_a_token_is_nowhere_in_memory_and_too_many_sessions_push_the_oldest_out() -> None:
    sessions = Sessions(idle_s=60, absolute_s=300)
    first = sessions.begin("secret-token", session())
    assert "secret-token" not in repr(sessions)
    for number in range(8):
        sessions.begin(f"t{number}", session(used_ns=number + 1))
    assert not sessions.alive(first, 10)
    assert len(sessions) == 8
    sessions.end_all("li")
    assert len(sessions) == 0


@pytest.mark.parametrize("given", [None, "", "c" * 47, "C" * 48, "\u2014"])
def test_a_wrong_csrf_token(given: str | None) -> None:
    assert not csrf_right(session(), given)


def test_five_wrong_passwords_lock_and_the_lock_ends_by_the_monotonic_clock() -> None:
    lock = Lockout()
    assert [lock.failed("li", n) for n in range(MOST_FAILURES)] == [False] * (MOST_FAILURES - 1) + [True]
    assert lock.wait_s("li", MOST_FAILURES) > 0
    assert lock.wait_s("wang", MOST_FAILURES) == 0
    assert lock.wait_s("li", LOCK_NS + MOST_FAILURES) == 0
    assert not lock.failed("li", LOCK_NS + MOST_FAILURES + S)  # counts anew


def test_a_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    bucket = Buckets(rate=2, burst=3)
    assert [bucket.take("a", 0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.take("b", 0) == 0
    assert bucket.take("a", S // 2) == 0
    assert bucket.take("a", S // 2) > 0


@pytest.mark.parametrize(
    "password",
    ["short", "x" * 200, "aaaaaaaaaaaaaaaa", "abababababababab", "li is my name and so", "edgeward-edgeward"],
    ids=["short", "long", "one character", "two characters", "the account", "the product"],
)
def test_passwords_that_anybody_would_try(password: str) -> None:
    with pytest.raises(Refuse, match=r"password\.weak"):
        check_new(password, "li")


@pytest.mark.parametrize("names", [[], ["root"], ["auditor", "viewer"], ["admin", "operator"]])
def test_roles_that_nobody_may_have(names: list[str]) -> None:
    with pytest.raises(Refuse, match=r"request\.bad"):
        roles_of(names)


def test_an_operator_belongs_to_one_account() -> None:
    people = Accounts([account("admin", roles=frozenset({Role.ADMIN})), account(operator="li")], {"li"})
    with pytest.raises(Refuse, match=r"account\.operator-taken"):
        people.made("wang", "Wang", ["operator"], "li", password="", now="", wall_ns=0)
    with pytest.raises(Refuse, match=r"request\.bad"):
        people.made("wang", "Wang", ["operator"], "zhao", password="", now="", wall_ns=0)
    freed = people.changed("li", no_operator=True)
    people.put(freed)
    assert people.made("wang", "Wang", ["operator"], "li", password="", now="", wall_ns=0).operator == "li"


@pytest.mark.parametrize("name", ["", "a", "A", "-a", "a b", "<b>", "a" * 33, "\u674e"])
def test_names_that_no_account_has(name: str) -> None:
    with pytest.raises(Refuse, match=r"request\.bad"):
        Accounts([], set()).made(name, "Li", ["viewer"], None, password="", now="", wall_ns=0)


def test_a_secret_dies() -> None:
    fresh = with_secret(account(), "hash", wall_ns=5)
    assert may_log_in(fresh, 4 + SECRET_VALID_NS)
    assert not may_log_in(fresh, 5 + SECRET_VALID_NS)
    assert not may_log_in(account(disabled=True), 0)


def door_at(path: Path, people: Accounts) -> tuple[Door, Writer]:
    writer = Writer(path, lambda: None)
    sessions = Sessions(idle_s=60, absolute_s=300)
    return Door(people, sessions, Passwords(), writer, lambda count: bytes(count)), writer


async def refused(door: Door, name: str, password: str, now: Instant) -> AgentError:
    with pytest.raises(AgentError) as found:
        await door.log_in(name, password, f"10.0.0.{now.mono_ns % 250}", now)
    return found.value


def test_wrong_account_and_wrong_password_look_the_same_and_a_lock_holds_against_the_right_one(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        people = Accounts([account(password=Passwords().hash("a right password"))], set())
        door, writer = door_at(tmp_path / "db", people)
        clock = FakeClock()
        wrong = await refused(door, "li", "a wrong password", clock.now())
        nobody = await refused(door, "nobody", "a wrong password", clock.now())
        assert (wrong.code, wrong.text, wrong.advice) == (nobody.code, nobody.text, nobody.advice)
        for _ in range(MOST_FAILURES - 1):
            await refused(door, "li", "a wrong password", clock.now())
        locked = await refused(door, "li", "a right password", clock.now())
        assert (locked.code, isinstance(locked, Retry)) == ("login.locked", True)
        clock.step_wall(86_400)  # a clock that jumps opens nothing
        assert (await refused(door, "li", "a right password", clock.now())).code == "login.locked"
        clock.advance(LOCK_NS / NS_PER_S + 1)
        _, found = await door.log_in("li", "a right password", "10.0.0.1", clock.now())
        assert found.account == "li"
        await writer.close()
        door.close()

    asyncio.run(play())


def test_the_first_start_makes_one_admin_and_the_second_none(tmp_path: Path) -> None:
    async def play() -> None:
        door, writer = door_at(tmp_path / "db", Accounts([], set()))
        now = FakeClock().now()
        secret = await door.first_admin(now)
        assert secret is not None
        assert await door.first_admin(now) is None
        _, found = await door.log_in("admin", secret, "::1", now)
        assert found.must_change
        assert found.roles == {Role.ADMIN}
        await writer.close()
        door.close()

    asyncio.run(play())
