"""`edgeward enroll`: the box's key and certificate for MQTT."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.formats.config_v1 import AgentConfig
from agent.host.clock import SystemClock
from agent.model.times import rfc3339
from agent.runtime import enrolment
from agent.runtime.boot import PUBLIC_NAME, signing_key

EXAMPLE = "edgeward enroll --install box.pem --ca ca.pem"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument(
        "--install", type=Path, metavar="CERT", help="the certificate that the authority made of the request"
    )
    parser.add_argument("--ca", type=Path, metavar="CA", help="the certificate of that authority")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Without options the request and a checklist; with both, the certificate is checked and stored."""
    if (arguments.install is None) != (arguments.ca is None):
        print("--install and --ca belong together: give both files", file=sys.stderr)
        return Exit.USAGE
    config = config_of(arguments)
    if arguments.install is None:
        _request(config)
    else:
        _install(config, arguments.install, arguments.ca)
    return Exit.OK


def _request(config: AgentConfig) -> None:
    state_dir = config.box.state_dir
    request = enrolment.make_request(state_dir, config.box.id)
    signing_key(config, os.urandom)
    public = state_dir / PUBLIC_NAME
    print(f"box      {config.box.id}")
    print(f"request  {request.path} ({'new key' if request.new_key else 'the key that was there'})")
    print(f"ledger   {public}\n")
    print("1. Carry both files to the controller's administrator. Neither is secret.")
    print("2. Read to them over the telephone; they compare with what they compute from the files:")
    print(f"   key of the request  {enrolment.spoken(request.key_sha256)}")
    print(f"   key of the ledger   {enrolment.spoken(enrolment.file_fingerprint(public))}")
    print("   (docs/broker.md has the commands; a digit that differs means another box or another file)")
    print(f"3. They sign a certificate with the common name {config.box.id} for TLS clients.")
    print("4. Back here: edgeward enroll --install CERT --ca CA")


def _install(config: AgentConfig, certificate: Path, authority: Path) -> None:
    state_dir, now = config.box.state_dir, SystemClock().now()
    until = enrolment.install(state_dir, config.box.id, certificate, authority, now)
    print(f"stored; valid until {rfc3339(until)}")
    wanted = {
        "ca_file": state_dir / enrolment.AUTHORITY_NAME,
        "cert_file": state_dir / enrolment.CERTIFICATE_NAME,
        "key_file": state_dir / enrolment.KEY_NAME,
    }
    if config.mqtt is not None and all(getattr(config.mqtt, key) == path for key, path in wanted.items()):
        print("a running agent uses it at its next connection")
        return
    print("agent.toml needs in [mqtt]:")
    for key, path in wanted.items():
        print(f'  {key} = "{path}"')
