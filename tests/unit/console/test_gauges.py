"""/metrics, its table in the document and the Grafana dashboard name the same things."""

from __future__ import annotations

import json
import re
from pathlib import Path

from agent.console.alarms import AlarmBook
from agent.console.contract import parse
from agent.console.fleet import Fleet
from agent.console.gauges import metrics
from tests.fakes.clock import FakeClock
from tests.fakes.voices import BIRTH, ONLINE, STATE, Voice

DOCS = Path(__file__).parents[3] / "docs"
OWN = dict.fromkeys(
    (
        "broker_connected", "database_ok", "synced", "messages_total", "refused_messages_total", "streams",
        "sessions", "open_commands", "rows_waiting", "rows_dropped_total", "alarms_dropped_total",
    ),
    1,
)  # fmt: skip
LEDGER = {
    "leaves": 9, "unwitnessed_leaves": 7, "unwitnessed_s": 4, "answers_refused": 0, "witnesses": [],
}  # fmt: skip


def page() -> str:
    fleet, voice, clock = Fleet(10), Voice(), FakeClock()
    for place, body in (
        ("_/birth/box", BIRTH), ("_/status/box", ONLINE), ("ch0/state/channel", STATE),
        ("_/state/ledger", LEDGER),
    ):  # fmt: skip
        message = parse(*voice.says(place, body), None, retained=False)
        assert message is not None
        fleet.take(message, clock.now())
    clock.advance(2.5)
    return metrics(fleet, AlarmBook(new_id=lambda: ""), OWN, "0.1.0", clock.mono_ns())


def names() -> set[str]:
    return set(re.findall(r"^# TYPE (\w+) ", page(), re.MULTILINE))


def test_the_page_is_what_prometheus_reads() -> None:
    text = page()
    assert 'edgeward_console_box_heard_age_seconds{box="or-3"} 2.500\n' in text
    assert 'edgeward_console_box_unwitnessed_leaves{box="or-3"} 7\n' in text
    assert 'edgeward_console_channels{signal="present"} 1\n' in text
    row = re.compile(r'\w+(\{(\w+="[^"\\\n]*",?)+\})? -?[0-9.]+')
    assert all(row.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))


def test_the_document_has_every_metric() -> None:
    table = (DOCS / "console.md").read_text().partition("## Metrics")[2]
    assert set(re.findall(r"^\| `(edgeward_console_\w+)` \|", table, re.MULTILINE)) == names()


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    dashboard = json.loads((DOCS / "grafana/edgeward-console.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"edgeward_console_\w+", target["expr"])
    }
    assert asked <= names()
    assert len(asked) > 10
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(places) == len(set(places))
