"""`edgeward keygen`: a custodian's age identity."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from agent.cli.exits import Exit
from agent.host.files import create_exclusive, write_all
from agent.seal.recording_key import new_key_pair
from agent.seal.suites import age_mlkem768x25519, age_x25519

EXAMPLE = "edgeward keygen -o custodian.txt   (the public half goes into agent.toml)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")
    parser.add_argument(
        "--post-quantum",
        action="store_true",
        help="a key for recordings of level 5 (age1pq...); other levels need one without this",
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the identity, prints the recipient. Do this away from the box."""
    suite = age_mlkem768x25519 if arguments.post_quantum else age_x25519
    keys = new_key_pair(os.urandom, suite.NAME)
    descriptor = create_exclusive(arguments.output, 0o600)
    try:
        write_all(descriptor, f"# public key: {keys.recipient}\n{keys.identity}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    print(keys.recipient)
    print("keep the file where only the custodian gets at it, never on the box", file=sys.stderr)
    return Exit.OK
