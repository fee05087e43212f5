"""The unit file against systemd's own checks and our own constants, and what the agent tells systemd.

Guarantees: the real agent and a real datagram socket; waiting is on facts with wide deadlines. Leaves out
what only a running systemd shows (restart, confinement, credentials): hardware-tests/vm.
"""

from __future__ import annotations

import configparser
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from agent.cli.exits import Exit
from agent.runtime import channel_keeper, keeper, zygote
from tests.fakes.agents import ROOT, Box, make_box, start, stop, wait_for_segments, wait_until
from tests.fakes.notify_socket import NotifySocket, notify_socket

UNIT = ROOT / "systemd" / "edgeward.service"
THRESHOLD = 20  # tenths: an exposure of 2.0
PING_S = keeper.TICK_S * keeper.WATCHDOG_EVERY_TICKS
# Nobody listens there.
NO_BROKER = '[mqtt]\nhost = "127.0.0.1"\nport = 9\n'


class _Unit(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit() -> configparser.SectionProxy:
    """The [Service] section. Repeated keys: the last one, which is enough here."""
    parser = _Unit(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.read_string(UNIT.read_text())
    return parser["Service"]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def agent_of(box: Box, told: NotifySocket) -> Iterator[subprocess.Popen[str]]:
    """An agent that believes systemd started it; killed when the test leaves it running."""
    process = start(box, NOTIFY_SOCKET=str(told.path))
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextmanager
def children_suspended(process: subprocess.Popen[str]) -> Iterator[None]:
    """The zygote and its channels stand still; whatever happens they go on afterwards, else they stay."""
    stuck = psutil.Process(process.pid).children(recursive=True)
    assert stuck
    for one in stuck:
        one.suspend()
    try:
        yield
    finally:
        for one in stuck:
            with suppress(psutil.NoSuchProcess):
                one.resume()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[NotifySocket]:
    with notify_socket(tmp_path) as made:
        yield made


@pytest.mark.requires("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    # The program is not installed here, which verify would rightly say: only its path is replaced.
    text, count = re.subn(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text())
    assert count == 1
    copy = tmp_path / "edgeward.service"
    copy.write_text(text)
    checked = analyze("verify", "--recursive-errors=no", "--man=no", str(copy))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.requires("systemd-analyze")
def test_a_misspelt_setting_would_be_found(tmp_path: Path) -> None:
    copy = tmp_path / "edgeward.service"
    text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text())
    copy.write_text(text.replace("ProtectSystem=strict", "ProtectSytem=strict"))
    assert "ProtectSytem" in analyze("verify", "--recursive-errors=no", "--man=no", str(copy)).stderr


@pytest.mark.requires("systemd-analyze")
def test_the_exposure_stays_below_the_threshold(capsys: pytest.CaptureFixture[str]) -> None:
    checked = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager", str(UNIT))
    found = re.search(r"exposure level for edgeward.service: ([\d.]+)", checked.stdout)
    assert found is not None, checked.stderr
    version = analyze("--version").stdout.splitlines()[0]
    with capsys.disabled():
        sys.stdout.write(f"\nexposure of edgeward.service: {found[1]} ({version})\n")
    assert checked.returncode == 0


def test_the_unit_and_the_program_agree() -> None:
    service = unit()
    assert service["Type"] == "notify"
    assert int(service["RestartPreventExitStatus"]) == Exit.CONFIG
    assert float(service["WatchdogSec"]) >= 3 * PING_S
    longest_stop_s = channel_keeper.STOP_S + zygote.GRACE_S + keeper.LINK_STOP_S
    assert float(service["TimeoutStopSec"]) > longest_stop_s
    assert service["ExecStart"].split()[1:] == ["run", "-c", "/etc/edgeward/agent.toml"]


def test_ready_comes_once_and_does_not_wait_for_the_broker(tmp_path: Path, told: NotifySocket) -> None:
    box = make_box(tmp_path, extra=NO_BROKER)
    with agent_of(box, told) as process:
        wait_until("READY", lambda: told.said("READY=1") != [], timeout_s=60)
        wait_for_segments(box, 1)
        wait_until("the watchdog is fed", lambda: len(told.said("WATCHDOG=1")) >= 2)
        assert box.status()["link"]["connected"] is False
        assert "STOPPING=1" not in told.lines()
        assert stop(process) == Exit.OK
    assert len(told.said("READY=1")) == 1
    assert told.lines()[0] == "READY=1"
    assert told.lines()[-1] == "STOPPING=1"
    assert len(told.said("STOPPING=1")) == 1


def test_the_socket_is_not_passed_on_to_channels(tmp_path: Path, told: NotifySocket) -> None:
    box = make_box(tmp_path)
    with agent_of(box, told) as process:
        wait_for_segments(box, 1)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2  # the zygote and one channel
        assert all("NOTIFY_SOCKET" not in child.environ() for child in children)
        assert stop(process) == Exit.OK


def test_a_stuck_channel_ends_the_feeding_and_its_return_begins_it_again(
    tmp_path: Path, told: NotifySocket
) -> None:
    # A silent channel alone is killed and started again by the keeper. Only where that does not help (a
    # process in a system call that does not end, a zygote that hangs) may the watchdog starve. A stopped
    # zygote is such a case: it does not report the end of the killed channel.
    box = make_box(tmp_path)
    with agent_of(box, told) as process:
        wait_for_segments(box, 1)
        wait_until("the watchdog is fed", lambda: told.said("WATCHDOG=1") != [])
        with children_suspended(process):
            wait_until("no ping for three periods", lambda: told.quiet_s("WATCHDOG=1") > 3 * PING_S, 90)
            assert process.poll() is None
            fed = len(told.said("WATCHDOG=1"))
        wait_until("the watchdog is fed again", lambda: len(told.said("WATCHDOG=1")) > fed, 60)
        assert stop(process) == Exit.OK


def test_a_source_that_is_known_to_be_silent_does_not_starve_the_watchdog(
    tmp_path: Path, told: NotifySocket
) -> None:
    # Nobody listens on this address: there is no signal, and a restart of the agent would not bring it.
    box = make_box(tmp_path, source='kind = "rtsp"\nurl = "rtsp://127.0.0.1:9/none"\n')
    with agent_of(box, told) as process:
        wait_until("the loss is known", lambda: box.status()["alarms"] != [], timeout_s=60)
        fed = len(told.said("WATCHDOG=1"))
        wait_until("fed three times more", lambda: len(told.said("WATCHDOG=1")) >= fed + 3, 60)
        assert stop(process) == Exit.OK


def test_a_wrong_configuration_is_78_and_never_ready(tmp_path: Path, told: NotifySocket) -> None:
    box = make_box(tmp_path)
    box.config.write_text(box.config.read_text().replace('category = "dt"', 'category = "nothing"'))
    with agent_of(box, told) as process:
        assert process.wait(60) == Exit.CONFIG
    assert told.lines() == []


def test_a_second_signal_leaves_at_once(tmp_path: Path, told: NotifySocket) -> None:
    box = make_box(tmp_path)
    with agent_of(box, told) as process:
        wait_for_segments(box, 1)
        with children_suspended(process):  # so that the first signal has something to wait for
            os.kill(process.pid, signal.SIGTERM)
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(30) == 130
