"""`edgeward verify [VAULT]`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from agent.cli.common import add_vault, vault_of, vkey_of
from agent.cli.exits import Exit
from agent.runtime.verify import INCOMPLETE, VerifyReport, verify_vault

EXAMPLE = "edgeward verify /mnt/copy/vault --key box.vkey"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_vault(parser, positional=True)
    parser.add_argument("--key", type=Path, metavar="FILE", help="the box's public ledger key (signing.vkey)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 ok or ok-with-gaps, 1 tampered, 2 incomplete (still recording)."""
    report = verify_vault(vault_of(arguments), vkey_of(arguments))
    if arguments.json:
        print(json.dumps(asdict(report), ensure_ascii=False))
    else:
        _print(report)
    if report.ok:
        return Exit.OK
    return Exit.INCOMPLETE if report.result == INCOMPLETE else Exit.FAILED


def _print(report: VerifyReport) -> None:
    signed = report.signed_by or "nobody whose key was given"
    print(f"{report.result}: {report.leaves} leaves, root {report.root_hex[:16]}…, signed by {signed}")
    for one in report.recordings:
        state = "closed" if one.closed else "open"
        print(
            f"  {one.recording} {one.channel} {state}: {one.segments} segments, {one.frames} of "
            f"{one.frames_expected} frames, {one.gaps} gaps, {one.verdict or 'no verdict'}"
        )
    for problem in report.problems:
        print(f"  WRONG: {problem}")
