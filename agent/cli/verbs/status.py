"""`edgeward status`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.host.clock import SystemClock
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S
from agent.runtime import status

EXAMPLE = "edgeward status --json"
STALE_S = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    """Exit 69 when no agent runs, 1 when it runs with alarms."""
    config = config_of(arguments)
    found = status.read(config.box.runtime_dir)
    age_s = (SystemClock().mono_ns() - _number(found["mono_ns"])) / NS_PER_S
    running = bool(found["running"]) and 0 <= age_s <= STALE_S
    if arguments.json:
        print(json.dumps({**found, "running": running}, ensure_ascii=False))
    else:
        _print(found, running=running)
    if not running:
        return Exit.UNAVAILABLE
    return Exit.FAILED if found["alarms"] else Exit.OK


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _print(found: Mapping[str, Json], *, running: bool) -> None:
    state = "running" if running else "NOT RUNNING, this is what it said last"
    print(f"{found['box']}: {state} (boot {found['boot']}, {found['leaves']} ledger leaves)")
    channels, alarms = found["channels"], found["alarms"]
    for row in channels if isinstance(channels, list) else []:
        if isinstance(row, dict):
            print(
                f"  {row['id']}: signal {row['signal']}, {row['width']}x{row['height']} at {row['rate']} Hz, "
                f"verdict {row['verdict']}, {row['segments']} segments, {row['gaps']} gaps, "
                f"last durable frame {row['last_durable_age_s']} s ago"
            )
    for row in alarms if isinstance(alarms, list) else []:
        if isinstance(row, dict):
            print(f"  ALARM {row['entity']} {row['code']}: {row['text']}")
            print(f"        what to do: {row['remedy']}")
