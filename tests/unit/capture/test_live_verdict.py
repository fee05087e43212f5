"""When a live stream's verdict is told: at once when it gets worse, late when it gets better, never twice."""

from __future__ import annotations

from agent.capture.live_verdict import CLEAR_NS, SETTLED_NS, LiveVerdict
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade, Verdict

OK, DEGRADED, BAD = Grade.CONFORMING, Grade.DEGRADED, Grade.NONCONFORMING


def finding(rule: str, grade: Grade, measured: str = "10 Hz") -> Finding:
    return Finding(rule=rule, grade=grade, measured=measured, required="25 Hz")


class Stream:
    """Judges twice a second and remembers what was told, and when."""

    def __init__(self) -> None:
        self.live = LiveVerdict()
        self.at_ns = 7 * NS_PER_S
        self.told: list[tuple[float, Grade, list[str]]] = []

    def run(self, seconds: float, *findings: Finding) -> None:
        for _ in range(round(2 * seconds)):
            verdict = self.live.judge(self.at_ns, findings)
            if verdict is not None:
                rules = [found.rule for found in verdict.findings]
                self.told.append((self.at_ns / NS_PER_S - 7, verdict.grade, rules))
            self.at_ns += NS_PER_S // 2


def test_the_first_good_verdict_waits_until_rates_are_known() -> None:
    stream = Stream()
    stream.run(60, finding("rate", OK))
    assert stream.told == [(SETTLED_NS / NS_PER_S, OK, [])]


def test_a_first_bad_verdict_does_not_wait() -> None:
    stream = Stream()
    stream.run(60, finding("size", BAD), finding("rate", OK))
    assert stream.told == [(0, BAD, ["size"])]


def test_a_break_is_told_at_once_and_its_end_after_five_good_seconds() -> None:
    stream = Stream()
    stream.run(10, finding("rate", OK))
    stream.run(4, finding("rate", DEGRADED))
    stream.run(10, finding("rate", OK))
    assert stream.told[1:] == [(10, DEGRADED, ["rate"]), (13.5 + CLEAR_NS / NS_PER_S, OK, [])]


def test_a_source_at_the_edge_of_a_limit_is_one_alarm() -> None:
    stream = Stream()
    for _ in range(100):
        stream.run(0.5, finding("rate", DEGRADED))
        stream.run(2, finding("rate", OK))
    assert [rules for _, _, rules in stream.told] == [["rate"]]


def test_worse_is_told_at_once_and_milder_only_when_it_stays() -> None:
    stream = Stream()
    stream.run(3, finding("rate", DEGRADED))
    stream.run(3, finding("rate", BAD))
    stream.run(10, finding("rate", DEGRADED))
    assert [(at, grade) for at, grade, _ in stream.told] == [(0, DEGRADED), (3, BAD), (10.5, DEGRADED)]


def test_a_rule_that_can_not_be_judged_keeps_its_state() -> None:
    stream = Stream()
    stream.run(2, finding("rate", BAD))
    stream.run(60)
    assert stream.told == [(0, BAD, ["rate"])]


def test_other_rules_that_break_are_told_with_those_that_still_are() -> None:
    live = LiveVerdict()
    rate, size = finding("rate", DEGRADED), finding("size", BAD)
    assert live.judge(0, [rate]) == Verdict(grade=DEGRADED, findings=(rate,))
    assert live.judge(1, [rate, size]) == Verdict(grade=BAD, findings=(rate, size))
    assert live.judge(2, [rate, size]) is None
