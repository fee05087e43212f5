"""Every rule with cases it accepts and cases it rejects, then the verdict as a whole."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import agent.capture.rules
from agent.capture.bitstream import PictureSize
from agent.capture.judge import combine, judge
from agent.capture.observed import BurstCheck, Observed
from agent.capture.rules import RULES
from agent.model.spec import Codec, CollectionSpec, ColourRange, Scan
from agent.model.times import NS_PER_S
from agent.model.verdict import Finding, Grade, Verdict
from tests.unit.capture.picture_cases import (
    BAD,
    BLACK,
    BLURRED,
    DEGRADED,
    GOOD,
    HAND,
    OK,
    PICTURE_CASES,
    SPEC,
    STILL,
    TAKEN,
    WARD,
    shown,
)

SHORT_NS = 2 * NS_PER_S - 1
BY_ID = dict(RULES)


def taken(**changes: object) -> Observed:
    return replace(GOOD, measurement=replace(TAKEN, **changes))  # type: ignore[arg-type]


def said(**changes: object) -> Observed:
    """What a parameter set says: 720p in H.264's High profile at level 4.1, silent about the rest."""
    silent = PictureSize(1280, 720, 100, 41, None, None, None)
    return replace(GOOD, parameters=replace(silent, **changes))  # type: ignore[arg-type]  # by name


def bursts(*seen: tuple[int, int]) -> Observed:
    return replace(GOOD, bursts=tuple(BurstCheck(at_ns=0, compared=c, repeats=r) for c, r in seen))


CASES: list[tuple[str, CollectionSpec, Observed, Grade | None]] = [
    ("size", SPEC, GOOD, OK),
    ("size", SPEC, replace(GOOD, width=1920, height=1080), BAD),
    ("size", SPEC, replace(GOOD, width=720, height=1280), BAD),
    ("size", SPEC, replace(GOOD, height=719), BAD),
    ("size", SPEC, replace(GOOD, width=0, height=0), BAD),
    ("size", replace(SPEC, width=0, height=0), replace(GOOD, width=0, height=0), BAD),
    ("size", replace(SPEC, width_min=640), replace(GOOD, width=640), OK),
    ("size", replace(SPEC, width_min=640), replace(GOOD, width=639), BAD),
    ("size", replace(SPEC, height_min=576), replace(GOOD, height=576), OK),
    ("size", replace(SPEC, width_min=640, height_min=576), replace(GOOD, width=3840, height=2160), BAD),
    ("profile", SPEC, said(), None),
    ("profile", replace(SPEC, profiles=("main", "high")), said(), OK),
    ("profile", replace(SPEC, profiles=("main",)), said(), DEGRADED),
    ("profile", replace(SPEC, profiles=("main",)), replace(said(profile_idc=1), codec=Codec.H265), OK),
    ("profile", replace(SPEC, profiles=("main",)), said(profile_idc=251), DEGRADED),
    ("profile", replace(SPEC, profiles=("main",)), GOOD, DEGRADED),
    ("scan", SPEC, said(interlaced=False), OK),
    ("scan", SPEC, said(interlaced=True), BAD),
    ("scan", replace(SPEC, scan=Scan.INTERLACED), said(interlaced=True), OK),
    ("scan", replace(SPEC, scan=Scan.INTERLACED), said(interlaced=False), BAD),
    ("scan", replace(SPEC, scan=None), said(interlaced=True), None),
    ("scan", SPEC, said(interlaced=None), None),
    ("scan", SPEC, GOOD, None),
    ("aspect", SPEC, said(sar=Fraction(1)), OK),
    ("aspect", SPEC, said(sar=Fraction(16, 11)), DEGRADED),
    ("aspect", SPEC, said(), OK),  # unspecified is shown square
    ("aspect", replace(SPEC, pixel_aspect=Fraction(16, 11)), said(sar=Fraction(16, 11)), OK),
    ("aspect", replace(SPEC, pixel_aspect=Fraction(16, 11)), said(), DEGRADED),
    ("aspect", replace(SPEC, pixel_aspect=None), said(sar=Fraction(2)), None),
    ("aspect", SPEC, GOOD, None),
    ("colour-range", SPEC, said(full_range=True), None),
    ("colour-range", replace(SPEC, colour_range=ColourRange.FULL), said(full_range=True), OK),
    ("colour-range", replace(SPEC, colour_range=ColourRange.FULL), said(full_range=False), DEGRADED),
    ("colour-range", replace(SPEC, colour_range=ColourRange.FULL), said(), DEGRADED),
    ("colour-range", replace(SPEC, colour_range=ColourRange.LIMITED), said(), OK),  # inferred by the standard
    ("colour-range", replace(SPEC, colour_range=ColourRange.LIMITED), said(full_range=True), DEGRADED),
    ("colour-range", replace(SPEC, colour_range=ColourRange.FULL), GOOD, None),
    ("codec", SPEC, GOOD, OK),
    ("codec", SPEC, replace(GOOD, codec=Codec.H265), OK),
    ("codec", replace(SPEC, codecs=(Codec.H264,)), replace(GOOD, codec=Codec.H265), BAD),
    ("codec", SPEC, replace(GOOD, codec=None), BAD),
    ("audio", SPEC, GOOD, OK),
    ("audio", SPEC, replace(GOOD, has_audio_in_output=True), BAD),
    ("audio", SPEC, replace(GOOD, source_has_audio=True), DEGRADED),
    ("length", SPEC, replace(GOOD, recording_ns=10**15), None),
    ("length", replace(SPEC, recording_max_s=3600), replace(GOOD, recording_ns=3600 * NS_PER_S), OK),
    ("length", replace(SPEC, recording_max_s=3600), replace(GOOD, recording_ns=3600 * NS_PER_S + 1), BAD),
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
    ("clock", SPEC, GOOD, OK),
    ("clock", SPEC, taken(clock_steps=1, clock_step_ns=-3 * NS_PER_S), DEGRADED),
    ("clock", SPEC, taken(frames=0), None),
    ("lost", SPEC, GOOD, OK),
    ("lost", SPEC, taken(frames=99, missing=1), OK),  # exactly 1 %
    ("lost", SPEC, taken(frames=98, missing=2), DEGRADED),
    ("lost", replace(SPEC, lost_max=Fraction(0)), taken(missing=1), DEGRADED),
    ("lost", replace(SPEC, lost_max=None), taken(missing=900), None),
    ("lost", SPEC, taken(missing=900, duration_ns=SHORT_NS), None),
    ("duplicates", SPEC, GOOD, OK),
    ("duplicates", SPEC, taken(duplicates=75), OK),  # exactly 5 %
    ("duplicates", SPEC, taken(duplicates=76), DEGRADED),
    ("duplicates", SPEC, bursts((13, 1), (0, 0)), OK),  # one may be chance
    ("duplicates", SPEC, bursts((13, 0), (13, 2), (13, 0)), DEGRADED),
    ("duplicates", replace(SPEC, duplicate_max=None), bursts((13, 9)), None),
    ("duplicates", SPEC, taken(duplicates=900, duration_ns=SHORT_NS), None),
    ("jitter", SPEC, taken(jitter_p99_ns=250_000_000), OK),
    ("jitter", SPEC, taken(jitter_p99_ns=250_000_001), DEGRADED),
    ("jitter", replace(SPEC, jitter_max_s=None), taken(jitter_p99_ns=10**12), None),
    ("jitter", SPEC, taken(jitter_p99_ns=10**12, duration_ns=SHORT_NS), None),
    *PICTURE_CASES,
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
    files = {path.stem.replace("_", "-") for path in folder.glob("*.py")} - {"--init--"}
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
        "clock": ("0 steps", "no step over 1 s"),
        "lost": ("0 of 1500 frames, 0.00 %", "at most 1 %"),
        "duplicates": ("0 of 1500 frames by time, pictures: no motion to compare", "at most 5 %"),
        "jitter": ("0.0 ms for 99 of 100 frames", "at most 250 ms"),
    }


