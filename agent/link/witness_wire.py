"""The witness's connection: the box's wire without a will, because a witness has no box to speak for.

Guarantees and duties are those of `wire.Wire`; the caller subscribes after each `Connack`.
"""

from __future__ import annotations

from agent.link.wire import LinkSettings, Wire


class WitnessWire(Wire):
    """One connection; `settings.box` is the witness's client id."""

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__(settings, b"")
        self._client.will_clear()
