"""The local door: a Unix socket where a technician asks without a network.

Guarantees: only whom the socket's mode (0660) lets in is heard, and the kernel says who that is; one slow,
silent or talkative client costs itself only: sizes, times and the number of clients are bounded; nothing that
a client does raises here. Leaves out what a request means: `answer` gets its bytes and the user's id, on the
event loop's thread. The caller ends it with `close`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.formats import command_v1
from agent.host.files import translate
from agent.model.commands import Answer, Status
from agent.model.errors import AgentError

SOCKET_NAME = "control.sock"
MAX_CLIENTS = 8
TIMEOUT_S = 5.0
_MODE = 0o660
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


class Door:
    """One per keeper. `open` makes the socket; what an earlier run left is replaced."""

    def __init__(self, runtime_dir: Path, answer: Callable[[bytes, int], Answer]) -> None:
        self._path = runtime_dir / SOCKET_NAME
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begins to listen. Raises `AgentError` `disk.*` when the socket can't be made."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fresh = self._path.with_name(SOCKET_NAME + ".new")
        try:
            fresh.unlink(missing_ok=True)
            listener.bind(
                str(fresh)
            )  # nobody can connect before it listens, which is after the mode is right
            fresh.chmod(_MODE)
            fresh.replace(self._path)
            self._server = await asyncio.start_unix_server(self._serve, sock=listener)
        except OSError as error:
            listener.close()
            raise translate(error, self._path, "opening the local door at") from error

    async def close(self) -> None:
        """Listens no more, and hangs up. May be called more than once, and without `open`."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        clients = tuple(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        if me is not None:
            self._clients.add(me)
        try:
            # The client went away, or took too long: its own loss. Or `close`: then this task ends here, and
            # asyncio would report it as an error of the program if it ended as cancelled.
            with suppress(OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(TIMEOUT_S):
                    writer.write(_line(await self._talk(reader, writer)))
                    await writer.drain()
        finally:
            if me is not None:
                self._clients.discard(me)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        if len(self._clients) > MAX_CLIENTS:
            return Answer(
                status=Status.REJECTED,
                reason="door.busy",
                text=f"{MAX_CLIENTS} clients are at the door already",
                advice="try again in a few seconds",
            )
        uid = peer_uid(writer.get_extra_info("socket"))
        # One byte too many is enough to refuse it; the rest is never read.
        data = bytearray()
        while len(data) <= command_v1.MAX_NOTE and (part := await reader.read(command_v1.MAX_NOTE)):
            data += part
        try:
            return self._answer(bytes(data), uid)
        except AgentError as error:  # the ledger failed: the keeper's own next leaf stops it
            return Answer(status=Status.FAILED, reason=error.code, text=error.text, advice=error.advice)


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end, as the kernel noted it when the connection was made."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(found)[1]
    return uid


def _line(answer: Answer) -> bytes:
    return json.dumps(command_v1.answer_fields(answer), ensure_ascii=False).encode() + b"\n"
