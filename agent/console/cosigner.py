"""The witness that runs beside the console, in a thread and over a connection of its own.

Guarantees: it is `edgeward witness run` to the byte; its state directory is locked by this process. A disk
that can't keep its state ends the console, which must not stand for a witness that there is not.
"""

from __future__ import annotations

import asyncio

from agent.console.config import ConsoleConfig
from agent.console.station import World
from agent.formats.signed_note import COSIGNATURE
from agent.ledger.signing import SigningKey, Verifier
from agent.ledger.witness import Witness
from agent.link.wire import LinkSettings
from agent.runtime.witnessing import WitnessDesk, WitnessLoop


class Cosigner:
    """See the module's text."""

    def __init__(self, config: ConsoleConfig, settings: LinkSettings, world: World) -> None:
        """Raises `Refuse` `key.*`, `Halt` `witness.*`. RuntimeError without `[witness]`."""
        if config.witness is None:
            raise RuntimeError("no witness is configured")
        key = SigningKey.load(config.witness.key_file, COSIGNATURE)
        logs = {box.id: Verifier(box.key) for box in config.box}
        self._witness = Witness.open(config.witness.state_dir, key, logs)
        desk = WitnessDesk(config.witness.name, self._witness, world.clock, world.log)
        self._loop = WitnessLoop(settings, desk, world.clock, world.random_01, world.log)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`. Raises what the witness raises."""
        working = asyncio.create_task(asyncio.to_thread(self._loop.run))
        waiting = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({working, waiting}, return_when="FIRST_COMPLETED")
        finally:
            waiting.cancel()
            self._loop.stop()
            await working
            self._witness.close()
