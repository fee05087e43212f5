"""kill -9 at random moments: of a channel process, and of the keeper.

What must hold after each kill: every closed segment verifies, the unfinished one yields its verified
prefix, at most 0.5 s of video before the kill is lost, and the stretch without video is a gap record with
its cause. `make kill-loop` runs it 50 times each.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from agent.capture.boxes import count_frames_and_end, read_description
from agent.capture.joiner import describe
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.errors import Refuse
from agent.model.times import from_rfc3339
from agent.seal.age_reader import open_stream
from agent.seal.capsule import open_capsule, read_identity_file
from tests.fakes.agents import Box, make_box, running, start, stop, wait_until

LOST_AT_MOST_S = 0.5
NS = 1_000_000_000


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    count = request.config.getoption("--kills")
    assert isinstance(count, int)
    return count


def test_killed_channel_costs_a_gap_and_nothing_else(tmp_path: Path, kills: int) -> None:
    box = make_box(tmp_path)
    dice = random.Random(7)
    killed_at: list[int] = []
    with running(box) as agent:
        for _ in range(kills):
            pid = _recording_pid(box, agent.pid)
            _random_moment(dice)
            killed_at.append(time.time_ns())
            os.kill(pid, signal.SIGKILL)
            _recording_pid(box, agent.pid, other_than=pid)
    _check(box, killed_at, "process-died")
    [recording] = box.verify().recordings
    assert recording.gaps == kills


def test_killed_keeper_costs_a_gap_and_nothing_else(tmp_path: Path, kills: int) -> None:
    box = make_box(tmp_path)
    dice = random.Random(11)
    killed_at: list[int] = []
    for _ in range(kills):
        agent = start(box)
        _recording_pid(box, agent.pid)
        _random_moment(dice)
        killed_at.append(time.time_ns())
        agent.kill()
        agent.wait()
    agent = start(box)
    _recording_pid(box, agent.pid)
    assert stop(agent) == 0
    _check(box, killed_at, "restart")
    assert len(box.verify().recordings) == kills + 1


def _recording_pid(box: Box, keeper: int, *, other_than: int | None = None) -> int:
    """The pid of a channel process of this keeper whose frames become durable."""
    pids: list[int] = []

    def records() -> bool:
        status = box.status()
        fresh = status.get("pid") == keeper
        for row in status["channels"]:
            alive = row["pid"] not in (None, other_than) and Path(f"/proc/{row['pid']}").exists()
            if fresh and alive and row["signal"] == "present" and (row["last_durable_age_s"] or 99) < 1.5:
                pids[:] = [row["pid"]]
                return True
        return False

    wait_until("the channel records", records, 30)
    return pids[0]


def _random_moment(dice: random.Random) -> None:
    """Anywhere in a segment: the moment is the input of this test, so it does wait for time."""
    threading.Event().wait(dice.uniform(0.05, 1.2))


def _check(box: Box, killed_at: list[int], cause: str) -> None:
    report = box.verify()
    assert report.result == "ok-with-gaps", report.problems
    gaps = box.leaves(LeafType.GAP)
    assert [gap.body["cause"] for gap in gaps] == [cause] * len(killed_at)
    segments = box.leaves(LeafType.SEGMENT)
    ends = [end for leaf in segments if (end := _end_wall_ns(box, leaf)) is not None]
    for moment, gap in zip(killed_at, gaps, strict=True):
        end = max(end for end in ends if end <= moment + NS)
        lost_s = (moment - end) / NS
        assert lost_s <= LOST_AT_MOST_S, f"{lost_s:.3f} s of video were lost before a kill"
        # Two readings of both clocks give wall times of one moment that differ by microseconds.
        assert from_rfc3339(str(gap.body["from"])) <= end + NS // 1000, "the gap begins where the video ends"
        assert from_rfc3339(str(gap.body["to"])) > moment, "the gap must last until after the kill"


def _end_wall_ns(box: Box, leaf: Leaf) -> int | None:
    """Wall time of the end of the verified prefix; None when it holds no frame."""
    directory = box.vault / "recordings" / str(leaf.body["recording"])
    [identity] = read_identity_file(box.custodian.read_text())
    key = open_capsule((directory / "capsule.age").read_bytes(), [identity])
    pieces: list[bytes] = []
    with (directory / str(leaf.body["name"])).open("rb") as stream:
        try:
            for piece in open_stream(stream.read, [key]):
                pieces.append(piece)  # noqa: PERF402 - what came before the end must be kept
        except Refuse as error:
            assert error.code == "seal.truncated"
    plaintext = b"".join(pieces)
    described = describe(plaintext)
    if described is None:
        return None
    return _start_wall_ns(plaintext) + count_frames_and_end(plaintext).end_ns


def _start_wall_ns(plaintext: bytes) -> int:
    raw = read_description(plaintext)
    assert raw is not None
    return from_rfc3339(json.loads(raw)["start_wall"])
