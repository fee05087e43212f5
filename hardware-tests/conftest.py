"""How tests get their devices: one test for each device of the bench that can take it.

Guarantees: without `--bench FILE` nothing in here is collected, so no run of the project's tests touches a
device by mistake. What was measured goes into the JUnit file and into a table at the end.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# So that the tests' own modules are found whatever directory pytest was started for.
sys.path.insert(0, str(Path(__file__).parent))

from bench import BY_HAND, Bench, Device, read_bench
from steps import BY_HAND_S, Happen, Note

COMMAND_S = 30.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bench", metavar="FILE", help="the devices to test: see hardware-tests/README.md")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    outside = collection_path.is_dir() and collection_path.name in ("vm", "guest")
    return True if outside or config.getoption("--bench", default=None) is None else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test's marks say what a device needs: `@pytest.mark.parametrize` by the bench."""
    if "device" not in metafunc.fixturenames:
        return
    bench = read_bench(Path(metafunc.config.getoption("--bench")))
    needs = next((mark.args for mark in metafunc.definition.iter_markers("needs")), ())
    fit = [device for device in bench.devices if all(_has(device, need) for need in needs)]
    if "mode" in metafunc.fixturenames:
        pairs = [(device, mode) for device in fit for mode in device.modes]
        metafunc.parametrize(("device", "mode"), pairs, ids=[f"{d.name}-{m}" for d, m in pairs])
    else:
        metafunc.parametrize("device", fit, ids=[device.name for device in fit])


def _has(device: Device, need: str) -> bool:
    return device.kind == need if need in ("v4l2", "onvif") else getattr(device, need) is not None


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*keys): keys of [[device]], or its kind, that a test needs")


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Bench:
    return read_bench(Path(request.config.getoption("--bench")))


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keeps a figure: what, how much, and what is required."""

    def keep(what: str, measured: object, required: object) -> None:
        request.node.user_properties.append((what, f"{measured} (required: {required})"))

    return keep


@pytest.fixture
def happen(capsys: pytest.CaptureFixture[str]) -> Happen:
    """Runs a command of the bench, or asks the technician; what is to be seen then, the test waits for."""

    def run(command: tuple[str, ...] | str | None, words: str) -> None:
        if command == BY_HAND:
            with capsys.disabled():
                print(f"\n>>> NOW: {words} (within {BY_HAND_S:.0f} s)", flush=True)  # noqa: T201 # for people
            return
        assert isinstance(command, tuple)
        subprocess.run(command, check=True, timeout=COMMAND_S)

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table: test, figure."""
    rows = [
        (report.nodeid.partition("::")[2], report.outcome, name, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if report.when == "call"
        for name, value in (report.user_properties or [("", "")])
    ]
    if not rows:
        return
    terminalreporter.section("figures")
    wide = max(len(row[0]) for row in rows)
    for test, outcome, name, value in rows:
        terminalreporter.write_line(f"{test:<{wide}}  {outcome:<6}  {name}  {value}")
