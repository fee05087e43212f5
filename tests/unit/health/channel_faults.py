"""Faults of a channel's device and pictures, one each: (what is broken, the check that must find it, how)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.formats.config_checks import ChecksConfig
from agent.formats.config_sources import V4l2Source
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.health.probed import FirmwareDoubt
from agent.model.finding import Status
from agent.model.outgoing import Json
from tests.fakes.sites import CAMERA, FakeBox, leaf, segment
from tests.unit.health.box_faults import Fault

GRABBER = "/dev/v4l/by-id/usb-grabber-video-index0"
OLD = FirmwareDoubt(
    below=True,
    version="V5.4.0 build 160101",
    required="a build after 210702",
    advisories=("CVE-2021-36260",),
    remedy="update the firmware",
)


def no_profile_knows_it(box: FakeBox) -> None:
    box.probe(device=lambda _ch: replace(CAMERA, known=False, profile="generic/generic-rtsp", floors=False))


def firmware_is_old(box: FakeBox) -> None:
    box.probe(device=lambda _ch: replace(CAMERA, firmware=OLD.version, doubts=(OLD,)))


def firmware_is_of_another_branch(box: FakeBox) -> None:
    box.probe(device=lambda _ch: replace(CAMERA, doubts=(replace(OLD, below=False),)))


def firmware_is_not_told(box: FakeBox) -> None:
    box.probe(device=lambda _ch: replace(CAMERA, firmware=None, doubts=(replace(OLD, below=False),)))


def camera_asks_for_no_login(box: FakeBox) -> None:
    box.probe(knock=lambda _url, _login: "open")


def camera_takes_the_maker_s_login(box: FakeBox) -> None:
    box.settings = ChecksConfig(try_vendor_default=True)
    box.probe(knock=lambda _url, login: "open" if login == ("admin", "12345") else "closed")


def nobody_wrote_a_plan(box: FakeBox) -> None:
    box.change_channel(plan=None)


def _plan(name: str, code: str) -> Callable[[FakeBox], None]:
    def fault(box: FakeBox) -> None:
        box.alarm("ch0", code)

    fault.__name__ = f"plan_{name}"
    return fault


def _grabber(box: FakeBox, path: str = GRABBER, *, mbps: int = 5000) -> None:
    node = f"{box.root}{path}"
    box.write("/dev/video0", "")
    box.write("/sys/devices/usb/2-1/speed", f"{mbps}\n")
    box.write("/sys/devices/usb/2-1/2-1:1.0/name", "")
    (box.root / "sys/class/video4linux/video0").mkdir(parents=True)
    (box.root / "sys/class/video4linux/video0/device").symlink_to(box.root / "sys/devices/usb/2-1/2-1:1.0")
    if path != "/dev/video0":
        box.write(path + ".folder", "")
        (box.root / node[len(str(box.root)) + 1 :]).symlink_to(box.root / "dev/video0")
    box.change_channel(source=V4l2Source(kind="v4l2", device=path))


def grabber_was_unplugged(box: FakeBox) -> None:
    box.change_channel(source=V4l2Source(kind="v4l2", device=GRABBER))


def grabber_s_name_may_change(box: FakeBox) -> None:
    _grabber(box, "/dev/video0")


def grabber_is_on_usb_2(box: FakeBox) -> None:
    _grabber(box, mbps=480)


def _picture(rule: str) -> Callable[[FakeBox], None]:
    def fault(box: FakeBox) -> None:
        # One bad segment behind 19 good ones: what is seen now, and no fault of the hour yet.
        leaves = (*[segment()] * 19, _degraded(rule))
        box.probe(recent_leaves=lambda _s: leaves)

    fault.__name__ = f"picture_{rule.replace('-', '_')}"
    return fault


def _degraded(rule: str) -> Leaf:
    findings: list[Json] = [{"rule": rule, "grade": "degraded"}]
    return leaf(LeafType.SEGMENT, {"channel": "ch0", "verdict": "degraded", "findings": findings})


def _gaps(name: str, *lasted_s: int, cause: str = "source-lost") -> Callable[[FakeBox], None]:
    def fault(box: FakeBox) -> None:
        meant = leaf(LeafType.GAP, {"channel": "ch0", "cause": "stopped", "duration_ms": 9_000_000})
        found = tuple(
            leaf(LeafType.GAP, {"channel": "ch0", "cause": cause, "duration_ms": 1000 * lasted})
            for lasted in lasted_s
        )
        box.probe(recent_leaves=lambda _s: (meant, *found, segment()))

    fault.__name__ = f"gaps_{name}"
    return fault


def pictures_come_unevenly(box: FakeBox) -> None:
    box.channel(jitter_p99_ms=80)


def pictures_come_in_jerks(box: FakeBox) -> None:
    box.channel(jitter_p99_ms=400)


def a_segment_of_the_hour_was_bad(box: FakeBox) -> None:
    leaves = (segment("rate"), *[segment()] * 19)
    box.probe(recent_leaves=lambda _s: leaves)


def the_hour_was_bad(box: FakeBox) -> None:
    leaves = (*[segment("size", "rate")] * 5, segment())
    box.probe(recent_leaves=lambda _s: leaves)


def judge_is_blind(box: FakeBox) -> None:
    box.probe(enforces=lambda _ch: (True, False))


def judge_is_too_strict(box: FakeBox) -> None:
    box.probe(enforces=lambda _ch: (False, True))


CHANNEL_FAULTS: tuple[Fault, ...] = (
    (no_profile_knows_it, "device.known", Status.WARN, "unknown"),
    (firmware_is_old, "device.firmware", Status.FAIL, "old"),
    (firmware_is_of_another_branch, "device.firmware", Status.WARN, "unsure"),
    (firmware_is_not_told, "device.firmware", Status.WARN, "not-told"),
    (camera_asks_for_no_login, "device.password", Status.FAIL, "none"),
    (camera_takes_the_maker_s_login, "device.password", Status.FAIL, "shipped"),
    (nobody_wrote_a_plan, "plan.state", Status.FAIL, "missing"),
    (_plan("forbids_the_place", "plan.place-forbidden"), "plan.state", Status.FAIL, "refused"),
    (_plan("has_a_doubtful_clock", "plan.clock-unsure"), "plan.state", Status.WARN, "clock"),
    (grabber_was_unplugged, "vid.present", Status.FAIL, "missing"),
    (grabber_s_name_may_change, "vid.present", Status.WARN, "unstable"),
    (grabber_is_on_usb_2, "vid.present", Status.WARN, "slow-port"),
    (_picture("no-signal"), "vid.content", Status.FAIL, "no-signal"),
    (_picture("black"), "vid.content", Status.FAIL, "black"),
    (_picture("frozen"), "vid.content", Status.FAIL, "frozen"),
    (_picture("covered"), "vid.content", Status.FAIL, "covered"),
    (_picture("defocused"), "vid.content", Status.WARN, "defocused"),
    (_gaps("of_a_minute", 40, 20), "vid.gaps", Status.WARN, "some"),
    (_gaps("of_an_examination", 900, cause="disk"), "vid.gaps", Status.FAIL, "many"),
    (pictures_come_unevenly, "vid.jitter", Status.WARN, "uneven"),
    (pictures_come_in_jerks, "vid.jitter", Status.FAIL, "jerky"),
    (a_segment_of_the_hour_was_bad, "spec.hour", Status.WARN, "some"),
    (the_hour_was_bad, "spec.hour", Status.FAIL, "many"),
    (judge_is_blind, "spec.enforce", Status.FAIL, "blind"),
    (judge_is_too_strict, "spec.enforce", Status.WARN, "strict"),
)
