"""The MQTT certificate is judged by a clock that is given: 30 days, 7 days, over; by name; by key mode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.formats import mqtt_v1
from agent.link.certificates import CertificateFacts
from agent.model.times import ClockQuality, rfc3339
from agent.runtime import telemetry
from agent.runtime.certificate_watch import DAY_NS, LOOK_EVERY_NS, CertificateWatch, Seen, judge, see
from agent.runtime.telemetry import Alarm
from tests.fakes.certificates import TestAuthority
from tests.fakes.clock import START_WALL_NS, FakeClock

END_NS = START_WALL_NS + 90 * DAY_NS
FACTS = CertificateFacts(
    name="box-1",
    key_sha256="00",
    not_before_wall_ns=START_WALL_NS,
    not_after_wall_ns=END_NS,
    for_clients=True,
)
GOOD = Seen(facts=FACTS, key_mode=0o100400)


def codes(
    seen: Seen, *, left_ns: int = 60 * DAY_NS, quality: ClockQuality = ClockQuality.SYNCED
) -> list[str]:
    now = FakeClock(wall_ns=END_NS - left_ns).now()
    alarms = judge(seen, "box-1", replace(now, quality=quality))
    return [alarm.code.removeprefix("mqtt.certificate-") for alarm in alarms]


@pytest.mark.parametrize(
    ("left_ns", "expected"),
    [
        (90 * DAY_NS + 1, ["early"]),
        (90 * DAY_NS, []),
        (30 * DAY_NS + 1, []),
        (30 * DAY_NS, ["ageing"]),
        (7 * DAY_NS + 1, ["ageing"]),
        (7 * DAY_NS, ["ending"]),
        (1, ["ending"]),
        (0, ["expired"]),
        (-400 * DAY_NS, ["expired"]),
    ],
)
def test_the_end_comes_nearer(left_ns: int, expected: list[str]) -> None:
    assert codes(GOOD, left_ns=left_ns) == expected


def test_severity_text_and_doubt() -> None:
    clock = FakeClock(wall_ns=END_NS - 8 * DAY_NS)
    (warning,) = judge(GOOD, "box-1", clock.now())
    assert (warning.severity, warning.entity) == ("warning", "_")
    assert rfc3339(END_NS) in warning.text
    clock.advance(2 * 86_400)
    (critical,) = judge(GOOD, "box-1", replace(clock.now(), quality=ClockQuality.UNSYNCED))
    assert critical.severity == "critical"
    assert "clock is not synchronised" in critical.text


@pytest.mark.parametrize("name", ["box-2", "BOX-1", "box-1.example", "", None])
def test_a_wrong_name_is_told_beside_the_end(name: str | None) -> None:
    wrong = replace(GOOD, facts=replace(FACTS, name=name))
    assert codes(wrong) == ["name"]
    assert codes(wrong, left_ns=0) == ["name", "expired"]


@pytest.mark.parametrize(("mode", "expected"), [(0o400, []), (0o600, []), (0o440, ["key-exposed"])])
def test_a_key_that_others_can_read(mode: int, expected: list[str]) -> None:
    assert codes(replace(GOOD, key_mode=0o100000 | mode)) == expected
    assert codes(Seen(facts=None, problem="gone", key_mode=mode)) == [*expected, "unreadable"]


def test_every_alarm_has_a_topic_and_no_code_begins_another() -> None:
    everything = [
        *judge(Seen(facts=None, problem="gone", key_mode=0o444), "box-1", FakeClock().now()),
        *judge(replace(GOOD, facts=replace(FACTS, name="x")), "box-1", FakeClock().now()),
        *(
            alarm
            for left in (91, 29, 6, -1)
            for alarm in judge(GOOD, "box-1", FakeClock(wall_ns=END_NS - left * DAY_NS).now())
        ),
    ]
    names = [alarm.code for alarm in everything]
    assert len(set(names)) == len(names) == 7
    assert not [(a, b) for a in names for b in names if a != b and b.startswith(a)]
    for alarm in everything:
        mqtt_v1.topic("box-1", telemetry.alarm_raised(alarm, 0))


class Book:
    """Alarms as the keeper's book holds them, and what was done."""

    def __init__(self) -> None:
        self.standing: dict[str, Alarm] = {}
        self.log: list[str] = []

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        return tuple(self.standing.values())

    def raise_alarm(self, alarm: Alarm) -> None:
        if alarm.code not in self.standing:
            self.log.append(f"+{alarm.code}")
        self.standing.setdefault(alarm.code, alarm)

    def close_alarms(self, entity: str, prefix: str) -> None:
        for code in [code for code in self.standing if code.startswith(prefix)]:
            assert entity == "_"
            del self.standing[code]
            self.log.append(f"-{code}")


def test_alarms_stand_as_long_as_their_cause() -> None:
    clock, book, seen = FakeClock(wall_ns=END_NS - 30 * DAY_NS), Book(), [GOOD]
    book.raise_alarm(Alarm(entity="_", code="link.down", severity="warning", text="t", remedy="r"))
    watch = CertificateWatch(lambda: seen[0], "box-1", book, clock)
    for _ in range(26 * 24):
        watch.look()
        clock.advance(3600)
    assert book.log[1:] == [
        "+mqtt.certificate-ageing",
        "-mqtt.certificate-ageing",
        "+mqtt.certificate-ending",
    ]
    seen[0] = replace(GOOD, facts=replace(FACTS, not_after_wall_ns=END_NS + 90 * DAY_NS))
    watch.look()
    assert list(book.standing) == ["link.down"]


def test_files_are_read_every_ten_seconds() -> None:
    clock = FakeClock()
    reads: list[int] = []

    def read() -> Seen:
        reads.append(1)
        return GOOD

    watch = CertificateWatch(read, "box-1", Book(), clock)
    for _ in range(121):
        watch.look()
        clock.advance(1)
    assert len(reads) == 1 + 120 * 1_000_000_000 // LOOK_EVERY_NS


def test_real_files_are_seen(tmp_path: Path) -> None:
    certificate, key = TestAuthority().issue(tmp_path, "box-1")
    seen = see(certificate, key)
    assert seen.facts is not None
    assert (seen.facts.name, seen.problem) == ("box-1", None)
    assert seen.key_mode is not None
    assert seen.key_mode & 0o777 == 0o600
    certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert see(certificate, key).problem == "this is not a certificate in PEM"
    certificate.unlink()
    assert see(certificate, key).problem == "No such file or directory"
