"""The console's service: systemd takes its unit, and it is confined as the agent's is."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "edgeward-console.service"


def lines() -> set[str]:
    return {line for line in UNIT.read_text().splitlines() if "=" in line and not line.startswith("#")}


@pytest.mark.requires("systemd-analyze")
def test_systemd_takes_it(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    # The program is not installed here, which verify would rightly say: only its path is replaced.
    copy.write_text(UNIT.read_text().replace("/opt/edgeward/bin/edgeward", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", str(copy)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (checked.returncode, checked.stderr) == (0, "")


def test_it_is_confined_as_far_as_the_agent_and_has_no_devices() -> None:
    agent = (UNIT.parent / "edgeward.service").read_text()
    confining = re.compile(r"(Protect|Restrict|NoNew|Lock|MemoryDeny|Ambient)")
    wanted = {line for line in agent.splitlines() if confining.match(line)}
    assert len(wanted) > 10
    assert wanted <= lines()
    assert {"PrivateDevices=yes", "DevicePolicy=closed", "User=edgeward-console"} <= lines()


def test_its_paths_are_those_of_the_document() -> None:
    document = (UNIT.parents[1] / "docs/console.md").read_text()
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read_string(UNIT.read_text())
    state, config = parser["Service"]["StateDirectory"], parser["Service"]["ConfigurationDirectory"]
    assert f'database = "/var/lib/{state}/' in document
    assert f"/etc/{config}/console.toml" in document
    assert f"/etc/{config}/console.toml" in parser["Service"]["ExecStart"]
    assert "u edgeward-console " in UNIT.with_suffix(".sysusers").read_text()
