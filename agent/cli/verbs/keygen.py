"""`edgeward keygen`: a custodian's age identity, or a person's key that signs records and commands."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from agent.cli.exits import Exit
from agent.formats.command_v1 import KEY_PREFIX, OPERATOR_PATTERN
from agent.host.files import create_exclusive, write_all
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse
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
    parser.add_argument(
        "--signing", metavar="NAME", help=f"a signing key instead, named {KEY_PREFIX}NAME; opens nothing"
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes the secret half, prints the public one. Do this away from the box."""
    if arguments.signing is not None:
        return _signing(arguments.signing, arguments.output, post_quantum=arguments.post_quantum)
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


def _signing(name: str, output: Path, *, post_quantum: bool) -> int:
    if post_quantum or not re.fullmatch(OPERATOR_PATTERN.removesuffix("$"), name):
        raise Refuse(
            "keygen.bad-name",
            "a signing key has a name of lower-case letters, digits and hyphens, at most 32, and no suite",
            "edgeward keygen --signing li-wei -o li-wei.key",
        )
    key = SigningKey.generate(os.urandom(32), KEY_PREFIX + name)
    key.save(output)
    print(key.verifier_key)
    print("keep the file where only you get at it; the line above is what others check by", file=sys.stderr)
    return Exit.OK