@pytest.mark.parametrize(
    ("rule", "facts", "measured", "required"),
    [
        ("audio", replace(GOOD, source_has_audio=True), "the source sends audio; it is dropped", "forbid"),
        ("scan", said(interlaced=True), "interlaced", "progressive"),
        ("aspect", said(sar=Fraction(16, 11)), "16:11", "1:1"),
        ("aspect", said(), "unknown", "1:1"),
        (
            "clock",
            taken(clock_steps=2, clock_step_ns=5 * NS_PER_S),
            "2 steps, furthest by +5.0 s",
            "no step over 1 s",
        ),
        (
            "duplicates",
            bursts((13, 2)),
            "0 of 1500 frames by time, pictures: 2 of 13 compared",
            "at most 5 %",
        ),
        ("black", shown((BLACK, 12)), "black for 11.0 s, mean luma 0.5 of 255", "at most 10 s"),
        ("frozen", shown((WARD, 1), (STILL, 12)), "without change for 12.0 s", "at most 10 s"),
        ("covered", shown((HAND, 12)), "covered for 11.0 s, 95 % without detail", "at most 10 s"),
        (
            "defocused",
            shown((BLURRED, 32)),
            "out of focus for 31.0 s, blur 0.72",
            "at most 30 s, blur below 0.72",
        ),
    ],
)
def test_what_a_finding_says(rule: str, facts: Observed, measured: str, required: str) -> None:
    finding = BY_ID[rule](SPEC, facts)
    assert finding is not None
    assert (finding.measured, finding.required) == (measured, required)


def test_the_worst_finding_decides() -> None:
    assert judge(SPEC, GOOD).grade is OK
    assert judge(SPEC, taken(bitrate_bps=1)).grade is DEGRADED
    assert judge(SPEC, replace(taken(bitrate_bps=1), width=640)).grade is BAD


def test_a_short_segment_has_no_findings_on_rates() -> None:
    rules = [f.rule for f in judge(SPEC, taken(duration_ns=SHORT_NS, rate=Fraction(1))).findings]
    assert rules == ["size", "codec", "audio", "gop", "gap", "clock"]


def test_combine_takes_the_worst_of_each_rule_in_the_rules_order() -> None:
    slow = judge(SPEC, taken(rate=Fraction(10)))
    wide = judge(SPEC, replace(GOOD, width=1920))
    short = judge(SPEC, taken(duration_ns=SHORT_NS))
    whole = combine([short, judge(SPEC, GOOD), slow, wide, judge(SPEC, GOOD)])
    assert whole.grade is BAD
    listed = [f.rule for f in whole.findings]
    assert listed == [rule for rule in BY_ID if rule in listed]
    assert {"size", "rate", "bitrate", "gap"} <= set(listed)
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
