"""Metrics for Prometheus, as a file for node_exporter's textfile collector (docs/metrics.md).

Guarantees: made of the same facts as `edgeward status`, so the two never disagree; what is unknown is left
out, never 0; the file is replaced whole. No HTTP server, no figures of the Python process. A file that
can't be written is an alarm and stops nothing. The keeper gives each snapshot to `take`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent.formats.config_v1 import AgentConfig
from agent.host.files import translate
from agent.model.errors import AgentError
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, from_rfc3339
from agent.model.verdict import Grade
from agent.runtime.telemetry import Alarm

WRITE_EVERY_NS = 15 * NS_PER_S
SEVERITIES = ("warning", "critical")
_YES_NO = {"present": 1, "absent": 0, "synced": 1, "unsynced": 0}


def families(status: Mapping[str, Json], version: str) -> list[Metric]:
    """The metrics of one snapshot of `agent/runtime/status.py`. Pure."""
    link = _table(status.get("link"))
    box = str(status["box"])
    return [
        *_info(box, version),
        *_gauge("running", "1 while the agent runs", status["running"]),
        *_gauge("status_time_seconds", "when these figures were taken", _unix_s(status["wall"])),
        *_gauge("clock_synced", "1 when the wall clock is", _YES_NO.get(str(status["clock"]))),
        *_counter("boots", "starts of the agent on this box", status["boot"]),
        *_counter("ledger_leaves", "facts in the ledger", status["leaves"]),
        *_counter("outbox_write_failures", "messages that were not stored", status["outbox_failures"]),
        *_gauge("link_connected", "1 while the broker is there", link.get("connected")),
        *_counter("link_messages_sent", "messages that the broker took", link.get("sent")),
        *_counter("link_reconnects", "connections after the first", link.get("reconnects")),
        *_alarms(_tables(status["alarms"])),
        *_channels(_tables(status["channels"])),
    ]


def render(metrics: Iterable[Metric]) -> bytes:
    """The text exposition format, version 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(metrics))
    return generate_latest(registry)


def write(path: Path, data: bytes) -> None:
    """Replaces the file, readable by everybody. Not synced: it is made anew soon. Raises `AgentError`."""
    temporary = path.with_name(f".{path.name}.new")  # does not end in .prom: it is never read half written
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)  # against the umask: node_exporter is another user
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise translate(error, path, "writing the metrics to") from None


class AlarmBook(Protocol):
    """The part of the keeper's book that is written to."""

    def raise_alarm(self, alarm: Alarm) -> None: ...
    def close_alarms(self, entity: str, prefix: str) -> None: ...


class MetricsFile:
    """Lives as long as the keeper."""

    def __init__(self, path: Path, version: str, book: AlarmBook) -> None:
        self._path = path
        self._version = version
        self._book = book
        self._next_mono_ns = 0

    def take(self, status: Mapping[str, Json]) -> None:
        """Writes the file when the last one is 15 s old, and always when the agent stops."""
        mono_ns = status["mono_ns"]
        if status["running"] and isinstance(mono_ns, int):
            if mono_ns < self._next_mono_ns:
                return
            self._next_mono_ns = mono_ns + WRITE_EVERY_NS
        try:
            write(self._path, render(families(status, self._version)))
        except AgentError as error:
            self._book.raise_alarm(
                Alarm(
                    entity="_",
                    code="metrics.unwritable",
                    severity="warning",
                    text=error.text,
                    remedy="make the directory writable for the agent (docs/metrics.md), or remove [metrics]",
                )
            )
        else:
            self._book.close_alarms("_", "metrics.")


def metrics_of(config: AgentConfig, version: str, book: AlarmBook) -> MetricsFile | None:
    """The file that the configuration names; None when it names none."""
    return None if config.metrics is None else MetricsFile(config.metrics.textfile, version, book)


class _Once(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _info(box: str, version: str) -> Iterator[Metric]:
    metric = GaugeMetricFamily("edgeward_info", "box id and version of the agent", labels=("box", "version"))
    metric.add_metric((box, version), 1)
    yield metric


def _gauge(name: str, text: str, value: Json) -> Iterator[Metric]:
    if (number := _number(value)) is not None:
        yield GaugeMetricFamily(f"edgeward_{name}", text, value=number)


def _counter(name: str, text: str, value: Json) -> Iterator[Metric]:
    if (number := _number(value)) is not None:
        yield CounterMetricFamily(f"edgeward_{name}", text, value=number)


def _alarms(alarms: list[Mapping[str, Json]]) -> Iterator[Metric]:
    count = GaugeMetricFamily("edgeward_alarms", "alarms that stand", labels=("severity",))
    for severity in SEVERITIES:
        count.add_metric((severity,), sum(alarm["severity"] == severity for alarm in alarms))
    yield count
    labels = ("entity", "code", "severity")
    each = GaugeMetricFamily("edgeward_alarm", "1 for each alarm that stands", labels=labels)
    for alarm in alarms:
        each.add_metric([str(alarm[label]) for label in labels], 1)
    yield each


def _channels(rows: list[Mapping[str, Json]]) -> Iterator[Metric]:
    def gauge(name: str, text: str, key: str) -> Metric:
        return _of_each(GaugeMetricFamily(f"edgeward_channel_{name}", text, labels=("channel",)), rows, key)

    def counter(name: str, text: str, key: str) -> Metric:
        return _of_each(CounterMetricFamily(f"edgeward_channel_{name}", text, labels=("channel",)), rows, key)

    yield gauge("signal", "1 with a signal, 0 without", "signal")
    yield gauge("frame_rate_hertz", "measured pictures per second", "rate")
    yield gauge("bitrate_bits_per_second", "measured bit rate", "bitrate_bps")
    yield gauge("width_pixels", "measured width", "width")
    yield gauge("height_pixels", "measured height", "height")
    yield gauge("last_durable_age_seconds", "age of the newest picture on the disk", "last_durable_age_s")
    yield counter("segments", "segments stored of the present recording", "segments")
    yield counter("stored_bytes", "bytes stored of the present recording", "size_bytes")
    yield counter("gaps", "gaps in the present recording", "gaps")
    yield counter("process_restarts", "starts of the channel's process after the first", "restarts")
    recording = GaugeMetricFamily("edgeward_channel_recording", "1 while it records", labels=("channel",))
    verdict = GaugeMetricFamily(
        "edgeward_channel_verdict", "1 for the verdict of the last segment", labels=("channel", "verdict")
    )
    for row in rows:
        recording.add_metric((str(row["id"]),), row["recording"] is not None)
        for grade in Grade if row["verdict"] is not None else ():
            verdict.add_metric((str(row["id"]), grade.value), row["verdict"] == grade.value)
    yield recording
    yield verdict


def _of_each(
    metric: GaugeMetricFamily | CounterMetricFamily, rows: list[Mapping[str, Json]], key: str
) -> Metric:
    for row in rows:
        if (number := _number(row[key])) is not None:
            metric.add_metric((str(row["id"]),), number)
    return metric


def _number(value: Json) -> float | None:
    """A figure, a rational as text, or a word of the contract; None for what is unknown."""
    if isinstance(value, str):
        if value in _YES_NO:
            return _YES_NO[value]
        try:
            return float(Fraction(value)) or None  # a rate of 0 was not measured
        except (ValueError, ZeroDivisionError):
            return None
    return value if isinstance(value, int | float) else None


def _unix_s(wall: Json) -> float:
    return from_rfc3339(str(wall)) / NS_PER_S


def _table(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _tables(value: Json) -> list[Mapping[str, Json]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
