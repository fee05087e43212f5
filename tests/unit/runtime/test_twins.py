"""Twins: what a box is, told when it changes, as the contract says, without anything that opens or signs."""

from __future__ import annotations

import json
from pathlib import Path

from agent.formats import mqtt_v1
from agent.model.outgoing import Outgoing
from agent.model.times import ClockQuality, Instant
from agent.runtime import twins
from agent.runtime.twins import TwinWatch
from tests.fakes.message_schemas import check_schema
from tests.unit.runtime.vaults import CONFIG, SmallBox, good

MQTT = '[mqtt]\nhost = "127.0.0.1"\ntls = false\n'


def body_of(message: Outgoing) -> dict[str, object]:
    """As it goes over the wire."""
    assert message.body is not None
    now = Instant(wall_ns=1_800_000_000_000_000_000, mono_ns=1, quality=ClockQuality.SYNCED)
    envelope = mqtt_v1.Envelope(box="b", boot="1", session=1, seq=1, at=now)
    return dict(mqtt_v1.decode(mqtt_v1.encode(message, envelope)))


def test_each_is_told_once_and_again_when_it_differs(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    box.vault.mkdir()
    told: list[Outgoing] = []
    watch = TwinWatch(box.config, "a-key", told.append)
    watch.look()
    names = [(one.entity, one.type) for one in told]
    assert names == [("_", "software"), ("_", "hardware"), ("_", "keys"), ("ch0", "spec")]
    assert all(one.retain and one.coalesce and one.kind == "twin" for one in told)
    watch.look()
    assert len(told) == 4


def test_they_are_as_the_schemas_say(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    box.vault.mkdir()
    told: list[Outgoing] = []
    TwinWatch(box.config, "a-key", told.append).look()
    for message in told:
        check_schema(f"twin-{message.type}", body_of(message))


def test_two_boxes_with_one_spec_have_one_hash(tmp_path: Path) -> None:
    text = CONFIG.format(root=tmp_path, recipient=SmallBox(tmp_path).custodian.recipient)
    [one], [other] = good(text).channel, good(text.replace('"test-1"', '"test-2"')).channel
    [third] = good(text.replace("width = 160", "width = 320")).channel
    assert twins.spec(one)["sha256"] == twins.spec(other)["sha256"] != twins.spec(third)["sha256"]
    plan = twins.spec(other)["plan"]
    assert isinstance(plan, dict)
    assert plan["policy"] == "test-2"


def test_a_certificate_that_can_not_be_read_is_null(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    text = CONFIG.format(root=tmp_path, recipient=box.custodian.recipient)
    (tmp_path / "box.pem").write_text("no certificate")
    files = f'cert_file = "{tmp_path}/box.pem"\nkey_file = "{tmp_path}/box.key"\n'
    config = good(MQTT.replace("tls = false\n", files) + text)
    found = twins.keys(config, "a-key")
    assert found["certificate"] is None
    assert box.custodian.recipient not in json.dumps(found), "a fingerprint is enough"
