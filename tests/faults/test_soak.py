"""The synthetic fault script at speed, again and again: nothing leaks, nothing is left behind.

A small picture at `fast` pace, so that an hour of media takes some minutes. The script freezes, goes black,
changes rate and size, loses packets, is silent for a moment (a gap inside a stream) and then silent for
good (the source is opened again and the script starts anew), so each pass takes every path that may leak.
`--soak-minutes` of media: 3 by default, where a leak of 4 KiB per frame shows; `make soak` runs an hour,
where 70 bytes per frame do.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import Leaf, LeafType
from tests.bench.processes import children, descriptors, memory, state
from tests.fakes.agents import Box, make_box, running, wait_until
from tests.fakes.brokers import iotcore

FLAT_BYTES = 5 * 1024 * 1024
# A segment file, a directory being synced, a datagram on its way.
FLAT_DESCRIPTORS = 4
DEATHS = 3
PASS_S = 58
SCRIPT = (
    ("freeze", 4, 4, None),
    ("black", 10, 4, None),
    ("rate-change", 16, 6, "12"),
    ("size-change", 24, 6, "160x120"),
    ("loss", 34, 6, "3"),
    ("silence", 44, 1.5, None),
    ("silence", PASS_S - 2, 600, None),
)
SOURCE = (
    'kind = "synthetic"\npace = "fast"\nwidth = 128\nheight = 96\nrate = "25"\nbitrate_bps = 200000\n'
    "gop_s = 1.0\nscript = [\n"
    + "".join(
        f'{{ kind = "{kind}", at_s = {at}, for_s = {for_s}'
        + (f', value = "{value}"' if value else "")
        + " },\n"
        for kind, at, for_s, value in SCRIPT
    )
    + "]\n"
)
SPEC = 'width = 128\nheight = 96\nrate = "25"\ngap_max_s = 1.0\n'


@dataclass(slots=True)
class Watched:
    """One process from the end of the warm-up on."""

    name: str
    pid: int
    rss: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def look(self) -> None:
        # Not PSS: that also changes when another process begins or ends to share our pages.
        self.rss.append(memory(self.pid).rss)
        self.descriptors.append(descriptors(self.pid))

    def check(self) -> None:
        grown = max(self.rss) - self.rss[0]
        assert grown <= FLAT_BYTES, f"the {self.name} grew by {grown} bytes: {self.rss}"
        opened = max(self.descriptors) - self.descriptors[0]
        assert opened <= FLAT_DESCRIPTORS, f"the {self.name} keeps {opened} more descriptors"


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    value = request.config.getoption("--soak-minutes")
    assert isinstance(value, float)
    return value


def test_fault_script_leaks_nothing_and_is_in_the_ledger(tmp_path: Path, minutes: float) -> None:
    with iotcore(tmp_path) as (host, port):
        box = make_box(
            tmp_path,
            source=SOURCE,
            spec=SPEC,
            segment_s=10.0,
            extra=f'[mqtt]\nhost = "{host}"\nport = {port}\ntls = false\n',
        )
        with running(box) as keeper:
            # More than one pass: the first allocates what later ones use again.
            _until_media(box, max(1.2 * PASS_S, 0.1 * minutes * 60))
            channel = _channel_pid(box)
            [zygote] = [pid for pid in children(keeper.pid) if channel in children(pid)]
            watched = [Watched("keeper", keeper.pid), Watched("zygote", zygote), Watched("channel", channel)]
            _until_media(box, minutes * 60, watched)
            assert _channel_pid(box) == channel, "the channel process did not live through the script"
            for one in watched:
                one.check()
            for _ in range(DEATHS):
                _kill_and_await_the_next(box)
            _no_zombie(_family(keeper.pid))
            family = _family(keeper.pid)
        left = [pid for pid in family if Path(f"/proc/{pid}").exists()]
        assert left == [], "processes of the agent outlive it"
    _check_ledger(box, minutes)


def _until_media(box: Box, seconds: float, watched: Iterable[Watched] = ()) -> None:
    """Until so much media is in the ledger; looks at `watched` meanwhile."""

    def enough() -> bool:
        for one in watched:
            one.look()
            _no_zombie([one.pid])
        time.sleep(0.2)  # the distance of two looks
        return _media_s(box.leaves(LeafType.SEGMENT)) >= seconds

    wait_until(f"{seconds:.0f} s of media", enough, 60 + seconds)


def _media_s(segments: list[Leaf]) -> float:
    durations = (leaf.body["duration_ms"] for leaf in segments)
    return sum(value for value in durations if isinstance(value, int)) / 1000


def _channel_pid(box: Box) -> int:
    pid = box.status()["channels"][0]["pid"]
    assert isinstance(pid, int)
    return pid


def _kill_and_await_the_next(box: Box) -> None:
    """A process that dies must be reaped: without a death there could be no zombie to find."""
    killed, segments = box.status()["channels"][0]["pid"], len(box.leaves(LeafType.SEGMENT))
    os.kill(killed, signal.SIGKILL)

    def others() -> bool:
        pid = box.status()["channels"][0]["pid"]
        return pid not in (None, killed) and len(box.leaves(LeafType.SEGMENT)) > segments + 1

    wait_until("another process records", others, 30)


def _family(pid: int) -> list[int]:
    """The process and everything below it."""
    found = [pid]
    for child in children(pid):
        found += _family(child)
    return found


def _no_zombie(pids: list[int]) -> None:
    assert [pid for pid in pids if state(pid) == "Z"] == []


def _check_ledger(box: Box, minutes: float) -> None:
    report = box.verify()
    assert report.result == "ok-with-gaps", report.problems
    passes = int(minutes * 60 / PASS_S) - 1
    reasons = Counter(leaf.body["reason"] for leaf in box.leaves(LeafType.SEGMENT))
    assert reasons["size-change"] >= 2 * passes, reasons
    assert reasons["source-lost"] >= passes, reasons
    # A process that died between two segments leaves none unfinished.
    assert reasons["crash"] <= DEATHS, reasons
    causes = Counter(leaf.body["cause"] for leaf in box.leaves(LeafType.GAP))
    assert causes["signal-lost"] >= passes, causes
    assert causes["source-lost"] >= passes, causes
    assert {"size", "rate", "gap"} <= set(_broken_rules(box.leaves(LeafType.SEGMENT)))


def _broken_rules(segments: list[Leaf]) -> Iterator[str]:
    for leaf in segments:
        findings = leaf.body["findings"]
        assert isinstance(findings, list)
        for finding in findings:
            assert isinstance(finding, dict)
            if finding["grade"] != "conforming":
                yield str(finding["rule"])
