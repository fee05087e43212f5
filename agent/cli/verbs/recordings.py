"""`edgeward recordings [--from-files]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from agent.cli.common import add_vault, config_of, vault_of
from agent.cli.exits import Exit
from agent.formats.ledger_v1 import LeafType
from agent.host.clock import SystemClock
from agent.ledger.check import read_leaves
from agent.model.outgoing import Json
from agent.runtime.unproven import Unproven, recordings_from_files
from agent.vault.disposal import DisposalAccount
from agent.vault.layout import LEDGER

EXAMPLE = "edgeward recordings --json"
_UNPROVEN = (
    "NOTHING OF THIS IS PROVEN: it is what files say of themselves, without the ledger; whoever could write "
    "to the disk can have made, changed or removed any of it"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_vault(parser, positional=False)
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument(
        "--from-files",
        action="store_true",
        help="when the ledger is lost: what manifests and segments say; nothing of it is proven",
    )


def run(arguments: argparse.Namespace) -> int:
    """What the ledger says of each recording. Files are not touched: that is what verify is for.

    With `--from-files` what the files say: exit 1 when something is the matter with one.
    """
    if arguments.from_files:
        return _from_files(arguments)
    rows = list_rows(vault_of(arguments), SystemClock().now().wall_ns)
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False))
        return Exit.OK
    for row in rows:
        holds = row["holds"]
        held = f"  ON HOLD {', '.join(map(str, holds))}" if isinstance(holds, list) and holds else ""
        print(
            f"{row['recording']}  {row['channel']}  {row['opened']}  {row['segments']} segments  "
            f"{row['size_bytes']} bytes  {row['state']}  {row['verdict'] or '-'}{held}"
        )
    return Exit.OK


def list_rows(vault: Path, wall_ns: int) -> list[dict[str, Json]]:
    """One row for each recording, oldest first; requests that have expired at `wall_ns` count no more."""
    rows: dict[str, dict[str, Json]] = {}
    segments: dict[str, int] = {}
    sizes: dict[str, int] = {}
    account = DisposalAccount()
    for leaf in read_leaves(vault / LEDGER):
        account.take(leaf)
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
        row.update(_disposal(account, name, wall_ns))
    return list(rows.values())


def _disposal(account: DisposalAccount, name: str, wall_ns: int) -> dict[str, Json]:
    """State, holds, and the request of destruction that counts (docs/formats/destruction-v1.md, States)."""
    one = account.recordings.get(name)
    if one is None:
        return {"holds": [], "request": None}
    request = one.request if one.request is not None and one.request.counts_at(wall_ns) else None
    return {
        "state": one.state(wall_ns).value,
        "holds": [*sorted(one.holds)],
        "request": None if request is None else request.id,
    }


def _from_files(arguments: argparse.Namespace) -> int:
    found = recordings_from_files(arguments.vault or config_of(arguments).box.vault_dir)
    print(_UNPROVEN, file=sys.stderr)
    if arguments.json:
        print(json.dumps({"proven": False, "recordings": [_row(one) for one in found]}, ensure_ascii=False))
    else:
        for one in found:
            row = _row(one)
            print(
                f"{one.directory}  {row['channel'] or '-'}  {row['opened'] or '-'}  {one.segments} segments  "
                f"{one.size_bytes} bytes  unproven"
            )
            for problem in one.problems:
                print(f"  WRONG: {problem}")
    return Exit.FAILED if any(one.problems for one in found) else Exit.OK


def _row(one: Unproven) -> dict[str, Json]:
    manifest = one.manifest
    return {
        "recording": one.directory,
        "channel": None if manifest is None else manifest.channel,
        "opened": None if manifest is None else manifest.opened,
        "category": None if manifest is None else manifest.category,
        "level": None if manifest is None else manifest.level,
        "state": "unproven",
        "segments": one.segments,
        "size_bytes": one.size_bytes,
        "problems": list(one.problems),
    }
