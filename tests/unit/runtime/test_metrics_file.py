"""Metrics: the facts of the status, in Prometheus's format, with documented names, in a whole file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from agent.formats.config_metrics import MetricsConfig
from agent.model.errors import AgentError
from agent.model.outgoing import Json
from agent.runtime import metrics_file
from agent.runtime.metrics_file import MetricsFile, families, render, write
from agent.runtime.telemetry import Alarm

DOCUMENT = Path(__file__).parents[3] / "docs/metrics.md"
CHANNEL: dict[str, Json] = {
    "id": "ch0",
    "signal": "present",
    "recording": "018f-recording",
    "pid": 77,
    "width": 1920,
    "height": 1080,
    "rate": "30000/1001",
    "bitrate_bps": 4_000_000,
    "verdict": "degraded",
    "segments": 12,
    "size_bytes": 123_456_789_012,
    "gaps": 1,
    "restarts": 2,
    "last_durable_age_s": 0.4,
}
UNKNOWN: dict[str, Json] = {
    **dict.fromkeys(CHANNEL),
    "id": "ch1",
    "signal": "unknown",
    "segments": 0,
    "size_bytes": 0,
    "gaps": 0,
    "restarts": 0,
}
ALARM: dict[str, Json] = {
    "entity": "ch0",
    "code": "spec.nonconforming",
    "severity": "warning",
    "text": 'quotes " and\nlines',
    "remedy": "r",
}


def status(**changes: Json) -> dict[str, Json]:
    return {
        "v": 1,
        "box": "box-1",
        "boot": 7,
        "running": True,
        "pid": 1,
        "wall": "2026-11-24T00:00:00.250000Z",
        "mono_ns": 5_000_000_000,
        "clock": "synced",
        "leaves": 1234,
        "outbox_failures": 0,
        "link": {"connected": False, "sent": 10, "reconnects": 3, "last_error": "mqtt.unreachable"},
        "channels": [CHANNEL, UNKNOWN],
        "alarms": [ALARM],
        **changes,
    }


def samples(given: dict[str, Json]) -> dict[str, float]:
    """Each sample as Prometheus's own parser reads it, under `name{label=value,…}`."""
    found = {}
    for family in text_string_to_metric_families(render(families(given, "1.2.3")).decode()):
        for sample in family.samples:
            assert sample.timestamp is None, "node_exporter refuses timestamps"
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_every_fact_under_its_name() -> None:
    assert samples(status()) == {
        "edgeward_info{box=box-1,version=1.2.3}": 1,
        "edgeward_running": 1,
        "edgeward_status_time_seconds": 1_795_478_400.25,
        "edgeward_clock_synced": 1,
        "edgeward_boots_total": 7,
        "edgeward_ledger_leaves_total": 1234,
        "edgeward_outbox_write_failures_total": 0,
        "edgeward_link_connected": 0,
        "edgeward_link_messages_sent_total": 10,
        "edgeward_link_reconnects_total": 3,
        "edgeward_alarms{severity=warning}": 1,
        "edgeward_alarms{severity=critical}": 0,
        "edgeward_alarm{code=spec.nonconforming,entity=ch0,severity=warning}": 1,
        "edgeward_channel_signal{channel=ch0}": 1,
        "edgeward_channel_frame_rate_hertz{channel=ch0}": 30000 / 1001,
        "edgeward_channel_bitrate_bits_per_second{channel=ch0}": 4_000_000,
        "edgeward_channel_width_pixels{channel=ch0}": 1920,
        "edgeward_channel_height_pixels{channel=ch0}": 1080,
        "edgeward_channel_last_durable_age_seconds{channel=ch0}": 0.4,
        "edgeward_channel_segments_total{channel=ch0}": 12,
        "edgeward_channel_segments_total{channel=ch1}": 0,
        "edgeward_channel_stored_bytes_total{channel=ch0}": 123_456_789_012,
        "edgeward_channel_stored_bytes_total{channel=ch1}": 0,
        "edgeward_channel_gaps_total{channel=ch0}": 1,
        "edgeward_channel_gaps_total{channel=ch1}": 0,
        "edgeward_channel_process_restarts_total{channel=ch0}": 2,
        "edgeward_channel_process_restarts_total{channel=ch1}": 0,
        "edgeward_channel_recording{channel=ch0}": 1,
        "edgeward_channel_recording{channel=ch1}": 0,
        "edgeward_channel_verdict{channel=ch0,verdict=conforming}": 0,
        "edgeward_channel_verdict{channel=ch0,verdict=degraded}": 1,
        "edgeward_channel_verdict{channel=ch0,verdict=nonconforming}": 0,
    }


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"link": None}, "edgeward_link"),
        ({"clock": "unknown"}, "edgeward_clock"),
        ({"channels": []}, "edgeward_channel"),
        ({"channels": [{**CHANNEL, "rate": "0"}]}, "edgeward_channel_frame_rate"),
    ],
)
def test_what_is_unknown_is_left_out(changes: dict[str, Any], missing: str) -> None:
    assert [name for name in samples(status()) if name.startswith(missing)]
    assert not [name for name in samples(status(**changes)) if name.startswith(missing)]


