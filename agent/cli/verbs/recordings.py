"""`edgeward recordings`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agent.cli.common import add_vault, vault_of
from agent.cli.exits import Exit
from agent.formats.ledger_v1 import LeafType
from agent.ledger.check import read_leaves
from agent.model.outgoing import Json
from agent.vault.layout import LEDGER

EXAMPLE = "edgeward recordings --json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_vault(parser, positional=False)
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    """What the ledger says of each recording. Files are not touched: that is what verify is for."""
    rows = list_rows(vault_of(arguments))
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False))
        return Exit.OK
    for row in rows:
        print(
            f"{row['recording']}  {row['channel']}  {row['opened']}  {row['segments']} segments  "
            f"{row['size_bytes']} bytes  {row['state']}  {row['verdict'] or '-'}"
        )
    return Exit.OK


def list_rows(vault: Path) -> list[dict[str, Json]]:
    """One row for each recording, oldest first."""
    rows: dict[str, dict[str, Json]] = {}
    segments: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for leaf in read_leaves(vault / LEDGER):
        name = str(leaf.body.get("recording"))
        if leaf.type is LeafType.RECORDING_OPENED:
            rows[name] = {
                "recording": name,
                "channel": leaf.body["channel"],
                "opened": leaf.wall,
                "category": leaf.body["category"],
                "level": leaf.body["level"],
                "state": "open",
                "verdict": None,
            }
        elif leaf.type is LeafType.SEGMENT:
            size = leaf.body["size_bytes"]
            segments[name] = segments.get(name, 0) + 1
            sizes[name] = sizes.get(name, 0) + (size if isinstance(size, int) else 0)
        elif leaf.type is LeafType.RECORDING_CLOSED and name in rows:
            rows[name].update(state="closed", verdict=leaf.body["verdict"], end=leaf.body["end"])
    for name, row in rows.items():
        row.update(segments=segments.get(name, 0), size_bytes=sizes.get(name, 0))
    return list(rows.values())
