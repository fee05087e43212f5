"""Watches the box's MQTT certificate while the agent runs: its end, its name, who can read its key.

Guarantees: `judge` is pure, the clock is its argument; `look` may be called once a second and reads the
files every ten seconds at most; an alarm stands as long as its cause does. Nothing here stops the link or a
recording: whether the certificate still opens the door is the broker's decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from agent.formats.config_v1 import AgentConfig
from agent.link.certificates import CertificateFacts, read_certificate
from agent.model.errors import AgentError
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S, ClockQuality, Instant, rfc3339
from agent.runtime.telemetry import Alarm

DAY_NS = 86_400 * NS_PER_S
WARNING_NS = 30 * DAY_NS
CRITICAL_NS = 7 * DAY_NS
LOOK_EVERY_NS = 10 * NS_PER_S
_PREFIX = "mqtt.certificate-"
_RENEW = "run `edgeward enroll`, have the request signed, then `edgeward enroll --install` (docs/broker.md)"
_OTHERS = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The files at one moment. `facts` is None when the certificate can't be read; `problem` says why."""

    facts: CertificateFacts | None
    problem: str | None = None
    key_mode: int | None = None


def judge(seen: Seen, box: str, now: Instant) -> tuple[Alarm, ...]:
    """What a person must know about these files now. No code is the beginning of another one."""
    found = []
    if seen.key_mode is not None and seen.key_mode & _OTHERS:
        found.append(
            _alarm(
                "key-exposed",
                "critical",
                "the private key for MQTT can be read by others",
                "run: chmod 0400 on it; if others may have read it, make a new key and have the old revoked",
            )
        )
    if seen.facts is None:
        text = f"the MQTT certificate can't be used: {seen.problem}"
        return (*found, _alarm("unreadable", "critical", text, _RENEW))
    if seen.facts.name != box:
        name = "no single name" if seen.facts.name is None else f"the name {seen.facts.name!r}"
        text = f"the MQTT certificate has {name}, the box is called {box!r}"
        found.append(_alarm("name", "critical", text, f"the broker takes the box for another one: {_RENEW}"))
    validity = _validity(seen.facts, now)
    return (*found, validity) if validity else tuple(found)


def _validity(facts: CertificateFacts, now: Instant) -> Alarm | None:
    doubt = "" if now.quality is ClockQuality.SYNCED else "; the clock is not synchronised, look at it first"
    if now.wall_ns < facts.not_before_wall_ns:
        text = f"the MQTT certificate is valid only from {rfc3339(facts.not_before_wall_ns)}{doubt}"
        return _alarm("early", "critical", text, "check the clock of the box")
    left_ns = facts.not_after_wall_ns - now.wall_ns
    until = rfc3339(facts.not_after_wall_ns)
    if left_ns <= 0:
        return _alarm("expired", "critical", f"the MQTT certificate ended at {until}{doubt}", _RENEW)
    # The text names the end and no number of days: an alarm is told once and must stay true.
    if left_ns <= CRITICAL_NS:
        text = f"the MQTT certificate ends in less than 7 days, at {until}{doubt}"
        return _alarm("ending", "critical", text, _RENEW)
    if left_ns <= WARNING_NS:
        text = f"the MQTT certificate ends in less than 30 days, at {until}{doubt}"
        return _alarm("ageing", "warning", text, _RENEW)
    return None


def _alarm(code: str, severity: str, text: str, remedy: str) -> Alarm:
    return Alarm(entity="_", code=_PREFIX + code, severity=severity, text=text, remedy=remedy)


class AlarmBook(Protocol):
    """The part of the keeper's book that is written to."""

    @property
    def alarms(self) -> tuple[Alarm, ...]: ...
    def raise_alarm(self, alarm: Alarm) -> None: ...
    def close_alarms(self, entity: str, prefix: str) -> None: ...


def see(certificate: Path, key: Path) -> Seen:
    """Reads both files. Never raises: what can't be read is a finding."""
    try:
        key_mode: int | None = key.stat().st_mode
    except OSError:
        key_mode = None  # the link tells about it: it can't connect
    try:
        return Seen(facts=read_certificate(certificate.read_bytes()), key_mode=key_mode)
    except OSError as error:
        return Seen(facts=None, problem=error.strerror or type(error).__name__, key_mode=key_mode)
    except AgentError as error:
        return Seen(facts=None, problem=error.text, key_mode=key_mode)


def watch_of(config: AgentConfig, book: AlarmBook, clock: Clock) -> CertificateWatch | None:
    """The watch over the files that the configuration names; None when it names none."""
    mqtt = config.mqtt
    if mqtt is None or mqtt.cert_file is None or mqtt.key_file is None:
        return None
    return CertificateWatch(partial(see, mqtt.cert_file, mqtt.key_file), config.box.id, book, clock)


class CertificateWatch:
    """Lives as long as the keeper. `look_at` gives the files' state: `see` with its two paths."""

    def __init__(self, look_at: Callable[[], Seen], box: str, book: AlarmBook, clock: Clock) -> None:
        self._look_at = look_at
        self._box = box
        self._book = book
        self._clock = clock
        self._next_mono_ns = 0

    def look(self) -> None:
        """Raises what is new, closes what is over."""
        now = self._clock.now()
        if now.mono_ns < self._next_mono_ns:
            return
        self._next_mono_ns = now.mono_ns + LOOK_EVERY_NS
        found = judge(self._look_at(), self._box, now)
        codes = {alarm.code for alarm in found}
        for alarm in self._book.alarms:
            if alarm.entity == "_" and alarm.code.startswith(_PREFIX) and alarm.code not in codes:
                self._book.close_alarms("_", alarm.code)
        for alarm in found:
            self._book.raise_alarm(alarm)
