"""Which configuration a start uses, and when a sent one has proved itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.formats.sent_config_v1 import AcceptedConfig, RolledBack, SentConfig, Trial, decode, encode
from agent.model.errors import Refuse
from agent.model.times import NS_PER_S
from agent.runtime.sent_config import (
    MAX_STARTS,
    Seen,
    State,
    beside_installed,
    given_up,
    in_effect,
    judged,
    missing,
    proven,
    start_counted,
)

INSTALLED, OTHER = "a" * 64, "b" * 64
TRIAL = Trial(cmd_id="two", text="new = 1\n", starts=0, channels=("ch0", "ch1"), link=True)
ACCEPTED = AcceptedConfig(cmd_id="one", text="old = 1\n")
SENT = SentConfig(installed_sha256=INSTALLED, accepted=ACCEPTED, trial=TRIAL, paused=("ch1",))
GOOD = Seen(
    channels=frozenset({"ch0", "ch1"}),
    recording=frozenset({"ch0", "ch1"}),
    resting=frozenset(),
    connected=True,
)


def test_the_newest_is_in_effect() -> None:
    assert in_effect(SENT).state is State.TRIAL
    assert in_effect(replace(SENT, trial=None)).text == ACCEPTED.text
    nothing = in_effect(SentConfig(installed_sha256=INSTALLED))
    assert (nothing.state, nothing.text, nothing.cmd_id) == (State.INSTALLED, None, None)


def test_a_trial_that_is_never_judged_is_over_after_its_starts() -> None:
    sent = SENT
    for _ in range(MAX_STARTS):
        sent = start_counted(sent)
        assert in_effect(sent).state is State.TRIAL
    sent = start_counted(sent)
    assert in_effect(sent).state is State.ACCEPTED
    assert sent.rolled_back is not None
    assert (sent.rolled_back.cmd_id, sent.rolled_back.reason) == ("two", "config.not-judged")


def test_who_changes_the_file_on_the_box_wins() -> None:
    assert beside_installed(SENT, INSTALLED) == SENT
    changed = beside_installed(SENT, OTHER)
    assert in_effect(changed).state is State.INSTALLED
    assert changed.rolled_back is not None
    assert (changed.rolled_back.cmd_id, changed.rolled_back.reason) == ("two", "config.superseded")
    assert changed.paused == ("ch1",)
    quiet = beside_installed(SentConfig(installed_sha256=INSTALLED), OTHER)
    assert quiet == SentConfig(installed_sha256=OTHER)


def test_what_is_given_up_leaves_the_one_before() -> None:
    without = given_up(SENT, "secret.empty")
    assert (without.trial, without.accepted) == (None, ACCEPTED)
    assert given_up(without, "config.wrong").accepted is None
    assert proven(SENT).accepted == AcceptedConfig(cmd_id="two", text=TRIAL.text)
    assert proven(without) == without


@pytest.mark.parametrize(
    ("seen", "lost"),
    [
        (GOOD, ()),
        (replace(GOOD, recording=frozenset({"ch0"})), ("channel ch1 does not record",)),
        (replace(GOOD, recording=frozenset({"ch0"}), resting=frozenset({"ch1"})), ()),
        (replace(GOOD, recording=frozenset({"ch0"}), channels=frozenset({"ch0"})), ()),
        (replace(GOOD, connected=False), ("the broker is not reached",)),
    ],
)
def test_what_worked_before_must_work_again(seen: Seen, lost: tuple[str, ...]) -> None:
    assert missing(TRIAL, seen) == lost
    assert judged(TRIAL, seen, NS_PER_S) is None, "too early, good or bad"
    assert judged(TRIAL, seen, 11 * NS_PER_S) is (None if lost else True)
    assert judged(TRIAL, seen, 120 * NS_PER_S) is (not lost)


def test_without_a_broker_before_none_is_asked_for() -> None:
    assert missing(replace(TRIAL, link=False), replace(GOOD, connected=False)) == ()


def test_the_file_goes_both_ways() -> None:
    gone = RolledBack(cmd_id="three", sha256=OTHER, reason="config.wrong")
    for sent in (SENT, replace(SENT, rolled_back=gone), SentConfig(installed_sha256=INSTALLED)):
        assert decode(encode(sent)) == sent


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        encode(SENT)[:-1],
        encode(SENT).replace(b'"v": 1', b'"v": 2'),
        encode(SENT).replace(INSTALLED.encode(), b"x"),
        encode(SENT).replace(b'"paused"', b'"stopped"'),
        b"\xff",
    ],
    ids=["empty", "nothing", "list", "cut", "version", "digest", "field", "bytes"],
)
def test_a_damaged_file_is_told(data: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        decode(data)
    assert caught.value.code == "config.memory"
