"""The connection's state machine: a script of what happened in, a list of what to do out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.link import session as act
from agent.link.backoff import reconnect_delay_s, refused_delay_s
from agent.link.session import Phase, Session

S = 1_000_000_000


def online(now: int = 0, *, receive_maximum: int = 65535, keepalive_s: int | None = None) -> Session:
    session = Session(keepalive_s=30, random=lambda: 0.5)
    assert session.tick(now) == [act.Connect()]
    session.connack(0, now, receive_maximum=receive_maximum, keepalive_s=keepalive_s)
    return session


def test_birth_comes_before_all_else_and_the_window_is_ours() -> None:
    session = Session(keepalive_s=30, random=lambda: 0.5)
    session.tick(0)
    assert session.connack(0, 0) == [act.Announce(True), act.Claim(16, 32, False)]


@pytest.mark.parametrize(("receive_maximum", "window"), [(1, 1), (10, 10), (16, 16), (65535, 16)])
def test_the_smaller_window_counts(receive_maximum: int, window: int) -> None:
    session = online(receive_maximum=receive_maximum)
    assert session.tick(1) == [act.Claim(window, 32, False)]
    session.claimed(list(range(window)), 0, 0)
    assert session.tick(2) == []
    assert session.puback(0, 0, 3) == [act.Done(0)]
    assert session.tick(4) == [act.Claim(1, 32, False)]


def test_a_silent_broker_is_a_lost_one_after_twice_the_keepalive() -> None:
    session = online()
    session.inbound(10 * S)
    assert session.tick(70 * S)[0] == act.Claim(16, 32, False)
    assert session.tick(70 * S + 1) == [act.Close(False)]
    assert (session.last_error, session.phase) == ("mqtt.silent", Phase.WAITING)


def test_the_brokers_keepalive_counts() -> None:
    session = online(keepalive_s=5)
    assert session.tick(10 * S + 1) == [act.Close(False)]


def test_no_connack_is_a_failed_try() -> None:
    session = Session(keepalive_s=30, random=lambda: 0.5)
    session.tick(0)
    assert session.tick(15 * S) == [act.Close(False)]
    assert session.last_error == "mqtt.no-connack"


def test_waits_grow_and_only_a_delivered_message_resets_them() -> None:
    session = Session(keepalive_s=30, random=lambda: 1.0)
    now, waits = 0, []
    for _ in range(8):
        assert session.tick(now) == [act.Connect()]
        session.connack(0, now)
        session.lost("mqtt.lost", now)
        assert session.tick(now) == []
        start = now
        while session.phase is Phase.WAITING and (step := session.wait_s(now)) != 0:
            now += round(step * S)
        waits.append((now - start) // S)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    session.tick(now)
    session.connack(0, now)
    session.claimed([1], 0, 0)
    session.puback(1, 0x10, now)
    session.lost("mqtt.lost", now)
    assert session.tick(now + 2 * S) == [act.Connect()]


@pytest.mark.parametrize("reason", [0x85, 0x86, 0x87, 0x8A, 0x8C])
def test_refused_credentials_wait_five_minutes(reason: int) -> None:
    session = Session(keepalive_s=30, random=lambda: 0.0)
    session.tick(0)
    assert session.connack(reason, 0) == [act.Close(False)]
    assert session.last_error == f"mqtt.connack-{reason:02x}"
    assert session.tick(300 * S - 1) == []
    assert session.tick(300 * S) == [act.Connect()]


def test_puback_reasons() -> None:
    session = online()
    session.claimed([1, 2, 3, 4], 0, 0)
    assert session.puback(1, 0x00, 0) == [act.Done(1)]
    assert session.puback(2, 0x10, 0) == [act.Done(2)]
    assert session.puback(3, 0x87, 0) == [act.Refused(3, 0x87)]
    assert session.puback(4, 0x97, 0) == [act.Release(4)]
    assert session.puback(4, 0x00, 0) == []
    assert session.tick(5 * S - 1) == []
    assert session.tick(5 * S) == [act.Claim(16, 32, False)]


def test_the_backlog_is_slowed_and_the_rest_is_not() -> None:
    session = online()
    session.claimed(list(range(16)), 16, 0)
    for each in range(16):
        session.puback(each, 0, 0)
    session.claimed(list(range(16)), 16, 0)
    for each in range(16):
        session.puback(each, 0, 0)
    assert session.tick(0) == [act.Claim(16, 0, False)]
    assert session.wait_s(0) < 0.1
    assert session.tick(S // 20) == [act.Claim(16, 10, False)]


def rate_of(session: Session, now: int) -> int:
    """Backlog per second at `now`, read from what is allowed after the tokens ran out."""
    session.claimed([], 1000, now)
    session._tokens, session._tokens_ns = 0.0, now
    [claim] = session.tick(now + S // 1000 * 5)
    assert isinstance(claim, act.Claim)
    return claim.backlog_limit * 200


def test_the_backlogs_rate_doubles_each_second_up_to_its_bound() -> None:
    session = online()
    rates = []
    for second in range(9):
        for _ in range(3):  # looking often does not make it grow faster
            session.tick(second * S)
        rates.append(rate_of(session, second * S))
        session.inbound(second * S)
    assert rates == [200, 400, 800, 1600, 3200, 6400, 6400, 6400, 6400], "5 ms hold at most the burst of 32"
    assert session._rate == act.BACKLOG_MOST_PER_S


@pytest.mark.parametrize(
    ("live", "backlog", "slower"), [(16, 0, True), (15, 0, False), (4, 12, False), (0, 16, False)]
)
def test_live_messages_that_may_have_to_wait_slow_the_backlog_down(
    live: int, backlog: int, slower: bool
) -> None:
    session = online()
    for second in range(5):
        session.tick(second * S)
    assert session._rate == 3200
    session.claimed(list(range(live + backlog)), backlog, 4 * S)
    assert session._rate == (200 if slower else 3200)


def test_a_pause_and_a_new_connection_begin_slowly_again() -> None:
    session = online()
    for second in range(5):
        session.tick(second * S)
    session.claimed([1], 1, 4 * S)
    session.puback(1, 0x97, 4 * S)
    assert session._rate == 200
    for second in range(5, 8):
        session.tick(second * S)
    assert session._rate == 1600
    session.lost("mqtt.lost", 8 * S)
    session.tick(100 * S)
    session.connack(0, 100 * S)
    assert session._rate == 200


def test_goodbye_waits_for_its_own_puback() -> None:
    session = online()
    session.claimed([1], 0, 0)
    assert session.stop(2 * S) == [act.SayDraining()]
    assert session.stop(2 * S) == []
    assert session.stop(4 * S) == [act.SayOffline()], "a slow broker does not hold the goodbye up for ever"
    session.farewell_is(2)
    assert session.stop(4 * S) == []
    assert session.tick(4 * S) == [act.Claim(15, 32, True)]
    session.claimed([2], 0, 4 * S)
    assert session.puback(1, 0, 0) == [act.Done(1)]
    assert session.puback(2, 0, 0) == [act.Done(2), act.Close(True)]
    assert session.ended
    assert session.lost("mqtt.lost", 0) == []


def test_what_waits_goes_before_the_goodbye() -> None:
    session = online()
    assert session.stop(0) == [act.SayDraining()]
    assert session.tick(0) == [act.Claim(16, 32, False)]
    session.claimed([1], 0, 0)
    assert session.stop(0) == []
    session.puback(1, 0, 0)
    assert session.stop(0) == [], "there may be more than one window holds"
    session.claimed([], 0, 0)
    assert session.wait_s(0) == 0
    assert session.stop(0) == [act.SayOffline()]


def test_goodbye_to_nobody_is_short() -> None:
    session = Session(keepalive_s=30, random=lambda: 0.5)
    assert session.stop(0) == [act.Close(False)]
    lost = online()
    lost.stop(0)
    assert lost.lost("mqtt.lost", 0) == [act.Close(False)]
    assert lost.ended


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_stay_in_their_bounds(failures: int, number: float) -> None:
    assert 1 <= reconnect_delay_s(failures, number) <= 60
    assert 300 <= refused_delay_s(number) <= 360
