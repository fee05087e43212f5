"""A healthy box passes every check; each single fault is found by its own check and by no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.health.checks import CHECKS
from agent.health.engine import run, tasks
from agent.model.finding import Finding, Status
from agent.model.times import NS_PER_S
from tests.fakes.clock import FakeClock
from tests.fakes.sites import FILES, ROUTES, SECURE_BOOT, FakeBox, healthy, lsblk, nft, smartctl, systemctl
from tests.unit.health.box_faults import BOX_FAULTS, Fault
from tests.unit.health.channel_faults import CHANNEL_FAULTS
from tests.unit.health.link_faults import LINK_FAULTS


def findings(box: FakeBox) -> list[Finding]:
    return list(run(tasks(CHECKS, ["ch0"]), box.site(), lambda _task: None))


# What can't be made on that box: its agent runs, and its camera is no capture device.
SKIPPED = [("mqtt.acl", "running"), ("vid.present", "not-configured")]


def cries(box: FakeBox) -> list[tuple[str, Status, str]]:
    return [
        (one.check, one.judged.status, one.judged.message)
        for one in findings(box)
        if one.judged.status not in (Status.PASS, Status.SKIP)
    ]


def test_a_healthy_box_passes_every_check(tmp_path: Path) -> None:
    found = findings(healthy(tmp_path))
    assert [(one.check, one.judged.message) for one in found if one.judged.message != "good"] == [
        ("mqtt.acl", "skipped"),
        ("device.password", "asked"),
        ("vid.present", "skipped"),
    ]
    skipped = [one for one in found if one.judged.status is Status.SKIP]
    assert [(one.check, one.judged.values["reason"]) for one in skipped] == SKIPPED
    assert {one.judged.status for one in found} == {Status.PASS, Status.SKIP}
    assert len(found) == len(CHECKS)


def clock_lost_its_battery(box: FakeBox) -> None:
    box.clock.step_wall(-20 * 365 * 86400)


def memory_is_short(box: FakeBox) -> None:
    box.write("/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 800000 kB\n")


def memory_is_gone(box: FakeBox) -> None:
    box.write("/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 80000 kB\n")


def kernel_killed_something(box: FakeBox) -> None:
    box.write("/proc/vmstat", "oom_kill 2\n")


def too_warm(box: FakeBox) -> None:
    box.write("/sys/class/thermal/thermal_zone1/temp", "80000\n")


def too_hot(box: FakeBox) -> None:
    box.write("/sys/class/thermal/thermal_zone1/temp", "95500\n")


def disk_is_nearly_full(box: FakeBox) -> None:
    kept = box.config.segments.model_copy(update={"keep_free_bytes": 1 << 60})
    box.config = box.config.model_copy(update={"segments": kept})


class SlowDisk(FakeClock):
    """Every look at the monotonic clock finds 200 s gone, as if what came before had taken so long."""

    def mono_ns(self) -> int:
        self._mono_ns += 200 * NS_PER_S
        return super().mono_ns()


def disk_is_slow(box: FakeBox) -> None:
    box.clock = SlowDisk()


def disk_is_failing(box: FakeBox) -> None:
    box.program("smartctl", smartctl(passed=False))


def disk_is_worn(box: FakeBox) -> None:
    box.program("smartctl", smartctl(used=91))


def disk_is_not_encrypted(box: FakeBox) -> None:
    box.program("lsblk", lsblk(crypt=False))


def vault_is_on_a_stick(box: FakeBox) -> None:
    box.program("lsblk", lsblk(removable=True))


def cut_off_once(box: FakeBox) -> None:
    box.probe(unclean_boots=lambda _since_ns: 1)


def cut_off_often(box: FakeBox) -> None:
    box.probe(unclean_boots=lambda _since_ns: 4)


def swap_is_on(box: FakeBox) -> None:
    box.write("/proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n")


def key_is_readable(box: FakeBox) -> None:
    (box.config.box.state_dir / "signing.key").chmod(0o644)


def few_tickets(box: FakeBox) -> None:
    box.probe(ticket_pools=lambda: (("ch0", "low", 2),))


def no_tickets(box: FakeBox) -> None:
    box.probe(ticket_pools=lambda: (("ch0", "empty", 0),))


def ledger_was_changed(box: FakeBox) -> None:
    box.probe(ledger_problems=lambda: (42, ("the first 40 leaves are not those of the checkpoint",)))


def network_is_slow(box: FakeBox) -> None:
    box.write("/sys/class/net/eth0/speed", "100\n")


def cable_is_bad(box: FakeBox) -> None:
    box.write("/sys/class/net/eth0/statistics/rx_crc_errors", "12\n")


def broker_is_dead(box: FakeBox) -> None:
    box.link(connected=False, last_error="mqtt.unreachable")


def broker_refuses(box: FakeBox) -> None:
    box.link(connected=False, last_error="mqtt.connack-87")


def certificate_does_not_fit(box: FakeBox) -> None:
    box.link(connected=False, last_error="mqtt.tls")


def service_is_dead(box: FakeBox) -> None:
    box.program("systemctl", systemctl(state="failed"))


def service_is_not_watched(box: FakeBox) -> None:
    box.program("systemctl", systemctl(watchdog="0"))


def service_was_restarted(box: FakeBox) -> None:
    box.program("systemctl", systemctl(restarts=2))


def something_listens(box: FakeBox) -> None:
    box.write("/proc/net/tcp", FILES["/proc/net/tcp"] + "   4: 00000000:0050 00000000:0000 0A\n")


def secure_boot_is_off(box: FakeBox) -> None:
    box.write(SECURE_BOOT, "\x06\x00\x00\x00\x00")


def a_stick_is_plugged_in(box: FakeBox) -> None:
    box.write("/sys/block/sdb/removable", "1\n")
    box.write("/sys/block/sdb/size", "60000000\n")


def wrong_mode(box: FakeBox) -> None:
    box.channel(width=1920, height=1080)


def wrong_rate(box: FakeBox) -> None:
    box.channel(rate="21")


def breaks_the_spec(box: FakeBox) -> None:
    box.channel(verdict="nonconforming")


def process_dies_often(box: FakeBox) -> None:
    box.channel(restarts=9)


def sealing_is_broken(box: FakeBox) -> None:
    box.probe(sealing_round_trip=lambda: (True, False))


def no_signal(box: FakeBox) -> None:
    box.channel(signal="absent", last_durable_age_s=None)


def nothing_becomes_durable(box: FakeBox) -> None:
    box.channel(last_durable_age_s=31.0)


def kernel_complains(box: FakeBox) -> None:
    box.program("dmesg", "[ 9.9] sd 0:0:0:0: [sda] I/O error\n" * 7)


def a_device_was_unplugged(box: FakeBox) -> None:
    box.program("dmesg", "[ 9.9] usb 1-1: USB disconnect, device number 2\n")


def processor_is_busy(box: FakeBox) -> None:
    box.write("/proc/loadavg", "1.9 1.9 1.9 1/200 1\n")


def processor_is_overloaded(box: FakeBox) -> None:
    box.write("/proc/loadavg", "4.0 4.0 4.0 1/200 1\n")


def vault_is_not_mounted(box: FakeBox) -> None:
    (box.config.box.vault_dir / "vault.json").unlink()


def vault_is_another(box: FakeBox) -> None:
    (box.config.box.vault_dir / "vault.json").write_text('{"v": 1, "id": "another"}')


def no_way_out(box: FakeBox) -> None:
    box.write("/proc/net/route", ROUTES.splitlines()[0] + "\n")


def two_ways_out(box: FakeBox) -> None:
    box.write("/proc/net/route", ROUTES + "eth1 00000000 010B000A 0003 0 0 0 00000000 0 0 0\n")


def name_server_is_dead(box: FakeBox) -> None:
    box.probe(reach=lambda _host, _port: "no-name")


def firewall_drops_our_packets(box: FakeBox) -> None:
    box.probe(reach=lambda _host, _port: "no-answer")


def a_process_leaks(box: FakeBox) -> None:
    box.write("/proc/815/status", "VmRSS: 900000 kB\n")


def an_alarm_is_raised(box: FakeBox) -> None:
    box.status = {**(box.status or {}), "alarms": [{"code": "disk.full"}, {"code": "health.host-temp"}]}


def log_is_volatile(box: FakeBox) -> None:
    (box.root / "var/log/journal/id").unlink()
    (box.root / "var/log/journal").rmdir()


def sandbox_is_loose(box: FakeBox) -> None:
    box.program("systemd-analyze", "→ Overall exposure level for edgeward.service: 9.2 UNSAFE 😨\n")


def ssh_takes_passwords(box: FakeBox) -> None:
    box.program("sshd", "port 22\npasswordauthentication yes\npermitrootlogin no\n")


def there_is_no_firewall(box: FakeBox) -> None:
    box.program("nft", nft("accept"))


def camera_speaks_in_clear(box: FakeBox) -> None:
    [channel] = box.config.channel
    box.change_channel(source=channel.source.model_copy(update={"url": "rtsp://10.0.0.5/stream"}))


class FewInodes:
    """What statvfs(2) says of a file system that is full of small files."""

    f_bavail, f_frsize, f_files, f_favail = 1 << 40, 4096, 1000, 15


# (fault, the check that must find it, how)
FAULTS: tuple[Fault, ...] = (
    (kernel_complains, "host.kernel_log", Status.FAIL, "many"),
    (a_device_was_unplugged, "host.kernel_log", Status.WARN, "some"),
    (processor_is_busy, "host.load", Status.WARN, "busy"),
    (processor_is_overloaded, "host.load", Status.FAIL, "overloaded"),
    (vault_is_not_mounted, "store.vault", Status.FAIL, "missing"),
    (vault_is_another, "store.vault", Status.FAIL, "foreign"),
    (no_way_out, "net.route", Status.WARN, "none"),
    (two_ways_out, "net.route", Status.WARN, "several"),
    (name_server_is_dead, "net.broker", Status.FAIL, "no-name"),
    (firewall_drops_our_packets, "net.broker", Status.FAIL, "no-answer"),
    (a_process_leaks, "svc.memory", Status.FAIL, "leaks"),
    (an_alarm_is_raised, "svc.alarms", Status.WARN, "raised"),
    (log_is_volatile, "svc.journal", Status.WARN, "volatile"),
    (sandbox_is_loose, "svc.exposure", Status.FAIL, "open"),
    (ssh_takes_passwords, "sec.ssh", Status.FAIL, "password"),
    (there_is_no_firewall, "sec.firewall", Status.WARN, "none"),
    (camera_speaks_in_clear, "sec.transport", Status.WARN, "clear"),
    (clock_lost_its_battery, "host.time", Status.FAIL, "impossible"),
    (memory_is_short, "host.mem", Status.WARN, "low"),
    (memory_is_gone, "host.mem", Status.FAIL, "none-left"),
    (kernel_killed_something, "host.mem", Status.FAIL, "killed"),
    (too_warm, "host.temp", Status.WARN, "warm"),
    (too_hot, "host.temp", Status.FAIL, "hot"),
    (disk_is_nearly_full, "store.space", Status.FAIL, "full"),
    (disk_is_slow, "store.write", Status.FAIL, "too-slow"),
    (disk_is_failing, "store.smart", Status.FAIL, "failing"),
    (disk_is_worn, "store.smart", Status.WARN, "worn"),
    (disk_is_not_encrypted, "store.encrypted", Status.WARN, "clear"),
    (vault_is_on_a_stick, "store.encrypted", Status.FAIL, "removable"),
    (cut_off_once, "host.power", Status.WARN, "some"),
    (cut_off_often, "host.power", Status.FAIL, "often"),
    (swap_is_on, "host.swap", Status.WARN, "swap"),
    (key_is_readable, "crypto.key", Status.FAIL, "readable"),
    (few_tickets, "crypto.tickets", Status.WARN, "low"),
    (no_tickets, "crypto.tickets", Status.FAIL, "empty"),
    (ledger_was_changed, "ledger.log", Status.FAIL, "tampered"),
    (network_is_slow, "net.link", Status.WARN, "slow"),
    (cable_is_bad, "net.link", Status.FAIL, "cable"),
    (broker_is_dead, "mqtt.session", Status.FAIL, "unreachable"),
    (broker_refuses, "mqtt.session", Status.FAIL, "refused"),
    (certificate_does_not_fit, "mqtt.session", Status.FAIL, "certificate"),
    (service_is_dead, "svc.unit", Status.FAIL, "not-running"),
    (service_is_not_watched, "svc.unit", Status.WARN, "no-watchdog"),
    (service_was_restarted, "svc.unit", Status.WARN, "restarted"),
    (something_listens, "sec.ports", Status.FAIL, "open"),
    (secure_boot_is_off, "sec.boot", Status.WARN, "off"),
    (a_stick_is_plugged_in, "sec.media", Status.WARN, "plugged"),
    (wrong_mode, "vid.mode", Status.FAIL, "other"),
    (wrong_rate, "vid.fps", Status.FAIL, "off"),
    (breaks_the_spec, "spec.verdict", Status.FAIL, "nonconforming"),
    (process_dies_often, "vid.restarts", Status.FAIL, "often"),
    (sealing_is_broken, "crypto.roundtrip", Status.FAIL, "broken"),
    (no_signal, "vid.signal", Status.FAIL, "absent"),
    (nothing_becomes_durable, "vid.signal", Status.FAIL, "not-stored"),
    *BOX_FAULTS,
    *LINK_FAULTS,
    *CHANNEL_FAULTS,
)


INODES = ((60, Status.WARN, "few"), (5, Status.FAIL, "none-left"))
# statvfs is asked for both; they have tests of their own.
UNTOLD = {("store.inodes", "few"), ("store.inodes", "none-left")}


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {row[1] for row in FAULTS} | {"store.inodes"} == {check.id for check in CHECKS}


@pytest.mark.parametrize(("free", "status", "message"), INODES, ids=["few", "none-left"])
def test_a_file_system_without_inodes_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: Status, message: str
) -> None:
    monkeypatch.setattr(FewInodes, "f_favail", free)
    monkeypatch.setattr("os.statvfs", lambda _path: FewInodes)
    assert cries(healthy(tmp_path)) == [("store.inodes", status, message)]


@pytest.mark.parametrize(
    ("fault", "check", "status", "message"), FAULTS, ids=[row[0].__name__ for row in FAULTS]
)
def test_a_fault_is_found_by_its_check_and_no_other(
    tmp_path: Path, fault: Callable[[FakeBox], None], check: str, status: Status, message: str
) -> None:
    box = healthy(tmp_path)
    fault(box)
    assert cries(box) == [(check, status, message)]


def test_every_message_that_is_bad_has_a_fault() -> None:
    """So each sentence that a technician may read was given at least once by a box that has that fault."""
    told = {(check, message) for _, check, _, message in FAULTS}
    fine = {("plan.state", "outside-hours"), ("device.password", "asked")}
    missing = {(check.id, message) for check in CHECKS for message in check.messages} - told - fine
    assert {pair for pair in missing if pair[1] != "good"} == UNTOLD
