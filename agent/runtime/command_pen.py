"""The signing side of commands: for `edgeward command` and for the controller of an operator.

Guarantees: a counter is durable before the command that has it exists, and no two commands of one key file
for one box have the same; a signature is added without touching the text. Leaves out sending. The caller
keeps key files away from the box, and one counter file per key: a copy of a key needs a name of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.formats import command_v1, signed_note
from agent.formats.command_v1 import KEY_PREFIX, CommandBody
from agent.formats.signed_note import Note
from agent.host.files import translate, write_atomic
from agent.ledger.signing import SigningKey
from agent.model.commands import CommandType
from agent.model.errors import Refuse
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json

COUNTERS_SUFFIX = ".counters"
_MAX_COUNTERS = 1 << 20


def operator_of(key: SigningKey) -> str:
    """The operator's name; Refuse `key.other-use` for a key of something else."""
    if not key.name.startswith(KEY_PREFIX):
        advice = "take a key that edgeward command keygen made"
        raise Refuse("key.other-use", "this is not the key of an operator", advice)
    return key.name.removeprefix(KEY_PREFIX)


def next_counter(key_path: Path, box: str) -> int:
    """The next counter of this key for `box`, durable on return. Refuse `command.counters-bad`."""
    path = key_path.with_name(key_path.name + COUNTERS_SUFFIX)
    with _locked(key_path):
        counters = _read(path)
        counters[box] = counters.get(box, 0) + 1
        write_atomic(path, json.dumps(counters, sort_keys=True).encode() + b"\n")
        return counters[box]


def make(
    key: SigningKey,
    kind: CommandType,
    args: Mapping[str, Json],
    *,
    box: str,
    counter: int,
    wall_ns: int,
    valid_ns: int,
    nonce: str | None,
    random: Callable[[int], bytes],
) -> bytes:
    """A command signed by `key` alone, valid from now for `valid_ns`. Refuse `command.*`, `key.other-use`."""
    body = CommandBody(
        cmd_id=new_uuid7(wall_ns, random(10)),
        type=kind,
        by=operator_of(key),
        box=box,
        issued_ns=wall_ns // 1000 * 1000,
        not_after_ns=(wall_ns + valid_ns) // 1000 * 1000,
        counter=counter,
        nonce=nonce,
        args=args,
    )
    return key.sign_note(command_v1.encode(body))


def add_signature(note: bytes, key: SigningKey) -> bytes:
    """The same command with one more line. Refuse `command.signed-already`, `command.*`, `key.other-use`."""
    operator_of(key)
    found = read(note)
    mine = signed_note.parse(key.sign_note(found.text)).signatures[0]
    if any((one.name, one.key_id) == (mine.name, mine.key_id) for one in found.signatures):
        raise Refuse("command.signed-already", "this key has signed it", "another operator must sign")
    if len(found.signatures) >= command_v1.MAX_SIGNATURES:
        raise command_v1.bad(f"more than {command_v1.MAX_SIGNATURES} signatures")
    return signed_note.encode(Note(text=found.text, signatures=(*found.signatures, mine)))


def read(note: bytes) -> Note:
    """A note that spells a command; its signatures are not verified. Refuse `command.*`."""
    if len(note) > command_v1.MAX_NOTE:
        raise command_v1.too_large()
    try:
        found = signed_note.parse(note)
    except Refuse as error:
        raise command_v1.bad("not a signed note") from error
    command_v1.decode(found.text)
    return found


def _read(path: Path) -> dict[str, int]:
    bad = Refuse(
        "command.counters-bad",
        f"{path} is damaged",
        'write into it {"BOX": N} for each box, N the last counter that the box accepted (its ledger tells)',
    )
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(_MAX_COUNTERS))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise translate(error, path, "reading") from None
    except ValueError:
        raise bad from None
    if not isinstance(found, dict) or not all(type(value) is int and value >= 0 for value in found.values()):
        raise bad
    return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One command at a time per key."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise translate(error, path, "opening") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
