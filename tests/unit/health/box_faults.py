"""Faults of the box itself, one each: (what is broken, the check that must find it, how)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from agent.formats.ledger_v1 import LeafType
from agent.model.finding import Status
from agent.model.times import NS_PER_S, ClockQuality, Instant
from tests.fakes.clock import FakeClock
from tests.fakes.sites import (
    BOOTED_S,
    KERNEL,
    LIMITS,
    PACKAGES,
    PASSWD,
    ROUTES,
    SHADOW,
    FakeBox,
    leaf,
    segment,
    systemctl,
)

Fault: TypeAlias = tuple[Callable[[FakeBox], None], str, Status, str]
RTC = "/sys/class/rtc/rtc0/since_epoch"


def board_clock_drifts(box: FakeBox) -> None:
    box.write(RTC, f"{BOOTED_S + 86_400 + 40}\n")


def board_battery_is_empty(box: FakeBox) -> None:
    box.write(RTC, "946684800\n")


def clock_was_set_once(box: FakeBox) -> None:
    box.probe(recent_leaves=lambda _s: (segment(), leaf(LeafType.CLOCK_STEP, {"step_ms": -1500})))


def clock_jumps(box: FakeBox) -> None:
    steps = (leaf(LeafType.CLOCK_STEP, {"step_ms": step}) for step in (900, -900, 60_000))
    found = (segment(), *steps)
    box.probe(recent_leaves=lambda _s: found)


def updated_without_a_restart(box: FakeBox) -> None:
    box.installed_s = BOOTED_S + 86_000.0


def unit_was_changed(box: FakeBox) -> None:
    box.program("systemctl", systemctl(reload="yes"))


def vault_is_on(kind: str, options: str = "rw") -> Callable[[FakeBox], None]:
    def fault(box: FakeBox) -> None:
        line = f"40 22 0:50 / {box.config.box.vault_dir} {options},noatime - {kind} none {options}\n"
        box.write("/proc/self/mountinfo", f"22 1 259:2 / / rw - ext4 /dev/sda1 rw\n{line}")

    fault.__name__ = f"vault_is_on_{kind}_{options}"
    return fault


def disk_is_never_trimmed(box: FakeBox) -> None:
    box.program("systemctl is-enabled", "disabled\n")


def agent_may_dump_core(box: FakeBox) -> None:
    box.write("/proc/815/limits", LIMITS.replace("  0   ", "  unlimited"))


def pictures_are_swapped_out(box: FakeBox) -> None:
    box.write("/proc/815/status", "VmRSS: 60000 kB\nVmSwap: 320 kB\n")


def one_custodian_only(box: FakeBox) -> None:
    custodians = box.config.custodians
    few = custodians.model_copy(update={"recipients": custodians.recipients[:1]})
    box.config = box.config.model_copy(update={"custodians": few})


def recordings_are_overdue(box: FakeBox) -> None:
    box.alarm("_", "retention.overdue")


class UnsyncedClock(FakeClock):
    """Tells that nobody sets it."""

    def now(self) -> Instant:
        return replace(super().now(), quality=ClockQuality.UNSYNCED)


def clock_is_not_synchronised(box: FakeBox) -> None:
    box.clock = UnsyncedClock()


class LaggingDisk(FakeClock):
    """Each look at the monotonic clock finds 67 s gone: 4 Mbit/s, twice what is needed."""

    def mono_ns(self) -> int:
        self._mono_ns += 67 * NS_PER_S
        return super().mono_ns()


def disk_is_rather_slow(box: FakeBox) -> None:
    box.clock = LaggingDisk()


def disk_lasts_two_days(box: FakeBox) -> None:
    disk = os.statvfs(box.config.box.vault_dir)
    free = disk.f_bavail * disk.f_frsize
    box.channel(bitrate_bps=free * 8 // (48 * 3600))


def a_process_grows(box: FakeBox) -> None:
    box.write("/proc/815/status", "VmRSS: 400000 kB\nVmSwap: 0 kB\n")


def sandbox_is_a_little_loose(box: FakeBox) -> None:
    box.program("systemd-analyze", "→ Overall exposure level for edgeward.service: 3.1 OK 🙂\n")


def recording_is_only_just_good(box: FakeBox) -> None:
    box.channel(verdict="degraded")


def process_died_once(box: FakeBox) -> None:
    box.channel(restarts=1)


def processor_was_throttled(box: FakeBox) -> None:
    box.write("/sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "17\n")


def supply_is_too_weak(box: FakeBox) -> None:
    box.write("/sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")


def an_account_has_no_password(box: FakeBox) -> None:
    box.write("/etc/shadow", SHADOW + "guest::19000:0:99999:7:::\n")


def there_is_a_second_root(box: FakeBox) -> None:
    box.write("/etc/passwd", PASSWD + "toor:x:0:0::/root:/bin/sh\n")


def a_new_kernel_waits(box: FakeBox) -> None:
    box.write_at(KERNEL, BOOTED_S + 60)


def a_library_waits_for_a_restart(box: FakeBox) -> None:
    box.write("/run/reboot-required", "*** System restart required ***\n")


def nobody_updates_the_system(box: FakeBox) -> None:
    box.write_at(PACKAGES, BOOTED_S - 200 * 86_400)


def cameras_are_on_the_way_out(box: FakeBox) -> None:
    box.write("/proc/net/route", ROUTES + "eth0 0000000A 00000000 0001 0 0 0 000000FF 0 0 0\n")


BOX_FAULTS: tuple[Fault, ...] = (
    (clock_is_not_synchronised, "host.time", Status.WARN, "unsynced"),
    (disk_is_rather_slow, "store.write", Status.WARN, "slow"),
    (disk_lasts_two_days, "store.space", Status.WARN, "short"),
    (a_process_grows, "svc.memory", Status.WARN, "large"),
    (sandbox_is_a_little_loose, "svc.exposure", Status.WARN, "loose"),
    (recording_is_only_just_good, "spec.verdict", Status.WARN, "degraded"),
    (process_died_once, "vid.restarts", Status.WARN, "some"),
    (board_clock_drifts, "host.rtc", Status.WARN, "drifts"),
    (board_battery_is_empty, "host.rtc", Status.FAIL, "lost"),
    (clock_was_set_once, "host.steps", Status.WARN, "some"),
    (clock_jumps, "host.steps", Status.FAIL, "often"),
    (updated_without_a_restart, "host.version", Status.WARN, "restart"),
    (unit_was_changed, "host.version", Status.WARN, "reload"),
    (vault_is_on("tmpfs"), "store.filesystem", Status.FAIL, "in-memory"),
    (vault_is_on("nfs4"), "store.filesystem", Status.WARN, "unknown"),
    (vault_is_on("ext4", "ro"), "store.filesystem", Status.FAIL, "read-only"),
    (disk_is_never_trimmed, "store.trim", Status.WARN, "never"),
    (agent_may_dump_core, "sec.core", Status.WARN, "cores"),
    (pictures_are_swapped_out, "sec.core", Status.FAIL, "swapped"),
    (one_custodian_only, "crypto.custodians", Status.WARN, "no-spare"),
    (processor_was_throttled, "host.throttle", Status.WARN, "throttled"),
    (supply_is_too_weak, "host.throttle", Status.FAIL, "voltage"),
    (an_account_has_no_password, "sec.accounts", Status.FAIL, "no-password"),
    (there_is_a_second_root, "sec.accounts", Status.FAIL, "second-root"),
    (a_new_kernel_waits, "sec.update", Status.WARN, "restart"),
    (a_library_waits_for_a_restart, "sec.update", Status.WARN, "restart"),
    (nobody_updates_the_system, "sec.update", Status.WARN, "old"),
    (cameras_are_on_the_way_out, "net.route", Status.WARN, "shared"),
    (recordings_are_overdue, "retention.overdue", Status.WARN, "overdue"),
)
