"""What is told of a channel's plan: one leaf and one alarm for each change, none for each tick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agent.device.profiles import ProfileSet, load_profiles
from agent.formats.config_v1 import ChannelConfig
from agent.formats.ipc_v1 import DeviceTold
from agent.formats.ledger_v1 import LeafType
from agent.model.errors import Refuse
from agent.model.outgoing import Json, Outgoing
from agent.model.times import NS_PER_S, ClockQuality, Instant
from agent.runtime.plan_gate import Allowed, Refused
from agent.runtime.plan_watch import ASK_DEVICE_AGAIN_NS, PlanWatch
from tests.unit.runtime.vaults import Run, SmallBox

# FakeClock begins at 2026-11-24T00:00:00Z, a Tuesday.
MORNING = {"zone": "UTC", "hours": ["tue 08:00-12:00"]}
HOUR_NS = 3600 * NS_PER_S


class Watched:
    """A watch on a small box, and what it wrote."""

    def __init__(self, box: SmallBox, run: Run) -> None:
        self.box = box
        self.run = run
        self.twins: list[Mapping[str, Json]] = []
        run.book.tell = self._heard  # type: ignore[method-assign] # there is no outbox here

    def _heard(self, message: Outgoing) -> None:
        if message.kind == "twin" and message.body is not None:
            self.twins.append(message.body)

    def watch(
        self, *, level: int = 4, source: str = "synthetic", plan: dict[str, object] | None = None
    ) -> PlanWatch:
        places: dict[str, dict[str, object]] = {
            "onvif": {"kind": "onvif", "url": "http://127.0.0.1"},
            "rtsp": {"kind": "rtsp", "url": "rtsp://127.0.0.1/x"},
            "file": {"kind": "file", "path": "/nothing.mp4"},
        }
        kind, _, profile = source.partition(":")
        places["rtsp"].update({"profile": profile} if profile else {})
        [channel] = self.box.config.channel
        raw = channel.model_dump(exclude={"plan", "source"})
        table = {"scene": "imaging-diagnosis", "place": ["lab"], "responsible": "head", "policy": "1"}
        config = ChannelConfig.model_validate(
            {
                **raw,
                "level": level,
                "source": places.get(kind, {"kind": "synthetic"}),
                "plan": {**table, **plan} if plan is not None else table,
            }
        )
        return PlanWatch(config, self.run.book, load_profiles)

    def refused(self) -> list[str]:
        return [
            str(one.body["code"]) for one in self.run.booted.ledger.leaves() if one.type is LeafType.REFUSED
        ]

    def alarms(self) -> list[tuple[str, str]]:
        return [(alarm.code, alarm.severity) for alarm in self.run.book.alarms]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    box = SmallBox(tmp_path)
    with box.running() as run:
        yield Watched(box, run)


def at(hours: float, quality: ClockQuality = ClockQuality.SYNCED) -> Instant:
    """So many hours after the small box's clock began."""
    moved = round(hours * HOUR_NS)
    return Instant(wall_ns=1_795_478_400_000_000_000 + moved, mono_ns=NS_PER_S + moved, quality=quality)


def told(manufacturer: str) -> DeviceTold:
    return DeviceTold(
        manufacturer=manufacturer, model="X", firmware="1", serial=None, clock_ahead_ms=None,
        media_profile=None, written=(), differences=(),
    )  # fmt: skip


def test_a_refusal_is_one_leaf_and_one_alarm_however_often_it_is_asked(watched: Watched) -> None:
    watch = watched.watch(plan={"schedule": MORNING})
    for second in range(20):
        assert isinstance(watch.ask(at(second / 3600), running=False), Refused)
    assert watched.refused() == ["plan.outside-schedule"]
    assert watched.alarms() == [("plan.outside-schedule", "warning")]
    assert watch.ask(at(8), running=False) == Allowed(level=4)
    assert watched.alarms() == []
    assert isinstance(watch.ask(at(12), running=True), Refused)
    assert watched.refused() == ["plan.outside-schedule"] * 2, "it is refused anew"


def test_the_leaf_says_what_was_refused_and_by_which_plan(watched: Watched) -> None:
    watched.watch(plan={"place": ["ward-3-bathroom"]}).ask(at(0), running=False)
    [leaf] = [one for one in watched.run.booted.ledger.leaves() if one.type is LeafType.REFUSED]
    assert dict(leaf.body) == {
        "what": "capture",
        "channel": "ch0",
        "code": "plan.place-forbidden",
        "text": "nothing may be collected in a bathroom, and the plan's place is ward-3-bathroom",
        "advice": "take the camera away from there; no setting allows this",
        "category": "dt",
        "level": 4,
        "plan": {
            "scene": "imaging-diagnosis",
            "place": ["ward-3-bathroom"],
            "responsible": "head",
            "policy": "1",
        },
    }
    assert watched.alarms() == [("plan.place-forbidden", "critical")]


def test_without_a_plan_the_leaf_says_so(watched: Watched) -> None:
    [channel] = watched.box.config.channel
    watch = PlanWatch(channel.model_copy(update={"plan": None}), watched.run.book)
    assert isinstance(watch.ask(at(0), running=False), Refused)
    [leaf] = [one for one in watched.run.booted.ledger.leaves() if one.type is LeafType.REFUSED]
    assert (leaf.body["code"], leaf.body["plan"]) == ("plan.missing", None)
    assert watched.alarms() == [("plan.missing", "critical")]


