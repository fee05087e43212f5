"""The console's own figures as Prometheus text (docs/console.md, "Metrics"). Pure.

Guarantees: unknown is left out, never 0; labels are names of boxes and words of ours; no text of a box's
message is a label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from agent.console.alarms import AlarmBook
from agent.console.fleet import Fleet

_HELP = {
    "edgeward_console_info": ("gauge", "Always 1."),
    "edgeward_console_broker_connected": ("gauge", "1 while the broker is there."),
    "edgeward_console_database_ok": ("gauge", "1 while the database takes what is written."),
    "edgeward_console_synced": ("gauge", "1 when all retained messages have come."),
    "edgeward_console_boxes": ("gauge", "Boxes by status."),
    "edgeward_console_channels": ("gauge", "Channels by signal."),
    "edgeward_console_recording_channels": ("gauge", "Channels that record."),
    "edgeward_console_open_alarms": ("gauge", "Alarms that nobody closed."),
    "edgeward_console_box_up": ("gauge", "1 while a box is on line and heard."),
    "edgeward_console_box_heard_age_seconds": ("gauge", "Seconds since a box was heard."),
    "edgeward_console_box_unwitnessed_leaves": ("gauge", "Leaves that no witness has seen."),
    "edgeward_console_box_missing_messages": ("gauge", "Messages that neither came nor were explained."),
    "edgeward_console_box_refused_messages_total": ("counter", "Messages that broke the contract."),
    "edgeward_console_messages_total": ("counter", "Messages that came."),
    "edgeward_console_refused_messages_total": ("counter", "Messages of all boxes that broke the contract."),
    "edgeward_console_streams": ("gauge", "Browsers that listen."),
    "edgeward_console_sessions": ("gauge", "Sessions."),
    "edgeward_console_open_commands": ("gauge", "Commands without a last answer."),
    "edgeward_console_rows_waiting": ("gauge", "Rows that are not on the disk yet."),
    "edgeward_console_rows_dropped_total": ("counter", "Rows that found no room while the disk was full."),
    "edgeward_console_alarms_dropped_total": ("counter", "Alarms that found no room in the list."),
}


def metrics(fleet: Fleet, alarms: AlarmBook, own: Mapping[str, float], version: str, mono_ns: int) -> str:
    """The whole page. `own` are figures by name without `edgeward_console_`."""
    rows: list[tuple[str, Mapping[str, str], float]] = [
        ("edgeward_console_info", {"version": version}, 1),
        *((f"edgeward_console_{name}", {}, value) for name, value in own.items()),
        *_fleet(fleet),
        *_alarms(alarms),
    ]
    for box in fleet.boxes.values():
        label = {"box": box.name}
        rows.append(("edgeward_console_box_up", label, int(box.alive and not box.silent)))
        if box.heard_mono_ns:
            age_s = max(0, mono_ns - box.heard_mono_ns) / 1e9
            rows.append(("edgeward_console_box_heard_age_seconds", label, age_s))
        leaves = box.ledger.get("unwitnessed_leaves")
        if leaves is not None:
            rows.append(("edgeward_console_box_unwitnessed_leaves", label, leaves))
        rows.append(("edgeward_console_box_missing_messages", label, box.missing))
        rows.append(("edgeward_console_box_refused_messages_total", label, box.refused))
    return _page(rows)


def _fleet(fleet: Fleet) -> Iterable[tuple[str, Mapping[str, str], float]]:
    status = Counter(box.status for box in fleet.boxes.values())
    channels = [channel for box in fleet.boxes.values() for channel in box.channels.values()]
    signal = Counter(channel.state.get("signal", "unknown") for channel in channels)
    for word in ("online", "maintenance", "draining", "offline", "unknown"):
        yield "edgeward_console_boxes", {"status": word}, status[word]
    for word in ("present", "absent", "unknown"):
        yield "edgeward_console_channels", {"signal": word}, signal[word]
    recording = sum(channel.state.get("recording") is not None for channel in channels)
    yield "edgeward_console_recording_channels", {}, recording


def _alarms(alarms: AlarmBook) -> Iterable[tuple[str, Mapping[str, str], float]]:
    found = Counter((one.severity, one.state) for one in alarms.open.values())
    for severity in ("critical", "warning"):
        for state in ("raised", "acknowledged"):
            labels = {"severity": severity, "state": state}
            yield "edgeward_console_open_alarms", labels, found[severity, state]


def _page(rows: Iterable[tuple[str, Mapping[str, str], float]]) -> str:
    by_name: dict[str, list[str]] = {}
    for name, labels, value in rows:
        inside = ",".join(f'{label}="{text}"' for label, text in labels.items())
        figure = f"{value:.3f}" if isinstance(value, float) else str(value)
        by_name.setdefault(name, []).append(f"{name}{{{inside}}} {figure}" if inside else f"{name} {figure}")
    lines = []
    for name, found in by_name.items():
        kind, text = _HELP[name]
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *found]
    return "\n".join(lines) + "\n"
