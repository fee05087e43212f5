"""Every fault of issue 3 through the pipeline: judged right, with measured values, and told in time.

Times are media times. The limit: 2 s after the fault, for what the spec allows to last (a black picture)
2 s after the spec's own limit, for repeated pictures the distance of two bursts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats.config_spec import PictureConfig, SpecConfig
from agent.formats.ledger_v1 import LeafType
from agent.model.source_settings import Fault, FaultKind
from tests.integration.spec_pipeline import STALL_S, Pipeline, camera, pipeline

K = FaultKind
AT_S = 5.32
PICTURE = PictureConfig(
    black_max_s=4.0, frozen_max_s=4.0, defocused_max_s=4.0, covered_max_s=4.0, no_signal_max_s=4.0
)
SPEC = SpecConfig(width=320, height=192, rate="25", gap_max_s=1.0, picture=PICTURE)
BURST_S = 10.0


def fault(kind: FaultKind, value: str | None = None, *, at_s: float = AT_S, for_s: float = 60) -> Fault:
    return Fault(kind=kind, at_s=at_s, for_s=for_s, value=value)


def worst_of(pipe: Pipeline, rule: str) -> tuple[str, str]:
    """Grade and measured value of one rule, from the segment that shows it worst."""
    order = ("conforming", "degraded", "nonconforming")
    found = [each for closed in pipe.closed for each in closed.findings if each.rule == rule]
    grade = max((each.grade for each in found), key=order.index)
    return grade, next(each.measured for each in reversed(found) if each.grade == grade)


@pytest.mark.parametrize(
    ("kind", "value", "rule", "grade", "measured", "within_s"),
    [
        (K.RATE_CHANGE, "21", "rate", "degraded", "21.000 Hz", 2),
        (K.RATE_CHANGE, "12", "rate", "nonconforming", "12.000 Hz", 2),
        (K.RATE_CHANGE, "50", "rate", "nonconforming", "50.000 Hz", 2),
        (K.DUPLICATE, "5", "duplicates", "degraded", "pictures: 2 of 13 compared", BURST_S + 2),
        (K.SIZE_CHANGE, "640x384", "size", "nonconforming", "640x384 px", 2),
        (K.SIZE_CHANGE, "3840x2160", "size", "nonconforming", "3840x2160 px", 2),
        (K.CLOCK_JUMP, "5", "clock", "degraded", "1 steps, furthest by +5.0 s", 2),
        (K.CLOCK_JUMP, "-3", "clock", "degraded", "1 steps, furthest by -3.0 s", 2),
        (K.LOSS, "4", "rate", "nonconforming", "18.", 2),
        (K.FREEZE, None, "frozen", "nonconforming", "without change for", 4 + 2),
        (K.BLACK, None, "black", "nonconforming", "black for", 4 + 2),
        (K.DEFOCUS, None, "defocused", "degraded", "out of focus for", 4 + 2),
        (K.COVERED, None, "covered", "degraded", "covered for", 4 + 2),
        (K.NO_SIGNAL, "blue", "no-signal", "nonconforming", "a card for", 4 + 2),
        (K.NO_SIGNAL, "bars", "no-signal", "nonconforming", "a card for", 4 + 2),
        (K.NO_SIGNAL, "white", "no-signal", "nonconforming", "a card for", 4 + 2),
    ],
)
def test_a_fault_is_judged_with_its_value_and_told_in_time(
    tmp_path: Path, kind: FaultKind, value: str | None, rule: str, grade: str, measured: str, within_s: float
) -> None:
    # 4K pictures are dear to paint; the fault shows with the first of them.
    length_s = 0.2 if value == "3840x2160" else 60
    seconds = AT_S + length_s if length_s < 1 else AT_S + within_s + 10
    with pipeline(tmp_path, SPEC) as pipe:
        pipe.play(camera(fault(kind, value, for_s=length_s), seconds=seconds))
        judged = worst_of(pipe, rule)
    assert judged[0] == grade
    assert measured in judged[1]
    [first] = [told for told in pipe.raised() if f"{rule}: " in told.text][:1]
    assert AT_S <= first.at_s <= AT_S + within_s
    assert all(told.at_s >= AT_S for told in pipe.raised()), "nothing is told before the fault"
    assert {told.code for told in pipe.raised()} <= {"spec.degraded", "spec.nonconforming"}
    assert ", required " in first.text


def test_sound_is_dropped_and_told_at_once(tmp_path: Path) -> None:
    with pipeline(tmp_path, SPEC) as pipe:
        pipe.play(camera(fault(K.AUDIO), seconds=6))
        assert worst_of(pipe, "audio") == ("degraded", "the source sends audio; it is dropped")
    [told] = pipe.raised()
    assert (told.at_s, told.code) == (0, "spec.degraded")
    assert told.text.endswith("audio: the source sends audio; it is dropped, required forbid")


def test_a_loss_of_ten_seconds_is_told_while_it_lasts_and_is_a_gap_of_that_length(tmp_path: Path) -> None:
    with pipeline(tmp_path, SPEC) as pipe:
        pipe.play(camera(fault(K.LOSS, for_s=10), seconds=20))
        [told] = pipe.raised()
        assert told.code == "source.stalled"
        assert told.at_s - AT_S <= 2
        pipe.advance(10 - STALL_S)
        pipe.play(camera(seconds=5))
        [gap] = [leaf.body for leaf in pipe.run.booted.ledger.leaves() if leaf.type is LeafType.GAP]
        assert not pipe.run.book.alarms
    assert gap["cause"] == "source-lost"
    assert int(str(gap["duration_ms"])) == pytest.approx(10_000, abs=50)


def test_a_short_silence_over_the_limit_is_told_when_pictures_are_back(tmp_path: Path) -> None:
    with pipeline(tmp_path, SPEC) as pipe:
        pipe.play(camera(fault(K.SILENCE, for_s=1.4), seconds=20))
        assert worst_of(pipe, "gap")[1].startswith("longest 1.440 s")
    [first] = [told for told in pipe.raised() if "gap: " in told.text]
    assert first.at_s - AT_S <= 2


def test_an_alarm_goes_when_the_fault_has_gone(tmp_path: Path) -> None:
    with pipeline(tmp_path, SPEC) as pipe:
        pipe.play(camera(fault(K.RATE_CHANGE, "12", for_s=6), seconds=30))
        assert not pipe.run.book.alarms
    assert {told.code for told in pipe.raised()} == {"spec.degraded", "spec.nonconforming"}
    # What is counted over ten seconds sees the fault so long, and five more have to be good.
    assert pipe.told[-1].text == ""
    assert pipe.told[-1].at_s <= AT_S + 6 + 10 + 5 + 1


def test_other_rules_that_break_are_a_new_text(tmp_path: Path) -> None:
    script = (fault(K.SIZE_CHANGE, "640x384"), fault(K.RATE_CHANGE, "10", at_s=12))
    with pipeline(tmp_path, SPEC) as pipe:
        pipe.play(camera(*script, seconds=20))
    texts = [told.text for told in pipe.raised() if told.code == "spec.nonconforming"]
    assert "size: 640x384 px" in texts[0]
    assert "rate: " not in texts[0]
    assert "size: 640x384 px" in texts[-1]
    assert "rate: " in texts[-1]


def test_a_good_camera_never_alarms_in_half_an_hour(tmp_path: Path) -> None:
    spec = SpecConfig(width=160, height=96, rate="10")
    with pipeline(tmp_path, spec, segment_s=60) as pipe:
        source = camera(seconds=1800, size=(160, 96))
        pipe.play(type(source)(width=160, height=96, rate=spec.to_spec().rate, seconds=1800))
    assert pipe.told == []
    assert len(pipe.closed) == 30
    assert {closed.grade for closed in pipe.closed} == {"conforming"}
    rules = {finding.rule for closed in pipe.closed for finding in closed.findings}
    assert {"rate", "lost", "duplicates", "jitter", "black", "frozen", "covered", "defocused"} <= rules
