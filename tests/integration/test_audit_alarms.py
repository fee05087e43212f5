"""A real agent that is misused and killed: alarms of abnormal access, acknowledged and closed."""

from __future__ import annotations

from pathlib import Path

from agent.control.client import ask
from agent.formats.ledger_v1 import LeafType
from agent.model.commands import CommandType
from agent.model.times import NS_PER_S
from tests.fakes.agents import Box, make_box, running, start, wait_for_segments, wait_until

WITHIN_NS = 5 * NS_PER_S


def _standing(box: Box) -> set[str]:
    return {one["code"] for one in box.status()["alarms"] if one["code"].startswith("audit.")}


def test_a_kill_and_a_refusal_raise_alarms_that_outlive_a_restart_until_acknowledged(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    killed = start(box)
    try:
        wait_for_segments(box, 1)
    finally:
        killed.kill()
        killed.wait()
    with running(box):
        wait_until("the kill is told", lambda: _standing(box) == {"audit.log-gap"})
        refused = ask(box.root / "run", CommandType.PLAN_SET, {})
        assert refused["reason"] == "command.not-local"
        wait_until("the refusal is told", lambda: _standing(box) == {"audit.log-gap", "audit.denied"})
    with running(box):
        # The status file is that of the life before until the first tick: the door says who answers.
        wait_until("the door of the second life", (box.root / "run" / "control.sock").exists)
        wait_until("both stand", lambda: _standing(box) == {"audit.log-gap", "audit.denied"})
        for code in ("audit.log-gap", "audit.denied"):
            done = ask(box.root / "run", CommandType.ALARM_ACKNOWLEDGE, {"entity": "_", "code": code})
            assert done["status"] == "succeeded"
        wait_until("both are closed", lambda: _standing(box) == set())
    stories = {
        code: [leaf.type.value for leaf in box.leaves() if leaf.body.get("code") == code]
        for code in ("audit.log-gap", "audit.denied")
    }
    assert set(map(tuple, stories.values())) == {("alarm-raised", "alarm-acknowledged", "alarm-closed")}
    [denied] = box.leaves(LeafType.COMMAND_DENIED)
    [raised] = [leaf for leaf in box.leaves(LeafType.ALARM_RAISED) if leaf.body["code"] == "audit.denied"]
    assert raised.mono_ns - denied.mono_ns <= WITHIN_NS
    assert box.verify().result == "ok-with-gaps"