def test_every_name_is_documented_with_type_and_labels_and_no_other() -> None:
    metrics = families(status(), "1")
    rows = re.findall(r"^\| `(edgeward_\w+)` \| (\w+) \| (.+?) \|", DOCUMENT.read_text(), re.MULTILINE)
    documented = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert len(documented) == len(rows)
    assert documented == {_name(each): (each.type, _labels(each)) for each in metrics}


def _name(metric: Metric) -> str:
    return metric.name + ("_total" if metric.type == "counter" else "")


def _labels(metric: Metric) -> set[str]:
    [labels] = {frozenset(sample.labels) for sample in metric.samples}
    return set(labels)


def test_nothing_of_the_process_and_no_recording_or_text_is_told() -> None:
    text = render(families(status(), "1")).decode()
    assert text.endswith("\n")
    assert all(line.startswith(("edgeward_", "# ")) for line in text.splitlines())
    for secret in ("018f-recording", "quotes", "mqtt.unreachable"):
        assert secret not in text


def test_the_file_is_replaced_whole_and_readable_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "edgeward.prom"
    before = os.umask(0o077)
    try:
        write(path, b"old\n")
        with path.open("rb") as reader:
            write(path, b"new\n")
            assert reader.read() == b"old\n", "who had opened it reads on in what he opened"
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["edgeward.prom"]


def test_a_half_written_file_of_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".edgeward.prom.new").write_bytes(b"half of something longer")
    write(tmp_path / "edgeward.prom", b"x\n")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("edgeward.prom", b"x\n")]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "edgeward.prom"
    write(path, b"old\n")

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(AgentError) as caught:
        write(path, b"new\n")
    assert caught.value.code == "disk.full"
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("edgeward.prom", b"old\n")]


class Book:
    def __init__(self) -> None:
        self.standing: list[str] = []

    def raise_alarm(self, alarm: Alarm) -> None:
        self.standing.append(alarm.code)

    def close_alarms(self, entity: str, prefix: str) -> None:
        self.standing = [code for code in self.standing if not code.startswith(prefix)]


def test_it_is_written_every_fifteen_seconds_and_at_the_stop(tmp_path: Path) -> None:
    path = tmp_path / "edgeward.prom"
    metrics = MetricsFile(path, "1", Book())
    written = []
    for second in range(46):
        metrics.take(status(mono_ns=second * 1_000_000_000))
        if path.exists():
            written.append(second)
            path.unlink()
    assert written == [0, 15, 30, 45]
    metrics.take(status(mono_ns=46_000_000_000, running=False))
    assert b"edgeward_running 0.0\n" in path.read_bytes()


def test_a_file_that_can_not_be_written_is_an_alarm_until_it_can(tmp_path: Path) -> None:
    book, folder = Book(), tmp_path / "collector"
    metrics = MetricsFile(folder / "edgeward.prom", "1", book)
    metrics.take(status())
    assert book.standing == ["metrics.unwritable"]
    folder.mkdir()
    metrics.take(status(mono_ns=5_000_000_000 + metrics_file.WRITE_EVERY_NS))
    assert book.standing == []


@pytest.mark.parametrize("path", ["edgeward.prom", "/var/edgeward.txt", "/var/prom"])
def test_a_path_that_would_never_be_read_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"absolute path|end in \.prom"):
        MetricsConfig(textfile=Path(path))
