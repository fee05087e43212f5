"""The table `[metrics]` of `agent.toml`: where the metrics for Prometheus go.

Guarantees: an absolute path that node_exporter's textfile collector will read. Leaves out the file itself
(`agent/runtime/metrics_file.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from agent.formats.config_model import StrictModel


def _textfile(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("write an absolute path, beginning with /")
    if path.suffix != ".prom":
        raise ValueError("node_exporter reads only files that end in .prom: rename it")
    return path


class MetricsConfig(StrictModel):
    """Metrics as a file for node_exporter; there is no HTTP server."""

    textfile: Annotated[Path, AfterValidator(_textfile), Field(strict=False)] = Field(
        description="A file in the directory of node_exporter's textfile collector."
    )
