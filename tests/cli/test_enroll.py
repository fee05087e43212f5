"""`edgeward enroll` as a technician meets it: request, checklist, certificate, lines for agent.toml."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.main import main
from agent.runtime.enrolment import spoken
from tests.fakes.agents import make_box
from tests.fakes.certificates import TestAuthority


def test_from_the_request_to_the_stored_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box, state = make_box(tmp_path), tmp_path / "state"
    command = ["enroll", "-c", str(box.config)]
    assert main(command) == Exit.OK
    first = capsys.readouterr().out
    ledger = hashlib.sha256((state / "signing.vkey").read_bytes()).hexdigest()
    assert "new key" in first
    assert spoken(ledger) in first
    assert "common name test-box" in first
    assert "PRIVATE" not in first

    authority = TestAuthority()
    certificate, ca = tmp_path / "box.pem", tmp_path / "ca.pem"
    certificate.write_bytes(authority.sign_request((state / "mqtt.csr").read_bytes()))
    ca.write_bytes(authority.pem)
    assert main([*command, "--install", str(certificate), "--ca", str(ca)]) == Exit.OK
    stored = capsys.readouterr().out
    lines = [line.strip() for line in stored.splitlines() if " = " in line]
    assert lines == [
        f'ca_file = "{state}/mqtt-ca.pem"',
        f'cert_file = "{state}/mqtt.pem"',
        f'key_file = "{state}/mqtt.key"',
    ]

    text = box.config.read_text() + '\n[mqtt]\nhost = "broker"\n' + "\n".join(lines) + "\n"
    box.config.write_text(text)
    assert main([*command, "--install", str(certificate), "--ca", str(ca)]) == Exit.OK
    assert "a running agent uses it" in capsys.readouterr().out
    assert main(command) == Exit.OK
    again = capsys.readouterr().out
    assert again.replace("the key that was there", "new key") == first


def test_refusals_and_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = make_box(tmp_path)
    command = ["enroll", "-c", str(box.config)]
    assert main([*command, "--ca", "ca.pem"]) == Exit.USAGE
    assert main([*command, "--install", "a.pem", "--ca", "b.pem"]) == Exit.FAILED
    told = capsys.readouterr().err
    assert "[enroll.no-key]" in told
    assert "what to do: run `edgeward enroll` first" in told
