"""`edgeward deid-approve POLICY -k KEY -o FILE`: an approver signs for a de-identification policy."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli.exits import Exit
from agent.cli.verbs.deid import read_policy
from agent.host.files import write_atomic
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse
from agent.runtime.deid_approval import approve

EXAMPLE = "edgeward deid-approve p.toml -k dpo.key -o p.toml.approval"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("policy", type=Path, metavar="POLICY")
    parser.add_argument(
        "-k", "--key", type=Path, required=True, metavar="KEY", help="the approver's key (command keygen)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when the approval is written."""
    policy, data = read_policy(arguments.policy)
    note = approve(policy, data, SigningKey.load(arguments.key))
    if arguments.output.exists():
        raise Refuse("file.exists", f"{arguments.output} exists already", "name a new file")
    write_atomic(arguments.output, note, 0o644)
    print(f"{policy.id} version {policy.version}: approved by {policy.approved.by}")
    return Exit.OK
