"""A real agent is asked to check itself, and told by the controller to give birth again, over a real broker.

Its recordings go on all the while.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.control.client import ask
from agent.formats.ledger_v1 import LeafType
from agent.formats.mqtt_v1 import REBIRTH_TOPIC, decode
from agent.ledger.signing import Verifier
from agent.model.commands import CommandType
from agent.runtime.check_reports import read_report, sha256_of
from tests.fakes.agents import make_box, running, wait_for_segments, wait_until
from tests.fakes.brokers import mosquitto_broker
from tests.fakes.brokers import running as serving
from tests.fakes.controllers import Controller
from tests.fakes.message_schemas import check_schema


@pytest.mark.requires("mosquitto")
def test_a_report_follows_the_answer_and_births_come_again(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    with serving(mosquitto_broker(folder)) as broker:
        controller = Controller(broker)
        where = f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n'
        box = make_box(tmp_path, extra=where)
        runtime = box.root / "run"
        with running(box):
            wait_until("birth", lambda: bool(controller.messages("/birth/box")), 30)
            wait_for_segments(box, 1)
            answer = ask(runtime, CommandType.CHECK_RUN, {"profile": "continuous"})
            result = answer["result"]
            assert answer["status"] == "succeeded" and isinstance(result, dict)
            assert result["run"] == answer["cmd_id"]
            assert ask(runtime, CommandType.CHECK_RUN, {})["reason"] in ("check.busy", None)
            wait_until("the report", lambda: len(controller.messages(f"/check/{result['run']}")) == 1, 60)
            wait_until("and the last one", lambda: bool(controller.messages("/check/last")))

            births = len(controller.messages("/birth/box"))
            controller.publish(REBIRTH_TOPIC, b'{"v":1,"window_s":0}')
            wait_until("the next birth", lambda: len(controller.messages("/birth/box")) == births + 1)
            controller.publish(REBIRTH_TOPIC, b'{"v":1,"window_s":0}')
            controller.publish(REBIRTH_TOPIC, b"births!")
            wait_for_segments(box, len(box.leaves(LeafType.SEGMENT)) + 1)
        assert len(controller.messages("/birth/box")) == births + 1, "not twice within a minute"
        [report] = controller.messages(f"/check/{result['run']}")
        check_schema("check", report)
        assert controller.messages("/check/last")[0]["sha256"] == report["sha256"]
        note = report["note"].encode()
        assert sha256_of(note) == report["sha256"]
        vkey = (box.root / "state" / "signing.vkey").read_text().strip()
        assert len(read_report(note, Verifier(vkey)).findings) == result["checks"]
        leaf = next(leaf for leaf in box.leaves(LeafType.CHECK_REPORT) if leaf.n == report["leaf"])
        assert (leaf.body["run"], leaf.body["sha256"]) == (result["run"], report["sha256"])
        late = Controller(broker, "late")
        wait_until("what is retained", lambda: bool(late.messages("/status/box")))
        assert [retained for topic, _, retained, _ in late.got if topic.endswith("/check/last")] == [True]
        late.close()
        assert [decode(data)["v"] for topic, data, _, _ in controller.got if "/check/" in topic]
        controller.close()
    [counted] = [leaf.body for leaf in box.leaves(LeafType.COMMAND_DENIED) if leaf.body["reasons"]]
    assert counted["reasons"] == {"rebirth.bad": 1, "rebirth.too-often": 1}
    assert box.verify().ok
