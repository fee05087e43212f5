"""Tables of what measuring programs print as JSON: ledger, alarms of abnormal access, link, rules.

Guarantees: each program is run as its own documentation says, in a process of its own; its figures are shown
as they came. Leaves out what they mean: that is in their own texts. Raises `CalledProcessError` when one
fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.report import Table

ROOT = Path(__file__).resolve().parents[2]


def tables() -> dict[str, Callable[[Path], Table]]:
    """By the name of the part; each is given an empty folder on the disk that is measured."""
    return {
        "ledger": lambda folder: ledger(
            _run("tests.bench.ledger_figures", str(folder), "--count", "64", "--rounds", "5")
        ),
        "audit": lambda _: audit(_run("tests.bench.audit_latency")),
        "rules": lambda _: rules(_run("tests.bench.rules_cost")),
        "week": lambda _: week(_run("tests.bench.outbox_week")),
        "drain": lambda _: link_drain(_run("tests.bench.outbox_drain")),
        "fleet": lambda _: fleet(_run("tests.bench.fleet")),
    }


def ledger(found: dict[str, Any]) -> Table:
    """tests/bench/ledger_figures.py."""
    appends, large, beside = found["appends"], found["large"], found["beside"]

    def per_second(name: str, values: list[float]) -> list[str]:
        return [name, f"{median(values):.0f} /s", " ".join(f"{value:.0f}" for value in values)]

    return Table(
        title="Ledger",
        how=f"Leaves of {appends['leaf_bytes']} bytes, each append durable (fsync) before it answers, "
        "alternating with a loop that writes and fsyncs records of the same size into the same directory; "
        f"with 8 channels the appends that wait share one fsync. Then a log of {large['leaves']} leaves, and "
        f"pymerkle 7 beside our tree with {beside['leaves']} leaves in memory.",
        head=("what", "figure", "rounds"),
        rows=[
            per_second("raw fsync loop", appends["raw_fsync"]),
            per_second("appends, one at a time", appends["alone"]),
            per_second("appends, 8 channels at once", appends["eight_channels"]),
            ["opening the large log at a start", f"{large['open_s'] * 1000:.1f} ms", ""],
            ["reading and gathering all of its leaves", f"{large['boot_reads_all_s']:.1f} s", ""],
            [
                "checking the large log whole",
                f"{large['verify_s']:.1f} s, {large['verify_leaves_per_s']:.0f} leaves/s",
                "",
            ],
            [
                "inclusion proof from the large log, cold / warm",
                f"{large['inclusion_cold_us']:.0f} / {large['inclusion_warm_us']:.0f} µs",
                "",
            ],
            ["checking an inclusion proof", f"{large['check_inclusion_us']:.1f} µs", ""],
            ["building the tree: ours", f"{beside['ours_build_s']:.2f} s", ""],
            ["building the tree: pymerkle", f"{beside['pymerkle_build_s']:.2f} s", ""],
            ["inclusion proof in memory: ours", f"{beside['ours_proof_us']:.1f} µs", ""],
            ["inclusion proof in memory: pymerkle", f"{beside['pymerkle_proof_us']:.1f} µs", ""],
        ],
        result="A start reads the index and the leaves after it, not all of them.",
    )


def audit(found: dict[str, Any]) -> Table:
    """tests/bench/audit_latency.py."""
    return Table(
        title="Alarm of abnormal access",
        how=f"Seconds from a denied operation to its alarm at a controller, over a real mosquitto, "
        f"{found['rounds']} times at moments of chance, while a channel records (STD 7.4 c).",
        head=("median", "99th percentile", "longest", "goal (p99)"),
        rows=[[*(f"{found[name]:.2f}" for name in ("median_s", "p99_s", "longest_s")), "5"]],
    )


def rules(found: dict[str, Any]) -> Table:
    """tests/bench/rules_cost.py."""
    rows = [[name, f"{value:g}"] for name, value in found.items()]
    return Table(
        title="Measuring and judging",
        how="A 1080p25 stream of 4 Mbit/s through all rules: CPU seconds per minute, memory in MiB.",
        head=("what", "figure"),
        rows=rows,
    )


def week(found: dict[str, Any]) -> Table:
    """tests/bench/outbox_week.py."""
    kept = ", ".join(f"{name} {count}" for name, count in found["kept"].items())
    return Table(
        title="A week without a broker",
        how=f"{found['days']:g} simulated days of 8 channels at the agent's rhythm into the real outbox.",
        head=("what", "figure"),
        rows=[
            ["messages put", str(found["puts"])],
            ["file / its bound", f"{found['file_bytes'] / 1e6:.0f} / {found['bound_bytes'] / 1e6:.0f} MB"],
            [
                "process memory after a tenth / at the end",
                " / ".join(
                    f"{found[key] / 1e6:.1f}" for key in ("rss_after_a_tenth_bytes", "rss_at_the_end_bytes")
                )
                + " MB",
            ],
            ["opening the full file", f"{found['open_s'] * 1000:.1f} ms"],
            ["kept by class", kept],
            ["declared lost", f"{found['messages_declared_lost']} in {found['loss_events']} events"],
            ["read out again", f"{found['drained']} in {found['drain_s']:.1f} s"],
            [
                "unexplained / told as lost and came / out of order",
                f"{found['unexplained']} / {found['told_as_lost_and_came']} / {found['out_of_order']}",
            ],
        ],
    )


def link_drain(found: dict[str, Any]) -> Table:
    """tests/bench/outbox_drain.py."""
    names = {
        "outbox_alone": "the outbox alone",
        "with_wire": "over MQTT, as built (begins at 200 /s, doubles each second)",
        "with_wire_unlimited": "over MQTT, without that limit",
    }
    return Table(
        title="Draining a full outbox",
        how=f"{found['rows_put']} rows; one fsync takes {found['fsync_s'] * 1000:.2f} ms on this disk.",
        head=("what", "rows per s", "rows per CPU s"),
        rows=[[text, str(found[key]["per_s"]), str(found[key]["per_cpu_s"])] for key, text in names.items()],
        result=f"Goal over MQTT: {found['goal_per_s']} per s.",
    )


def fleet(found: dict[str, Any]) -> Table:
    """tests/bench/fleet.py."""
    return Table(
        title="Many boxes on one broker",
        how=f"{found['boxes']} real links on one mosquitto that is killed and started again.",
        head=("what", "figure"),
        rows=[[name.replace("_", " "), _text(value)] for name, value in found.items() if name != "boxes"],
    )


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {one}" for name, one in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value)


def _run(module: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
