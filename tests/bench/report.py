"""Tables of the measurements, as text for a terminal and as sections of `docs/benchmarks.md`.

Guarantees: the machine, the versions and the date come from the machine, its programs and its clock, and
stand in every section; sections that were not measured anew stay as they are.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import av

Row = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table with what stands before and after it."""

    title: str
    how: str
    head: Row
    rows: Sequence[Row]
    result: str = ""


def as_text(tables: Sequence[Table]) -> str:
    """For a terminal: columns aligned."""
    return "\n\n".join(f"{t.title}\n{_aligned(t)}" + (f"\n{t.result}" if t.result else "") for t in tables)


def updated(document: str, tables: Sequence[Table], command: str) -> str:
    """`document` with these tables in the place of those with the same titles; new ones at its end."""
    head, *old = document.rstrip("\n").split("\n## ")
    sections = {text.partition("\n")[0]: text for text in old}
    run = f"{', '.join(f'{name} {value}' for name, value in machine())}; `{command}`"
    for table in tables:
        sections[table.title] = _section(table, run)
    return "\n## ".join([head, *sections.values()]) + "\n"


def _section(table: Table, run: str) -> str:
    lines = [f"| {' | '.join(table.head)} |", "|" + "---|" * len(table.head)]
    lines += [f"| {' | '.join(row)} |" for row in table.rows]
    parts = [
        table.title,
        table.how,
        "\n".join(lines),
        *([table.result] if table.result else []),
        f"Run: {run}.",
    ]
    return "\n\n".join(parts) + "\n"


def machine() -> list[tuple[str, str]]:
    """What the figures depend on."""
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    first_line = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    return [
        ("on", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        ("processor", f"{_cpu_model()} with {os.cpu_count()} cores"),
        ("memory", f"{memory_kib / 1024 / 1024:.1f} GiB"),
        ("kernel", f"{platform.system()} {platform.release().split('-')[0]}"),
        ("Python", platform.python_version()),
        ("ffmpeg", first_line.split()[2]),
        ("PyAV", f"{version('av')} with FFmpeg {av.ffmpeg_version_info}"),
        ("cryptography", version("cryptography")),
        ("pycryptodome", version("pycryptodome")),
    ]


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _aligned(table: Table) -> str:
    rows = [table.head, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
