"""`edgeward witness key | run | status | reset`: the controller's witness."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
from pathlib import Path

from agent.cli.common import log
from agent.cli.exits import Exit
from agent.formats.signed_note import COSIGNATURE
from agent.formats.witness_config_v1 import WitnessFile, parse
from agent.host.clock import SystemClock
from agent.ledger.signing import SigningKey, Verifier
from agent.ledger.witness import Witness
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import rfc3339
from agent.runtime.broker_settings import broker_settings
from agent.runtime.load_config import ConfigError
from agent.runtime.witnessing import WitnessDesk, WitnessLoop

EXAMPLE = "edgeward witness status -c /etc/edgeward/witness.toml"
_KEY_PREFIX = "edgeward.witness/"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    key = actions.add_parser("key", help="make the witness's key, print its public half")
    key.add_argument("--name", required=True, help=f"as in {_KEY_PREFIX}NAME")
    key.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")
    _action(actions, "run", "cosign checkpoints until a signal")
    status = _action(actions, "status", "what is known of each box")
    status.add_argument("--json", action="store_true", help="machine-readable")
    reset = _action(actions, "reset", "cosign a stopped box again, from its next checkpoint on")
    reset.add_argument("box", metavar="BOX")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, purpose: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=purpose, description=purpose)
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="witness.toml")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Exit 1 from `status` when a box is stopped, and from `reset` for a box of which nothing is known."""
    if arguments.action == "key":
        made = SigningKey.generate(os.urandom(32), _KEY_PREFIX + arguments.name, COSIGNATURE)
        made.save(arguments.output)
        print(made.verifier_key)
        return Exit.OK
    config = _load(arguments.config)
    clock = SystemClock()
    if arguments.action == "status":
        return _status(_open(config, locked=False), as_json=arguments.json)
    witness = _open(config, locked=True)
    try:
        if arguments.action == "run":
            return _run(config, witness, clock)
        kept = witness.reset(arguments.box, clock.now())
        if kept is None:
            raise Refuse("witness.nothing-known", f"nothing is known of {arguments.box}", "check the name")
        print(f"{arguments.box}: the next checkpoint is a first contact; the evidence is in {kept}")
        return Exit.OK
    finally:
        witness.close()


def _load(path: Path) -> WitnessFile:
    try:
        parsed = parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ConfigError((f"{path}: can't be read: check path and owner",)) from None
    if isinstance(parsed, WitnessFile):
        return parsed
    raise ConfigError(tuple(f"{path}: {problem}" for problem in parsed))


def _open(config: WitnessFile, *, locked: bool) -> Witness:
    key = SigningKey.load(config.witness.key_file, COSIGNATURE)
    logs = {box.id: Verifier(box.key) for box in config.box}
    if not locked:
        return Witness(config.witness.state_dir, key, logs, -1)
    return Witness.open(config.witness.state_dir, key, logs)


def _run(config: WitnessFile, witness: Witness, clock: SystemClock) -> int:
    settings = broker_settings(config.mqtt, f"witness-{config.witness.name}")
    desk = WitnessDesk(config.witness.name, witness, clock, log)
    loop = WitnessLoop(settings, desk, clock, random.SystemRandom().random, log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    loop.run()
    return Exit.OK


def _status(witness: Witness, *, as_json: bool) -> int:
    rows: list[dict[str, Json]] = []
    for box in witness.boxes:
        head, stopped = witness.head(box), witness.state(box).stopped
        rows.append(
            {
                "box": box,
                "size": None if head is None else head.size,
                "root": None if head is None else head.root.hex(),
                "stopped": None if stopped is None else stopped.code,
                "text": None if stopped is None else stopped.text,
                "since": None if stopped is None else rfc3339(stopped.at_wall_ns),
            }
        )
    if as_json:
        print(json.dumps(rows))
    else:
        for row in rows:
            known = "never seen" if row["size"] is None else f"{row['size']} leaves cosigned"
            stopped_text = "" if row["stopped"] is None else f", STOPPED: {row['text']} [{row['stopped']}]"
            print(f"{row['box']}: {known}{stopped_text}")
    return Exit.FAILED if any(row["stopped"] for row in rows) else Exit.OK
