"""What verbs that ask the running agent share: the local door, and what its answer means for people.

Guarantees: a refusal comes out as `Refuse` that quotes the agent's own code, text and advice. Leaves out who
may ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent.control import client
from agent.model.commands import CommandType
from agent.model.errors import Refuse
from agent.model.outgoing import Json


def ask(runtime_dir: Path, kind: CommandType, args: Mapping[str, Json]) -> Mapping[str, Json]:
    """The result of an unsigned request; raises what the agent refused."""
    return _result(client.ask(runtime_dir, kind, args))


def hand_in(runtime_dir: Path, note: Path) -> Mapping[str, Json]:
    """The result of a signed command in a file; raises what the agent refused."""
    try:
        data = note.read_bytes()
    except OSError as error:
        raise Refuse("file.unreadable", f"{note} can't be read: {error.strerror}", "check its path") from None
    return _result(client.send_note(runtime_dir, data))


def _result(answer: Mapping[str, Json]) -> Mapping[str, Json]:
    result = answer.get("result")
    if answer.get("status") == "succeeded" and isinstance(result, dict):
        return result
    raise Refuse(
        "command.refused",
        f"the agent says {answer.get('status')}: {answer.get('text') or 'no more'} [{answer.get('reason')}]",
        str(answer.get("advice") or "see: edgeward destroy list"),
    )
