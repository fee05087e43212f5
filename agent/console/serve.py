"""The console's process: database, MQTT, HTTP, signals.

Guarantees: the address is ours before anything else starts; the first start says the one-time secret of
`admin` to stderr, once; a signal ends streams, writes what waits, and leaves. Leaves out reading the file
(`agent/cli/verbs/console.py`).
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from agent.console.config import ConsoleConfig
from agent.console.cosigner import Cosigner
from agent.console.station import Station, World
from agent.console.web import make_web
from agent.link.wire import LinkSettings
from agent.model.errors import Retry

MOST_CONNECTIONS = 1000
_BACKLOG = 128
_LEAVE_S = 3


class _Server(uvicorn.Server):
    """uvicorn without its own signals: ours end streams first."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    config: ConsoleConfig, settings: LinkSettings, world: World, metrics_token: str | None,
    witness: Cosigner | None,
) -> None:  # fmt: skip
    """Until a signal. Raises `Retry` `console.address`, `console.database`, `Halt`, `Refuse`."""
    listening = _listen(config)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    station = Station(config, settings, world)
    try:
        door = await station.load()
        try:
            secret = await door.first_admin(world.clock.now())
            if secret is not None:
                world.log(f"first start: log in as admin with the one-time secret {secret}")
            server = _Server(_uvicorn(config, make_web(config, station, door, metrics_token)))
            scheme = "https" if config.console.tls else "http"
            host, port = listening.getsockname()[:2]
            world.log(f"listens on {scheme}://{f'[{host}]' if ':' in host else host}:{port}/")
            async with asyncio.TaskGroup() as group:
                group.create_task(station.run(stopping), name="station")
                group.create_task(_http(server, listening, stopping), name="http")
                if witness is not None:
                    group.create_task(witness.run(stopping), name="witness")
        finally:
            door.close()
    finally:
        await station.close()
        listening.close()


async def _http(server: _Server, listening: socket.socket, stopping: asyncio.Event) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await asyncio.wait(
        {serving, waiting := asyncio.create_task(stopping.wait())}, return_when="FIRST_COMPLETED"
    )
    waiting.cancel()
    server.should_exit = True
    await serving
    if not stopping.is_set():
        raise Retry("console.http", "the HTTP server ended by itself", "see the lines above", after_s=5)


def _uvicorn(config: ConsoleConfig, app: ASGIApp) -> uvicorn.Config:
    console = config.console
    return uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", log_level="warning", access_log=False,
        proxy_headers=False, server_header=False, limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=_LEAVE_S, ssl_certfile=console.cert_file, ssl_keyfile=console.key_file,
    )  # fmt: skip


def _listen(config: ConsoleConfig) -> socket.socket:
    """The socket that people reach us at. Retry `console.address`."""
    host, port = config.console.listen, config.console.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        text = f"can't listen on {host} port {port}: {error.strerror}"
        raise Retry("console.address", text, "choose another port, or end who has it", after_s=5) from error
    return made
