"""What is watched of the box itself: its clock, its link to the controller, its disk, its keeper.

Guarantees: a clock step becomes a leaf and an alarm; a link that is refused, or down for `DOWN_NS`, is an
alarm that says why until it is up again; nothing here ever stops a recording. Called once a second from
the keeper's loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import psutil

from agent.formats.ledger_v1 import LeafType
from agent.link.client import LinkStats
from agent.model.errors import AgentError
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime import telemetry
from agent.runtime.book import Book
from agent.runtime.clock_watch import ClockWatch
from agent.runtime.telemetry import Alarm
from agent.vault.store import free_bytes

DOWN_NS = 60 * NS_PER_S
# Reason codes of docs/formats/mqtt-v1.md and what a person can do about them; the first that fits.
_REFUSED = ("mqtt.connack-8", "mqtt.tls")
_REMEDIES = (
    ("mqtt.connack-8", "check the box's name, password or certificate, and the broker's list of boxes"),
    ("mqtt.tls", "check both certificates and the clock"),
    ("mqtt.unreachable", "check the network, and the broker's address and port"),
    ("mqtt.", "look at the broker's log; the box tries again by itself"),
    ("", "look at the log; the box tries again by itself"),
)


class WatchedLink(Protocol):
    """The part of the link that is watched."""

    @property
    def connected(self) -> bool: ...
    @property
    def stats(self) -> LinkStats: ...
    def restart_if_dead(self) -> bool: ...


class BoxWatch:
    """Lives as long as the keeper. `link` is None where no broker is configured."""

    def __init__(self, vault: Path, link: WatchedLink | None, book: Book, clock: Clock) -> None:
        self._vault = vault
        self._link = link
        self._book = book
        self._clock = clock
        self._clock_watch = ClockWatch()
        self._up_mono_ns = clock.mono_ns()

    def look(self) -> None:
        """Notices what changed since the last look."""
        self._look_at_clock()
        if self._link is not None:
            self._look_at_link(self._link)

    def report(self) -> None:
        """Sends the box's measurements."""
        process = psutil.Process()
        times = process.cpu_times()
        self._book.tell(
            telemetry.box_measurement(
                cpu_s=times.user + times.system,
                rss_bytes=process.memory_info().rss,
                free_bytes=self._free_bytes(),
                outbox_rows=self._book.outbox_rows(),
                outbox_failures=self._book.outbox_failures,
                alarms=len(self._book.alarms),
            )
        )

    def link_facts(self) -> dict[str, Json] | None:
        """For the status file."""
        if self._link is None:
            return None
        stats = self._link.stats
        return {
            "connected": self._link.connected,
            "sent": stats.sent,
            "reconnects": stats.reconnects,
            "last_error": stats.last_error,
        }

    def _look_at_clock(self) -> None:
        now = self._clock.now()
        step_ns = self._clock_watch.look(now)
        if step_ns is not None:
            step_ms = round(step_ns / 1e6)
            self._book.leaf(LeafType.CLOCK_STEP, {"step_ms": step_ms}, event=True, checkpoint=True)
            self._alarm(
                "clock.stepped",
                f"the wall clock was set by {step_ms / 1000:+.3f} s while the agent ran",
                "check the time server and the battery of the box; times before are as they were",
            )
        elif self._clock_watch.calm(now):
            self._book.close_alarms("_", "clock.")

    def _look_at_link(self, link: WatchedLink) -> None:
        if link.restart_if_dead():
            self._alarm(
                "link.died",
                "the MQTT link stopped by itself and was started again",
                "send the log to support; recording was not touched",
            )
        if link.connected:
            self._up_mono_ns = self._clock.mono_ns()
            self._book.close_alarms("_", "link.")
            return
        why = link.stats.last_error or "no answer yet"
        if why.startswith(_REFUSED) or self._clock.mono_ns() - self._up_mono_ns > DOWN_NS:
            remedy = next(text for prefix, text in _REMEDIES if why.startswith(prefix))
            self._alarm("link.down", f"no connection to the controller's broker ({why})", remedy)

    def _free_bytes(self) -> int | None:
        try:
            return free_bytes(self._vault)
        except AgentError as error:
            self._alarm(error.code, error.text, error.advice, severity="critical")
            return None

    def _alarm(self, code: str, text: str, remedy: str, *, severity: str = "warning") -> None:
        self._book.raise_alarm(Alarm(entity="_", code=code, severity=severity, text=text, remedy=remedy))
