"""Every rule with cases it accepts and cases it rejects, then the verdict as a whole."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import agent.capture.rules
from agent.capture.judge import combine, judge
from agent.capture.measure import Measurement
from agent.capture.observed import Observed
from agent.capture.rules import RULES
from agent.model.spec import Codec, CollectionSpec
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade, Verdict

SPEC = CollectionSpec(
    width=1280, height=720, rate=Fraction(25), bitrate_min_bps=500_000, bitrate_max_bps=4_000_000
)
TAKEN = Measurement(
    frames=1500, bytes=15_000_000, duration_ns=60 * NS_PER_S, rate=Fraction(25), arrival_rate=Fraction(25),
    bitrate_bps=2_000_000, keyframes=30, gop_max_ns=2 * NS_PER_S, longest_gap_ns=40_000_000, gaps=0,
    expected_frames=1500, duplicates=0, lost=0, jitter_p99_ns=0,
)  # fmt: skip
GOOD = Observed(width=1280, height=720, codec=Codec.H264, has_audio_in_output=False, measurement=TAKEN)
SHORT_NS = 2 * NS_PER_S - 1
OK, DEGRADED, BAD = Grade.CONFORMING, Grade.DEGRADED, Grade.NONCONFORMING
BY_ID = dict(RULES)


def taken(**changes: object) -> Observed:
    return replace(GOOD, measurement=replace(TAKEN, **changes))  # type: ignore[arg-type]


CASES: list[tuple[str, CollectionSpec, Observed, Grade | None]] = [
    ("size", SPEC, GOOD, OK),
    ("size", SPEC, replace(GOOD, width=1920, height=1080), BAD),
    ("size", SPEC, replace(GOOD, width=720, height=1280), BAD),
    ("size", SPEC, replace(GOOD, height=719), BAD),
    ("size", SPEC, replace(GOOD, width=0, height=0), BAD),
    ("size", replace(SPEC, width=0, height=0), replace(GOOD, width=0, height=0), BAD),
    ("codec", SPEC, GOOD, OK),
    ("codec", SPEC, replace(GOOD, codec=Codec.H265), OK),
    ("codec", replace(SPEC, codecs=(Codec.H264,)), replace(GOOD, codec=Codec.H265), BAD),
    ("codec", SPEC, replace(GOOD, codec=None), BAD),
    ("audio", SPEC, GOOD, OK),
    ("audio", SPEC, replace(GOOD, has_audio_in_output=True), BAD),
    ("rate", SPEC, GOOD, OK),
    ("rate", SPEC, taken(rate=Fraction(105, 4)), OK),  # exactly 5 % above
    ("rate", SPEC, taken(rate=Fraction(95, 4)), OK),
    ("rate", SPEC, taken(rate=Fraction(2374, 100)), DEGRADED),
    ("rate", SPEC, taken(rate=Fraction(30)), DEGRADED),  # exactly 20 %
    ("rate", SPEC, taken(rate=Fraction(3001, 100)), BAD),
    ("rate", SPEC, taken(rate=Fraction(25, 2)), BAD),
    ("rate", SPEC, taken(rate=Fraction(0)), BAD),
    ("rate", SPEC, taken(arrival_rate=None), OK),
    ("rate", SPEC, taken(arrival_rate=Fraction(25, 2)), DEGRADED),
    ("rate", SPEC, taken(arrival_rate=Fraction(25, 2), duration_ns=5 * NS_PER_S), OK),
    ("rate", SPEC, taken(arrival_rate=Fraction(25), rate=Fraction(50)), BAD),
    ("rate", SPEC, taken(rate=Fraction(5), duration_ns=SHORT_NS), None),
    ("gop", SPEC, GOOD, OK),
    ("gop", SPEC, taken(gop_max_ns=10_040_000_000), OK),
    ("gop", SPEC, taken(gop_max_ns=10_041_000_000), DEGRADED),
    ("gop", SPEC, taken(keyframes=0), DEGRADED),
    ("gop", SPEC, taken(frames=0, keyframes=0), None),
    ("gop", replace(SPEC, gop_max_s=None), taken(gop_max_ns=10**12), None),
    ("gop", replace(SPEC, gop_max_s=0.5), taken(gop_max_ns=10**9, duration_ns=10**9), DEGRADED),
    ("bitrate", SPEC, GOOD, OK),
    ("bitrate", SPEC, taken(bitrate_bps=500_000), OK),
    ("bitrate", SPEC, taken(bitrate_bps=4_000_000), OK),
    ("bitrate", SPEC, taken(bitrate_bps=499_999), DEGRADED),
    ("bitrate", SPEC, taken(bitrate_bps=4_000_001), DEGRADED),
    ("bitrate", replace(SPEC, bitrate_min_bps=None), taken(bitrate_bps=1), OK),
    ("bitrate", replace(SPEC, bitrate_max_bps=None), taken(bitrate_bps=10**9), OK),
    ("bitrate", replace(SPEC, bitrate_min_bps=None, bitrate_max_bps=None), GOOD, None),
    ("bitrate", SPEC, taken(bitrate_bps=10**9, duration_ns=SHORT_NS), None),
    ("gap", SPEC, GOOD, OK),
    ("gap", SPEC, taken(longest_gap_ns=2 * NS_PER_S), OK),
    ("gap", SPEC, taken(longest_gap_ns=2 * NS_PER_S + 1, gaps=1, lost=50), DEGRADED),
    ("gap", replace(SPEC, gap_max_s=0.5), taken(longest_gap_ns=600_000_000, duration_ns=10**9), DEGRADED),
    ("gap", SPEC, taken(frames=0), None),
]


@pytest.mark.parametrize(("rule", "spec", "facts", "grade"), CASES)
def test_case(rule: str, spec: CollectionSpec, facts: Observed, grade: Grade | None) -> None:
    finding = BY_ID[rule](spec, facts)
    assert (None if finding is None else finding.grade) is grade
    if finding is not None:
        assert finding.rule == rule
        assert finding.measured
        assert finding.required


def test_every_rule_file_is_listed_and_has_accept_and_reject_cases() -> None:
    folder = Path(agent.capture.rules.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == set(BY_ID)
    assert len(BY_ID) == len(RULES)
    for rule in files:
        grades = {grade for name, _, _, grade in CASES if name == rule}
        assert OK in grades
        assert grades & {DEGRADED, BAD}


def test_values_carry_their_units() -> None:
    texts = {f.rule: (f.measured, f.required) for f in judge(SPEC, taken(lost=3)).findings}
    assert texts == {
        "size": ("1280x720 px", "1280x720 px"),
        "codec": ("h264", "h264 or h265"),
        "audio": ("no audio", "forbid"),
        "rate": ("25.000 Hz (arrivals 25.000 Hz)", "25.000 Hz within 5 %"),
        "gop": ("longest 2.00 s, 30 key frames", "at most 10 s"),
        "bitrate": ("2000000 bit/s", "at least 500000 bit/s, at most 4000000 bit/s"),
        "gap": ("longest 0.040 s, 3 of 1500 frames lost", "at most 2 s"),
    }


def test_the_worst_finding_decides() -> None:
    assert judge(SPEC, GOOD).grade is OK
    assert judge(SPEC, taken(bitrate_bps=1)).grade is DEGRADED
    assert judge(SPEC, replace(taken(bitrate_bps=1), width=640)).grade is BAD


def test_a_short_segment_has_no_findings_on_rates() -> None:
    rules = [f.rule for f in judge(SPEC, taken(duration_ns=SHORT_NS, rate=Fraction(1))).findings]
    assert rules == ["size", "codec", "audio", "gop", "gap"]


def test_combine_takes_the_worst_of_each_rule_in_the_rules_order() -> None:
    slow = judge(SPEC, taken(rate=Fraction(10)))
    wide = judge(SPEC, replace(GOOD, width=1920))
    short = judge(SPEC, taken(duration_ns=SHORT_NS))
    whole = combine([short, judge(SPEC, GOOD), slow, wide, judge(SPEC, GOOD)])
    assert whole.grade is BAD
    assert [f.rule for f in whole.findings] == list(BY_ID)
    bad = {f.rule: f.measured for f in whole.findings if f.grade is not OK}
    assert bad == {"size": "1920x720 px", "rate": "10.000 Hz (arrivals 25.000 Hz)"}


def test_combine_keeps_the_first_of_equals_and_rules_it_does_not_know() -> None:
    first = Finding(rule="newer", grade=DEGRADED, measured="1", required="2")
    second = replace(first, measured="3")
    known = judge(SPEC, GOOD)
    verdicts = [
        Verdict(grade=DEGRADED, findings=(first,)),
        Verdict(grade=DEGRADED, findings=(second,)),
        known,
    ]
    assert combine(verdicts) == Verdict(grade=DEGRADED, findings=(*known.findings, first))


def test_combine_of_one_is_itself_and_of_none_is_empty() -> None:
    assert combine([judge(SPEC, GOOD)]) == judge(SPEC, GOOD)
    assert combine([]) == Verdict(grade=OK, findings=())
