"""Messages to the box: bounded, counted, and births on demand."""

from __future__ import annotations

from agent.link import session as act
from agent.link.inbox import MAX_BYTES, MAX_MESSAGES, Inbox
from agent.link.session import Session
from agent.link.wire import Inbound

S = 1_000_000_000


def message(size: int = 1) -> Inbound:
    return Inbound("t", b"x" * size, False)


def test_what_comes_goes_in_order_and_wakes() -> None:
    wakes: list[int] = []
    inbox = Inbox(lambda: wakes.append(len(inbox)))
    for size in (1, 2, 3):
        inbox.put(message(size))
    assert wakes == [1, 2, 3]
    taken, lost = inbox.take(2)
    assert ([len(one.payload) for one in taken], lost, len(inbox)) == ([1, 2], 0, 1)
    assert inbox.take(5) == ([message(3)], 0)
    assert inbox.take(5) == ([], 0)


def test_too_many_are_counted_once() -> None:
    inbox = Inbox(lambda: None)
    for _ in range(MAX_MESSAGES + 7):
        inbox.put(message())
    assert inbox.take(1)[1] == 7
    assert inbox.take(1)[1] == 0
    inbox.put(message())
    assert len(inbox) == MAX_MESSAGES - 1


def test_too_big_a_heap_is_counted_and_the_room_comes_back() -> None:
    inbox = Inbox(lambda: None)
    for _ in range(5):
        inbox.put(message(MAX_BYTES // 4))
    taken, lost = inbox.take(10)
    assert (len(taken), lost) == (3, 2)
    inbox.put(message(MAX_BYTES - 1))
    assert len(inbox) == 1


def online() -> Session:
    session = Session(keepalive_s=30, random=lambda: 0.5)
    session.tick(0)
    session.connack(0, 0)
    return session


def test_a_birth_is_said_again_when_its_time_has_come_and_once() -> None:
    session = online()
    session.rebirth(0, 2.5)
    assert act.Rebirth() not in session.tick(2 * S)
    assert session.tick(5 * S // 2)[0] == act.Rebirth()
    assert act.Rebirth() not in session.tick(3 * S)


def test_a_birth_waits_for_a_connection() -> None:
    session = Session(keepalive_s=30, random=lambda: 0.0)
    session.rebirth(0, 0)
    assert session.tick(0) == [act.Connect()]
    session.connack(0, 1)
    assert act.Rebirth() in session.tick(2)
