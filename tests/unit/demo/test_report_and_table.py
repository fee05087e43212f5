"""What the demo shows: every condition that does not hold is named, and unknown is shown as unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.demo import report, table
from agent.demo.plaintext import Hit
from agent.demo.report import Facts
from agent.demo.watcher import Seen

GOOD = Facts(
    seconds=20.016,
    vault=Path("/d/vault"),
    identity=Path("/d/custodian.txt"),
    agent_exit=0,
    recordings=1,
    segments=5,
    frames_expected=500,
    frames_recorded=500,
    frames_opened=500,
    verdict="conforming",
    leaves=12,
    verified=True,
    root="ab" * 32,
    messages=40,
    events=8,
    statuses=(("online", None), ("offline", "stopped")),
    windows=256,
)


def test_all_of_it_holds() -> None:
    assert report.problems(GOOD) == []
    assert report.as_text(GOOD, None)[-1] == "All of it holds."


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"agent_exit": 1}, "the agent did not end cleanly (exit 1)"),
        ({"agent_exit": None}, "the agent did not end cleanly (exit None)"),
        ({"verified": False}, "the vault does not verify against its ledger"),
        ({"gaps": 2}, "2 gaps are recorded"),
        ({"frames_opened": 499}, "500 frames were recorded, 499 play"),
        ({"frames_expected": 502}, "500 frames were recorded, 502 were expected"),
        ({"verdict": None}, "the verdict is None"),
        ({"verdict": "degraded"}, "the verdict is degraded"),
        ({"hits": (Hit(Path("/d/x"), "opened video", 3),)}, "clear text is on the disk: 1 hits"),
        ({"windows": 199}, "only 199 pieces of the video could be looked for: record longer"),
        ({"statuses": (("offline", "stopped"),)}, "the box never said over MQTT that it is online"),
        ({"statuses": (("online", None),)}, "the box did not say goodbye over MQTT"),
        ({"statuses": (("online", None), ("offline", "lost"))}, "the box did not say goodbye over MQTT"),
        ({"events": 0}, "no event came over MQTT"),
        ({"malformed": 1}, "1 MQTT messages are malformed"),
        ({"troubles": ("the broker ended",)}, "the broker ended"),
    ],
)
def test_each_condition_that_does_not_hold_is_named(change: dict[str, object], text: str) -> None:
    facts = replace(GOOD, **change)  # type: ignore[arg-type]
    assert report.problems(facts) == [text]
    assert json.loads(report.as_json(facts))["ok"] is False
    assert report.as_text(facts, None)[-1] == f"WRONG: {text}"


def test_nothing_recorded_is_never_good() -> None:
    nothing = Facts(seconds=0.0, vault=Path("/v"), identity=Path("/i"))
    assert "no frame was recorded" in report.problems(nothing)
    assert json.loads(report.as_json(nothing))["ok"] is False


def test_one_frame_more_or_less_per_recording_is_the_cut() -> None:
    assert report.problems(replace(GOOD, frames_expected=501)) == []
    assert report.problems(replace(GOOD, frames_expected=502, recordings=2)) == []


def test_the_json_has_the_documented_keys() -> None:
    text = report.as_json(GOOD)
    assert "\n" not in text
    assert json.loads(text) == {
        "ok": True,
        "seconds": 20.02,
        "segments": 5,
        "frames_expected": 500,
        "frames_recorded": 500,
        "frames_opened": 500,
        "gaps": 0,
        "verdict": "conforming",
        "ledger": {"leaves": 12, "verified": True, "root": "ab" * 32},
        "mqtt": {"messages": 40, "status": ["online", "offline"], "events": 8},
        "vault": "/d/vault",
        "identity": "/d/custodian.txt",
        "plaintext_hits": 0,
    }


def test_the_stock_line_is_short_and_safe_to_paste() -> None:
    start = Path("/d")
    paths = (Path("/d/custodian.txt"), Path("/d/a b/capsule.age"), Path("/elsewhere/0.mp4.age"))
    assert report.stock_line(*paths, start) == (
        "age -d -i <(age -d -i custodian.txt 'a b/capsule.age') /elsewhere/0.mp4.age | ffplay -"
    )


def test_unknown_is_a_dash_and_never_a_zero() -> None:
    [row] = table.rows(Seen(), {"channels": [{"id": "ch0", "signal": "unknown"}]}, 0.0)
    assert row.cells() == ("ch0", "unknown", "-", "-", "-", "-", "-", "-", "none")


def test_what_came_over_mqtt_goes_before_the_status_file() -> None:
    seen = Seen(
        channels={
            "ch0": {
                "signal": "present",
                "width": 1280,
                "height": 720,
                "rate_num": 25,
                "rate_den": 1,
                "bytes": 5,
                "segments": 0,
            }
        },
        alarms={("ch0", "source-lost"): {}, ("_", "link-died"): {}, ("ch1", "x"): {}},
    )
    local = {"id": "ch0", "signal": "absent", "width": 1, "size_bytes": 9, "verdict": "degraded"}
    [row] = table.rows(seen, {"channels": [{**local, "last_durable_age_s": 0.4}]}, 0.3)
    assert row.cells() == ("ch0", "present", "1280x720", "25.00 Hz", "degraded", "0", "5 B", "0.7 s ago", "2")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_bytes_for_people(count: int | None, text: str) -> None:
    assert table.readable_bytes(count) == text


def test_the_table_is_aligned_and_shows_each_alarm_with_its_remedy() -> None:
    rows = table.rows(Seen(), {"channels": [{"id": "ch0"}, {"id": "longer-name"}]}, 0.0)
    alarm = {"entity": "ch0", "code": "source.lost", "text": "gone", "remedy": "look"}
    lines = table.render("heading", rows, [alarm])
    assert lines[0] == "heading"
    assert lines[1].index("signal") == lines[2].index("-") == lines[3].index("-", len("longer-name"))
    assert lines[4] == "ALARM ch0 source.lost: gone - look"


def test_redrawing_goes_up_by_what_was_drawn_and_cuts_long_lines() -> None:
    assert table.redraw(["abcdef", "x"], 0, 4) == "\x1b[Jabc\nx\n"
    assert table.redraw(["x"], 3, 80) == "\x1b[3F\x1b[Jx\n"


def test_the_heading_says_how_far_it_is() -> None:
    seen = Seen(statuses=[("online", None)], messages=3, events=1)
    assert table.heading(None, 20, seen).startswith("edgeward demo: starting; MQTT: online, 3 messages, 1 ev")
    assert "recording 1.5 s of 20 s" in table.heading(1.5, 20.0, seen)
    assert "recording 1.5 s until Ctrl-C" in table.heading(1.5, None, Seen())
