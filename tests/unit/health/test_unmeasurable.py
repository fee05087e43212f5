"""What can't be measured is skipped with its reason; a probe that breaks takes only its own checks along."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from agent.formats.config_checks import ChecksConfig
from agent.formats.config_v1 import SyntheticSource
from agent.formats.ledger_v1 import LeafType
from agent.health.checks import CHECKS
from agent.health.engine import run, tasks
from agent.health.probed import BrokerDoor
from agent.health.site import Probes, Skip
from agent.model.finding import Finding, Status
from agent.model.times import NS_PER_S
from tests.fakes.clock import START_WALL_NS
from tests.fakes.sites import CAMERA, DOOR, PACKAGES, FakeBox, healthy, leaf

Change = Callable[[FakeBox], None]


def finding(box: FakeBox, check: str) -> Finding:
    [one] = run(tasks([one for one in CHECKS if one.id == check], ["ch0"]), box.site(), lambda _task: None)
    return one


def no_file(path: str) -> Change:
    return lambda box: (box.root / path.lstrip("/")).unlink()


def skips(name: str, reason: str) -> Change:
    def probe(*_arguments: object) -> object:
        raise Skip(reason)

    return lambda box: box.probe(**{name: probe})


def synthetic(box: FakeBox) -> None:
    box.change_channel(source=SyntheticSource(kind="synthetic"))


def without_broker(box: FakeBox) -> None:
    box.config = box.config.model_copy(update={"mqtt": None})
    box.status = {**(box.status or {}), "link": None}


def broker_is_off(box: FakeBox) -> None:
    box.probe(broker_door=lambda: BrokerDoor(word="no-answer", detail="", not_after_ns=None, path_mtu=None))


def nothing_recorded(box: FakeBox) -> None:
    box.probe(recent_leaves=lambda _s: (leaf(LeafType.BOOT, {}),))


def not_measured_yet(box: FakeBox) -> None:
    box.channel(jitter_p99_ms=None)


def not_connected(box: FakeBox) -> None:
    box.link(connected=False)


def without_floors(box: FakeBox) -> None:
    box.probe(device=lambda _channel: replace(CAMERA, floors=False))


CASES: tuple[tuple[str, str, Change], ...] = (
    ("host.rtc", "no-hardware", no_file("/sys/class/rtc/rtc0/since_epoch")),
    ("host.rtc", "clock", lambda box: box.clock.step_wall(-20 * 365 * 86400)),
    ("host.steps", "too-early", skips("recent_leaves", "too-early")),
    ("host.version", "no-agent", FakeBox.stop_agent),
    ("host.version", "no-hardware", no_file("/proc/4711/stat")),
    (
        "host.throttle",
        "no-hardware",
        no_file("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"),
    ),
    ("sec.accounts", "no-privilege", no_file("/etc/shadow")),
    ("sec.update", "no-program", no_file(PACKAGES)),
    ("sec.update", "clock", lambda box: box.clock.step_wall(-20 * 365 * 86400)),
    ("store.filesystem", "no-hardware", no_file("/proc/self/mountinfo")),
    ("store.trim", "no-hardware", lambda box: box.program("lsblk -bdno DISC-MAX", "0\n")),
    ("store.trim", "no-program", lambda box: box.programs.clear()),
    ("store.spool", "too-early", skips("waiting", "too-early")),
    ("crypto.certificate", "not-configured", skips("certificate", "not-configured")),
    ("crypto.certificate", "clock", lambda box: box.clock.step_wall(-20 * 365 * 86400)),
    ("ledger.witness", "not-configured", skips("witnessed", "not-configured")),
    ("retention.overdue", "no-agent", FakeBox.stop_agent),
    ("net.tls", "not-configured", without_broker),
    ("net.tls", "no-answer", broker_is_off),
    ("net.mtu", "not-configured", without_broker),
    ("net.mtu", "no-answer", broker_is_off),
    ("mqtt.commands", "not-configured", without_broker),
    ("mqtt.commands", "too-early", not_connected),
    ("mqtt.acl", "not-configured", without_broker),
    ("mqtt.acl", "running", lambda _box: None),
    ("sec.core", "no-agent", FakeBox.stop_agent),
    ("sec.core", "no-privilege", no_file("/proc/815/limits")),
    ("device.known", "no-answer", skips("device", "no-answer")),
    (
        "device.firmware",
        "not-configured",
        lambda box: box.probe(device=lambda _c: replace(CAMERA, floors=False)),
    ),
    (
        "device.password",
        "not-configured",
        lambda box: box.probe(device=lambda _c: replace(CAMERA, stream_url=None)),
    ),
    ("device.password", "no-answer", lambda box: box.probe(knock=lambda _u, _l: "no-answer")),
    ("config.sent", "no-agent", FakeBox.stop_agent),
    ("plan.state", "no-agent", FakeBox.stop_agent),
    ("vid.present", "not-configured", synthetic),
    ("vid.signal", "no-plan", lambda box: box.alarm("ch0", "plan.outside-schedule")),
    ("vid.mode", "no-plan", lambda box: box.alarm("ch0", "plan.place-forbidden")),
    ("vid.content", "too-early", nothing_recorded),
    ("vid.gaps", "too-early", skips("recent_leaves", "too-early")),
    ("vid.jitter", "too-early", not_measured_yet),
    ("vid.jitter", "no-agent", FakeBox.stop_agent),
    ("spec.hour", "too-early", nothing_recorded),
)


@pytest.mark.parametrize(("check", "reason", "change"), CASES, ids=[f"{c}-{r}" for c, r, _ in CASES])
def test_what_cannot_be_measured_is_skipped_with_its_reason(
    tmp_path: Path, check: str, reason: str, change: Change
) -> None:
    box = healthy(tmp_path)
    change(box)
    judged = finding(box, check).judged
    assert (judged.status, judged.values.get("reason")) == (Status.SKIP, reason)


# Which checks ask which probe; a check that begins to ask another one must be entered here.
ASKED = {
    "sealing_round_trip": {"crypto.roundtrip"},
    "ledger_problems": {"ledger.log"},
    "unclean_boots": {"host.power"},
    "reach": {"net.broker"},
    "ticket_pools": {"crypto.tickets"},
    "recent_leaves": {"host.steps", "vid.content", "vid.gaps", "spec.hour"},
    "witnessed": {"ledger.witness"},
    "certificate": {"crypto.certificate"},
    "waiting": {"store.spool"},
    "broker_door": {"net.tls", "net.mtu"},
    "foreign_topic": set(),  # not while an agent runs
    "device": {"device.known", "device.firmware", "device.password"},
    "knock": {"device.password"},
    "enforces": {"spec.enforce"},
}


def test_every_probe_is_here() -> None:
    assert set(ASKED) == {field.name for field in fields(Probes)}


@pytest.mark.parametrize("name", ASKED)
def test_a_probe_that_breaks_crashes_its_checks_and_no_other(tmp_path: Path, name: str) -> None:
    def broken(*_arguments: object) -> object:
        raise ZeroDivisionError

    box = healthy(tmp_path)
    box.probe(**{name: broken})
    found = list(run(tasks(CHECKS, ["ch0"]), box.site(), lambda _task: None))
    assert {one.check for one in found if one.judged.status is Status.CRASH} == ASKED[name]
    assert len(found) == len(CHECKS)


@pytest.mark.parametrize("name", [name for name in ASKED if ASKED[name]])
def test_a_probe_that_hangs_is_a_crash_of_its_checks(tmp_path: Path, name: str) -> None:
    never = threading.Event()
    box = healthy(tmp_path)
    box.probe(**{name: lambda *_arguments: never.wait()})
    chosen = [check for check in CHECKS if check.id in ASKED[name]]
    try:
        found = list(run(tasks(chosen, ["ch0"]), box.site(), lambda _task: None, 0.05))
    finally:
        never.set()
    assert {one.check for one in found if one.judged.message == "timed-out"} == ASKED[name]


def test_the_maker_s_login_is_tried_only_where_the_site_allows_it_and_never_with_our_own_name(
    tmp_path: Path,
) -> None:
    tried: list[tuple[str, str] | None] = []

    def knock(_url: str, login: tuple[str, str] | None) -> str:
        tried.append(login)
        return "closed"

    box = healthy(tmp_path)
    box.probe(knock=knock)
    assert finding(box, "device.password").judged.message == "asked"
    assert tried == [None]
    box.settings = ChecksConfig(try_vendor_default=True)
    assert finding(box, "device.password").judged.message == "good"
    assert tried == [None, None, ("admin", "12345")]
    tried.clear()
    [channel] = box.config.channel
    box.change_channel(source=channel.source.model_copy(update={"username": "admin"}))
    assert finding(box, "device.password").judged.message == "asked"
    assert tried == [None]


def test_a_port_that_the_site_allows_is_no_finding(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    box.settings = ChecksConfig(allowed_ports=())
    assert finding(box, "sec.ports").judged.values["ports"] == "22"
    box.settings = ChecksConfig(allowed_ports=(22, 9100))
    assert finding(box, "sec.ports").judged.status is Status.PASS


def test_a_plan_that_does_not_allow_this_hour_is_no_fault(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    box.alarm("ch0", "plan.outside-schedule")
    judged = finding(box, "plan.state").judged
    assert (judged.status, judged.message) == (Status.PASS, "outside-hours")


def test_another_channel_s_alarm_is_not_ours(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    box.alarm("ch1", "plan.place-forbidden")
    assert finding(box, "plan.state").judged.message == "good"


@pytest.mark.parametrize(
    ("text", "why"),
    [("not in effect: it did not work (config.not-healthy)", "config.not-healthy"), ("gone", "-")],
    ids=["told", "not-told"],
)
def test_why_a_sent_configuration_was_given_up_is_told(tmp_path: Path, text: str, why: str) -> None:
    box = healthy(tmp_path)
    box.alarm("_", "config.rolled-back", text)
    judged = finding(box, "config.sent").judged
    assert (judged.status, judged.values["why"]) == (Status.WARN, why)


def test_a_certificate_ends_on_the_day_that_is_told(tmp_path: Path) -> None:
    box, ends_ns = healthy(tmp_path), START_WALL_NS + 14 * 86_400 * NS_PER_S
    box.probe(broker_door=lambda: replace(DOOR, not_after_ns=ends_ns))
    assert finding(box, "net.tls").judged.status is Status.PASS
    box.clock.advance(1)
    assert finding(box, "net.tls").judged.status is Status.WARN


def test_a_plan_whose_clock_is_doubted_keeps_nothing_from_being_measured(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    box.alarm("ch0", "plan.clock-unsure")
    assert finding(box, "vid.signal").judged.status is Status.PASS
