"""The account: the life of an alarm, and that stops change nothing that is found."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audit.account import AuditAccount
from agent.audit.finding import Finding
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.times import NS_PER_S
from agent.runtime.account_codec import from_plain, to_plain
from tests.unit.audit.stories import HOUR_NS, MINUTE_NS, SETTINGS, Story


def restarted(account: AuditAccount) -> AuditAccount:
    """As the index of a stopped keeper gives it back."""
    return from_plain(AuditAccount, json.loads(json.dumps(to_plain(account))))


def denied(story: Story) -> list[str]:
    return story.add(LeafType.COMMAND_DENIED, reason="command.x", type="plan.set", count=1, actor="li")


def test_an_alarm_is_raised_acknowledged_and_closed_and_each_is_a_leaf() -> None:
    story = Story()
    denied(story)
    assert story.act() == ["raise denied"]
    assert story.act() == []
    denied(story)
    assert story.act() == [], "it belongs to the alarm that stands"
    story.alarm(LeafType.ALARM_ACKNOWLEDGED, "audit.denied")
    assert story.act() == ["close denied"]
    assert story.act() == []
    assert story.account.raised == {}


def test_without_an_acknowledgement_nothing_is_closed() -> None:
    story = Story()
    denied(story)
    story.act()
    story.pass_time(1000 * HOUR_NS)
    assert story.act() == []


def test_what_is_found_after_the_acknowledgement_is_an_alarm_of_its_own() -> None:
    story = Story()
    denied(story)
    story.act()
    story.alarm(LeafType.ALARM_ACKNOWLEDGED, "audit.denied")
    denied(story)
    last = story.leaves[-1].n
    assert story.act() == ["close denied", "raise denied"]
    assert story.account.raised["denied"].acknowledged is False
    assert last == story.leaves[-3].n


def test_a_cause_that_lasts_keeps_an_acknowledged_alarm_open() -> None:
    story = Story()
    for number in range(4):
        story.opened(f"r{number}", access=f"a{number}")
    story.alarm(LeafType.ALARM_RAISED, "health.sec-media")
    assert story.act() == ["raise bulk", "raise medium"]
    story.alarm(LeafType.ALARM_ACKNOWLEDGED, "audit.bulk")
    story.alarm(LeafType.ALARM_ACKNOWLEDGED, "audit.medium")
    assert story.act() == []
    story.pass_time(HOUR_NS)
    assert story.act() == ["close bulk"]
    story.alarm(LeafType.ALARM_CLOSED, "health.sec-media")
    assert story.act() == ["close medium"]


@pytest.mark.parametrize("raised", [False, True])
def test_a_stop_loses_neither_a_finding_nor_an_alarm(raised: bool) -> None:
    story = Story()
    denied(story)
    if raised:
        story.act()
    story.account = restarted(story.account)
    assert story.act() == ([] if raised else ["raise denied"])
    story.alarm(LeafType.ALARM_ACKNOWLEDGED, "audit.denied")
    story.account = restarted(story.account)
    assert story.act() == ["close denied"]


def test_an_alarm_of_somebody_else_by_that_name_is_not_ours() -> None:
    story = Story()
    story.alarm(LeafType.ALARM_RAISED, "audit.denied", entity="ch0")
    story.alarm(LeafType.ALARM_ACKNOWLEDGED, "audit.denied")
    assert story.account.raised == {}


STEPS = st.one_of(
    st.tuples(
        st.just("wait"), st.sampled_from([NS_PER_S, 5 * MINUTE_NS, 12 * MINUTE_NS, HOUR_NS, 9 * HOUR_NS])
    ),
    st.tuples(st.just("wall"), st.sampled_from([-3 * HOUR_NS, 3 * HOUR_NS])),
    st.tuples(st.just("machine"), st.just(0)),
    st.tuples(st.just("open"), st.integers(0, 9)),
    st.tuples(st.just("begin"), st.integers(0, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9)),
    st.tuples(st.just("denied"), st.integers(0, 2)),
    st.tuples(st.just("boot"), st.just(0)),
    st.tuples(st.just("shutdown"), st.just(0)),
    st.tuples(st.just("segment"), st.integers(0, 1)),
    st.tuples(st.just("configuration"), st.integers(0, 1)),
    st.tuples(st.just("medium"), st.integers(0, 1)),
    st.tuples(st.just("command"), st.integers(0, 2)),
    st.tuples(st.just("acknowledge"), st.integers(0, 3)),
    st.tuples(st.just("report"), st.just(0)),
    st.tuples(st.just("act"), st.just(0)),
)


def _play(story: Story, step: tuple[str, int]) -> None:
    word, value = step
    match word:
        case "wait":
            story.pass_time(value)
        case "wall":
            story.wall_ns += value
        case "machine":
            story.mono_ns = NS_PER_S
        case "open":
            story.opened(f"r{value}", access=f"a{value}")
        case "begin":
            story.opened(f"r{value}", access=f"a{value}", ended=False)
        case "fail":
            story.opened(f"r{value}", access=f"a{value}", error="capsule.wrong-key")
        case "denied":
            denied(story)
        case "boot":
            story.add(LeafType.BOOT)
        case "shutdown":
            story.add(LeafType.SHUTDOWN)
        case "segment":
            story.add(LeafType.SEGMENT, channel=f"ch{value}", verdict="conforming")
        case "configuration":
            story.add(LeafType.CONFIGURATION, sha256=str(value) * 64, agent="1")
        case "medium":
            story.alarm((LeafType.ALARM_RAISED, LeafType.ALARM_CLOSED)[value], "health.sec-media")
        case "command":
            story.accepted("channel.stop", ("li", "mallory", "uid:0")[value])
        case "acknowledge":
            code = ("bulk", "denied", "failed-opens", "medium")[value]
            story.alarm(LeafType.ALARM_ACKNOWLEDGED, f"audit.{code}")
        case "report":
            story.add(LeafType.REPORT, what="week")
        case _:
            story.act()


def _found(leaves: list[Leaf], stops: frozenset[int]) -> tuple[list[Finding], AuditAccount]:
    """What is found when the keeper stops before each leaf of `stops`."""
    account = AuditAccount()
    found: list[Finding] = []
    for leaf in leaves:
        if leaf.n in stops:
            account = restarted(account)
        found += account.take(leaf, SETTINGS)
    return found, account


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=80), stops=st.frozensets(st.integers(0, 100)))
def test_the_same_is_found_at_once_or_with_stops_in_between(
    steps: list[tuple[str, int]], stops: frozenset[int]
) -> None:
    story = Story()
    for step in steps:
        _play(story, step)
    whole, account = _found(story.leaves, frozenset())
    assert account == story.account
    parts, again = _found(story.leaves, stops)
    assert parts == whole
    assert again == account
    every = _found(story.leaves, frozenset(range(len(story.leaves))))
    assert every == (whole, account)


def test_a_long_life_keeps_the_account_small() -> None:
    story = Story()
    for number in range(3000):
        story.opened(f"r{number}", access=f"a{number}", ended=number % 2 == 0, error="x.y")
        story.add(LeafType.COMMAND_DENIED, reason=f"command.r{number}", type=f"t{number}", count=1)
        story.add(LeafType.DESTROY_REQUESTED, request=f"q{number}", recordings=[f"r{number}"])
        if number % 500 == 0:
            story.account.timeline.at_ns += HOUR_NS
    assert len(json.dumps(to_plain(story.account))) < 64 * 1024
