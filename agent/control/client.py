"""The other side of the local door, for command-line programs.

Guarantees: blocks for at most `TIMEOUT_S` at each step; every failure is an `AgentError`. Leaves out what the
answer means: a refused command is an answer, too. Answers have the fields of docs/formats/commands-v1.md.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agent.control.door import SOCKET_NAME
from agent.formats import command_v1
from agent.model.commands import CommandType
from agent.model.errors import Refuse, Retry
from agent.model.outgoing import Json

TIMEOUT_S = 15.0
_MAX_ANSWER = 64 * 1024


def ask(runtime_dir: Path, type: CommandType, args: Mapping[str, Json]) -> Mapping[str, Json]:
    """Asks the keeper unsigned. Raises `Refuse` `command.bad`, and as `send_note`."""
    return _exchange(runtime_dir, command_v1.encode_request(type, args))


def send_note(runtime_dir: Path, note: bytes) -> Mapping[str, Json]:
    """Hands a signed note in. Raises `Retry` `door.none`, `door.no-answer`; `Refuse` `door.forbidden`."""
    return _exchange(runtime_dir, note)


def _exchange(runtime_dir: Path, request: bytes) -> Mapping[str, Json]:
    path = runtime_dir / SOCKET_NAME
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(TIMEOUT_S)
        try:
            door.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            advice = "start the agent: systemctl start edgeward, or edgeward run -c …"
            raise Retry("door.none", f"no agent listens at {path}", advice, after_s=5.0) from None
        except OSError as error:
            raise Refuse(
                "door.forbidden",
                f"the local door {path} can't be used: {error.strerror}",
                "become root, or a member of the group that the agent runs as",
            ) from None
        with suppress(OSError):  # it had heard enough: its answer says why
            door.sendall(request)
            door.shutdown(socket.SHUT_WR)
        return command_v1.answer_fields(command_v1.decode_answer(_read(door, path)))


def _read(door: socket.socket, path: Path) -> bytes:
    data = bytearray()
    with suppress(OSError):  # a reset after the answer: the other side did not read all that was sent
        while len(data) <= _MAX_ANSWER and (part := door.recv(_MAX_ANSWER)):
            data += part
    if not data.endswith(b"\n"):
        advice = "look at the agent's log, then ask again"
        raise Retry("door.no-answer", f"the agent at {path} gave no answer", advice, after_s=5.0)
    return bytes(data)
