"""`edgeward verify [--quick | --deep] [VAULT]`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from agent.cli.common import add_vault, config_of, vault_of, vkey_of
from agent.cli.exits import Exit
from agent.model.errors import Refuse
from agent.runtime.verify import INCOMPLETE, UNWITNESSED, Level, VerifyReport, verify_vault

EXAMPLE = "edgeward verify /mnt/copy/vault --key box.vkey"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_vault(parser, positional=True)
    level = parser.add_mutually_exclusive_group()
    level.add_argument(
        "--quick",
        dest="level",
        action="store_const",
        const=Level.QUICK,
        help="ledger, heads, presence, size and order; reads no segment",
    )
    level.add_argument(
        "--deep",
        dest="level",
        action="store_const",
        const=Level.DEEP,
        help="also labels, manifests, and the headers of all sealed files",
    )
    parser.set_defaults(level=Level.NORMAL)
    parser.add_argument("--key", type=Path, metavar="FILE", help="the box's public ledger key (signing.vkey)")
    parser.add_argument(
        "--witness",
        action="append",
        default=[],
        metavar="VKEY",
        help="a witness whose cosignatures count, once or more; default: the configuration's",
    )
    parser.add_argument(
        "--kept",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint that was kept away from the box, once or more",
    )
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 ok or ok-with-gaps, 1 tampered, 2 incomplete (still recording), 4 unwitnessed-tail."""
    vault, vkey = vault_of(arguments), vkey_of(arguments)
    report = verify_vault(
        vault, vkey, kept=_kept(arguments), witnesses=_witnesses(arguments), level=arguments.level
    )
    if arguments.json:
        print(json.dumps(asdict(report), ensure_ascii=False))
    else:
        _print(report)
    if report.ok:
        return Exit.OK
    if report.result == UNWITNESSED:
        return Exit.UNWITNESSED
    return Exit.INCOMPLETE if report.result == INCOMPLETE else Exit.FAILED


def _witnesses(arguments: argparse.Namespace) -> list[str]:
    if not arguments.witness and arguments.vault is None:
        return [one.key for one in config_of(arguments).witness]
    return list(arguments.witness)


def _kept(arguments: argparse.Namespace) -> list[bytes]:
    try:
        return [path.read_bytes() for path in arguments.kept]
    except OSError:
        raise Refuse("verify.kept-unreadable", "a kept checkpoint can't be read", "check its path") from None


def _print(report: VerifyReport) -> None:
    signed = report.signed_by or "nobody whose key was given"
    seen = "no witness given" if report.witnessed is None else f"witnessed up to leaf {report.witnessed}"
    level = "" if report.level == Level.NORMAL else f"{report.level} check, "
    print(
        f"{report.result}: {level}{report.leaves} leaves, {seen}, root {report.root_hex[:16]}…, "
        f"signed by {signed}"
    )
    for one in report.recordings:
        state = "closed" if one.closed else "open"
        print(
            f"  {one.recording} {one.channel} {state}: {one.segments} segments, {one.frames} of "
            f"{one.frames_expected} frames, {one.gaps} gaps, {one.verdict or 'no verdict'}"
        )
    if report.unwitnessed:
        print(
            f"  UNWITNESSED: the last {report.unwitnessed} leaves; root on the box could have changed these"
        )
    for problem in report.problems:
        print(f"  WRONG: {problem}")
    for remark in report.remarks:
        print(f"  NOTE: {remark}")
    for attack in report.attacks:
        print(f"  LOOKS LIKE {attack}")
