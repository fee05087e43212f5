"""console.toml: what is taken, and what is refused before anything starts."""

from __future__ import annotations

import pytest

from agent.console.config import ConsoleConfig, parse

GOOD = """
[console]
name = "main"
site = "Hospital A"
database = "/var/lib/edgeward-console/console.db"
[mqtt]
host = "127.0.0.1"
port = 1883
tls = false
"""
TLS = 'cert_file = "/etc/c.pem"\nkey_file = "/etc/k.pem"\n'


def with_lines(*lines: str) -> str:
    return GOOD.replace("[mqtt]", "\n".join((*lines, "[mqtt]")))


def test_a_good_file_and_its_defaults() -> None:
    found = parse(GOOD)
    assert isinstance(found, ConsoleConfig)
    assert (found.console.listen, found.console.tls, found.limits.boxes) == ("127.0.0.1", False, 2000)
    elsewhere = parse(with_lines('listen = "10.1.2.3"', TLS))
    assert isinstance(elsewhere, ConsoleConfig)
    assert elsewhere.console.tls


BAD = {
    "in clear": (with_lines('listen = "10.1.2.3"'), "in clear"),
    "everywhere in clear": (with_lines('listen = "0.0.0.0"'), "in clear"),
    "a name": (with_lines('listen = "localhost"'), "IP address"),
    "half a certificate": (with_lines('cert_file = "/etc/c.pem"'), "belong together"),
    "unknown key": (with_lines("debug = true"), "debug"),
    "text for a number": (with_lines('port = "8443"'), "port"),
    "no database": (GOOD.replace("database", "#"), "database"),
    "a witness without boxes": (
        GOOD + '[witness]\nname = "main"\nstate_dir = "/var/w"\nkey_file = "/etc/w"\n', "[[box]]",
    ),
    "no TOML": ("[console", "TOML"),
    "too few days": (GOOD + "[limits]\nhistory_days = 0\n", "history_days"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_says_where(name: str) -> None:
    text, word = BAD[name]
    found = parse(text)
    assert isinstance(found, tuple)
    assert any(word in line for line in found)


def test_every_problem_at_once() -> None:
    found = parse(with_lines("debug = true", 'listen = "nowhere"').replace('site = "Hospital A"', ""))
    assert isinstance(found, tuple)
    assert len(found) >= 2