def test_a_doubted_clock_is_an_alarm_as_long_as_it_is_doubted(watched: Watched) -> None:
    watch = watched.watch(plan={"schedule": MORNING})
    assert watch.ask(at(11, ClockQuality.UNSYNCED), running=True) == Allowed(level=4, clock_doubted=True)
    assert watch.ask(at(13, ClockQuality.UNSYNCED), running=True) == Allowed(level=4, clock_doubted=True)
    assert watched.alarms() == [("plan.clock-unsure", "warning")]
    assert isinstance(watch.ask(at(13), running=True), Refused), "the clock is right, and it is too late"
    assert watched.alarms() == [("plan.outside-schedule", "warning")]


def test_an_rtsp_camera_tells_nothing_and_is_an_unknown_device(watched: Watched) -> None:
    assert watched.watch(source="rtsp").ask(at(0), running=False) == Allowed(level=4)
    assert watched.alarms() == [("device.unknown", "warning")]
    answer = watched.watch(source="rtsp", level=3).ask(at(0), running=False)
    assert isinstance(answer, Refused)
    assert answer.code == "plan.device-forbids"


def test_an_rtsp_camera_whose_profile_is_declared(watched: Watched) -> None:
    watch = watched.watch(source="rtsp:hikvision/any-camera", level=3)
    assert watch.ask(at(0), running=False) == Allowed(level=3)
    assert watched.alarms() == []
    twin = watched.twins[-1]
    assert (twin["profile"], twin["trust"], twin["model"]) == ("hikvision/any-camera", "declared", None)


@pytest.mark.parametrize("profile", ["nobody/nothing", "generic/generic-onvif", "elgato/cam-link-4k"])
def test_what_can_not_be_declared_is_unknown(watched: Watched, profile: str) -> None:
    answer = watched.watch(source=f"rtsp:{profile}", level=3).ask(at(0), running=False)
    assert isinstance(answer, Refused)
    assert ("device.unknown", "warning") in watched.alarms()
    assert any(profile in alarm.text for alarm in watched.run.book.alarms)


def test_firmware_below_the_floor_is_an_alarm_until_it_is_updated(watched: Watched) -> None:
    watch = watched.watch(source="onvif")
    old = replace(told("HIKVISION"), model="DS-2CD2042FWD", firmware="V5.3.0 build 151116")
    watch.device_told(old, at(0), running=False)
    [alarm] = [one for one in watched.run.book.alarms if one.code == "device.firmware"]
    assert "CVE-" in alarm.text
    assert watched.twins[-1]["firmware_findings"]
    watch.device_told(replace(old, firmware="V5.8.0 build 300101"), at(1), running=False)
    assert "device.firmware" not in [code for code, _ in watched.alarms()]


def test_a_file_is_no_device(watched: Watched) -> None:
    assert watched.watch(source="file", level=2).ask(at(0), running=False) == Allowed(level=2)
    assert watched.alarms() == []


def test_a_camera_that_is_asked_is_judged_when_it_has_told(watched: Watched) -> None:
    watch = watched.watch(source="onvif", level=3)
    assert watch.ask(at(0), running=False) == Allowed(level=3), "provisionally: nobody knows what it is"
    assert watched.alarms() == []
    answer = watch.device_told(told("Nobody"), at(0), running=False)
    assert isinstance(answer, Refused)
    assert watched.refused() == ["plan.device-forbids"]
    assert set(watched.alarms()) == {("device.unknown", "warning"), ("plan.device-forbids", "critical")}


def test_a_camera_that_could_not_be_asked_is_an_unknown_one(watched: Watched) -> None:
    answer = watched.watch(source="onvif", level=3).device_told(None, at(0), running=False)
    assert isinstance(answer, Refused)
    assert answer.code == "plan.device-forbids"


def test_a_refused_camera_is_asked_again_after_a_minute_without_another_leaf(watched: Watched) -> None:
    watch = watched.watch(source="onvif", level=3)
    first = at(0)
    watch.device_told(told("Nobody"), first, running=False)
    almost = Instant(
        wall_ns=first.wall_ns, mono_ns=first.mono_ns + ASK_DEVICE_AGAIN_NS - 1, quality=ClockQuality.SYNCED
    )
    assert isinstance(watch.ask(almost, running=False), Refused)
    later = Instant(wall_ns=first.wall_ns, mono_ns=almost.mono_ns + 1, quality=ClockQuality.SYNCED)
    assert watch.ask(later, running=False) == Allowed(level=3), "open it, and see what it is now"
    assert ("plan.device-forbids", "critical") in watched.alarms(), "nothing is better yet"
    assert isinstance(watch.device_told(told("Nobody"), later, running=False), Refused)
    assert watched.refused() == ["plan.device-forbids"]
    assert watch.device_told(told("Axis"), later, running=False) == Allowed(level=3), "it was replaced"
    assert watched.alarms() == []


def test_profiles_that_cannot_be_read_let_nothing_through(watched: Watched) -> None:
    def broken() -> ProfileSet:
        raise Refuse("profiles.broken", "the device profiles can't be used: x", "correct them")

    [channel] = watched.box.config.channel
    watch = PlanWatch(channel, watched.run.book, broken)
    assert isinstance(watch.ask(at(0), running=False), Refused)
    assert isinstance(watch.ask(at(0), running=True), Refused)
    assert watched.refused() == ["plan.no-profiles"]
