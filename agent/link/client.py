"""The link's thread: empties the outbox over MQTT 5 as long as there is a broker.

Guarantees: one thread of its own owns the socket and its own connection to the outbox; recording never
waits for it. A message leaves the outbox only on a PUBACK below 0x80. `stop` is prompt: every wait ends
when woken (only opening a socket may take its 5 s). What comes in goes into the inbox, unread. A dead thread
shows in `is_alive` and is replaced by `restart_if_dead`. The caller calls `notify` after a `put`, and `stop`
once at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.link.inbox import Inbox
from agent.link.outbox import Outbox
from agent.link.runner import Birth, Counts, Runner
from agent.link.waker import Waker
from agent.link.wire import LinkSettings, Secret
from agent.model.errors import Halt, Retry
from agent.model.ports.clock import Clock

__all__ = ["Link", "LinkSettings", "LinkStats", "Secret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStats:
    """Since `start`. `last_error` is a code, kept until the next error.

    `deaf` is the code of the broker's refusal to give us commands, None when it does or was not asked yet.
    """

    sent: int
    refused: int
    reconnects: int
    restarts: int
    last_error: str | None
    deaf: str | None = None


class Link:
    """See the module's text. `random` gives numbers in [0, 1); `birth` the birth message's body.

    Without an `inbox` it subscribes to nothing.
    """

    def __init__(
        self,
        settings: LinkSettings,
        outbox_path: Path,
        boot: str,
        clock: Clock,
        birth: Birth,
        random: Callable[[], float],
        inbox: Inbox | None = None,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._outbox_path = outbox_path
        self._boot = boot
        self._clock = clock
        self._birth = birth
        self._random = random
        self._counts = Counts()
        self._stopping = threading.Event()
        self._waker = Waker()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. RuntimeError when it was started before."""
        if self._thread is not None:
            raise RuntimeError("a link is started once")
        self._spawn()

    def stop(self, timeout_s: float) -> bool:
        """Send what waits, publish `offline`, wait for its PUBACK. False when that took too long."""
        self._stopping.set()
        self.notify()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._waker.close()
        return True

    def notify(self) -> None:
        """Something was put into the outbox. May be called from any thread, at any time."""
        self._waker.wake()

    def rebirth(self, delay_s: float) -> None:
        """Say birth, status and all retained messages again, `delay_s` from now."""
        self._counts.rebirth_s = delay_s
        self.notify()

    def announce_maintenance(self, on: bool) -> None:
        """From now on each new connection says `maintenance` in the place of `online`, or no longer."""
        self._counts.maintenance = on

    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def restart_if_dead(self) -> bool:
        """Start a new thread in place of one that died. True when that was needed."""
        if self._thread is None or self._thread.is_alive() or self._stopping.is_set():
            return False
        self._counts.restarts += 1
        self._spawn()
        return True

    @property
    def connected(self) -> bool:
        """True between a good CONNACK and the loss of that connection."""
        return self._counts.online and self.is_alive()

    @property
    def stats(self) -> LinkStats:
        counts = self._counts
        return LinkStats(
            sent=counts.sent,
            refused=counts.refused,
            reconnects=max(0, counts.connects - 1),
            restarts=counts.restarts,
            last_error=counts.last_error,
            deaf=counts.deaf,
        )

    def _spawn(self) -> None:
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                try:
                    outbox = Outbox.open(self._outbox_path, self._settings.box, self._boot)
                    try:
                        runner = Runner(
                            self._settings,
                            self._boot,
                            self._clock,
                            self._birth,
                            self._random,
                            outbox,
                            self._counts,
                            self._stopping,
                            self._waker.out,
                            self._inbox,
                        )
                        runner.run()
                    finally:
                        outbox.close()
                    return
                except Retry as error:  # the disk is full or busy: that passes
                    self._counts.last_error = error.code
                    if self._stopping.wait(error.after_s):
                        return
                except Halt as error:
                    self._counts.last_error = error.code
                    raise
        finally:
            self._counts.online = False
