"""Commands version 1 (docs/formats/commands-v1.md): texts of signed commands, requests at the door, answers.

Guarantees: one command has exactly one text and `decode` refuses every other one, with a code of the
document; every size and depth is bounded before it is used. Leaves out signatures and every check that
needs to know the box (`control/gate.py`). The caller must not trust a field before it verified the note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import rfc8785

from agent.model.commands import Answer, CommandType, Status
from agent.model.errors import Refuse
from agent.model.ids import BOX_PATTERN, is_uuid7
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, from_rfc3339, rfc3339

VERSION = 1
MAX_NOTE = 64 * 1024
MAX_SIGNATURES = 8
MAX_RESULT = 8 * 1024
MAX_WINDOW_NS = 30 * 86_400 * NS_PER_S
MAX_COUNTER = (1 << 53) - 1
KEY_PREFIX = "edgeward.operator/"
OPERATOR_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}$"
_TAG = "edgeward.command/v"
_MAX_DEPTH = 8
_MAX_VALUES = 4096
_MAX_ANSWER = 64 * 1024
_NONCE = re.compile(r"[0-9a-f]{32}")
_BOX = re.compile(BOX_PATTERN)
_OPERATOR = re.compile(OPERATOR_PATTERN)
_TYPE = re.compile(r"[a-z]{1,24}(\.[a-z]{1,24})?")
_TAG_LINE = re.compile(r"edgeward\.command/v[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandBody:
    """What the signatures cover. Times are wall times in nanoseconds, of microsecond precision."""

    cmd_id: str
    type: CommandType
    by: str
    box: str
    issued_ns: int
    not_after_ns: int
    counter: int
    nonce: str | None
    args: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody at the local door asks without a signature."""

    type: CommandType
    args: Mapping[str, Json]


def bad(why: str) -> Refuse:
    """The refusal of what is no command. `why` names the rule, never the content."""
    return Refuse("command.bad", f"not a command: {why}", "make it with: edgeward command make")


def encode(body: CommandBody) -> str:
    """The text of the note; Refuse `command.*` for what `decode` would refuse."""
    document: dict[str, Json] = {
        "v": VERSION,
        "cmd_id": body.cmd_id,
        "type": body.type.value,
        "by": body.by,
        "box": body.box,
        "issued": rfc3339(body.issued_ns),
        "not_after": rfc3339(body.not_after_ns),
        "counter": body.counter,
        "nonce": body.nonce,
        "args": dict(body.args),
    }
    text = f"{_TAG}{VERSION}\n{_canonical(document)}\n"
    decode(text)
    return text


def decode(text: str) -> CommandBody:
    """The command that `text` spells; Refuse `command.bad`, `.version`, `.unknown-type`, `.too-large`."""
    if len(text) > MAX_NOTE:
        raise too_large()
    lines = text.split("\n")
    if len(lines) != 3 or lines[2] or not _TAG_LINE.fullmatch(lines[0]):
        raise bad("the text is not a tag and one line")
    if lines[0] != f"{_TAG}{VERSION}":
        raise _version()
    document = _parsed(lines[1])
    if _canonical(document) != lines[1]:
        raise bad("not the RFC 8785 spelling of an object")
    return _body(document)


def decode_request(line: bytes) -> Request:
    """An unsigned request; Refuse as `decode`."""
    if len(line) > MAX_NOTE:
        raise too_large()
    try:
        document = _parsed(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise bad("not UTF-8") from None
    _check_version(document)
    if set(document) != {"v", "type", "args"}:
        raise bad("a request has the fields v, type and args")
    return Request(type=_type(document["type"]), args=_args(document["args"]))


def encode_request(type: CommandType, args: Mapping[str, Json]) -> bytes:
    """The line that `decode_request` reads; Refuse for arguments that no command may have."""
    line = _canonical({"v": VERSION, "type": type.value, "args": _args(dict(args))}).encode() + b"\n"
    decode_request(line)
    return line


def answer_fields(answer: Answer) -> dict[str, Json]:
    """An answer as the document spells it."""
    return {
        "cmd_id": answer.cmd_id,
        "type": answer.type,
        "status": answer.status.value,
        "reason": answer.reason,
        "text": answer.text,
        "advice": answer.advice,
        "result": None if answer.result is None else dict(answer.result),
        "leaf": answer.leaf,
    }


def decode_answer(line: bytes) -> Answer:
    """The answer in a line of the door; Refuse `answer.bad`."""
    advice = "the agent may be of another version than this program"
    wrong = Refuse("answer.bad", "what came back is no answer", advice)
    try:
        if len(line) > _MAX_ANSWER:
            raise ValueError("too long")
        document = json.loads(line.decode("utf-8"))
        found = Answer(**{**document, "status": Status(document["status"])})
    except (ValueError, TypeError, KeyError, RecursionError):
        raise wrong from None
    texts = (found.cmd_id, found.type, found.reason, found.text, found.advice)
    if not all(value is None or isinstance(value, str) for value in texts):
        raise wrong
    if not isinstance(found.result, dict | None) or not isinstance(found.leaf, int | None):
        raise wrong
    return found


def fits(result: Mapping[str, Json]) -> bool:
    """True for a result that an answer and its leaf can hold."""
    try:
        return len(_canonical(_args(dict(result)))) <= MAX_RESULT
    except Refuse:
        return False


def address_of(topic: str, box: str) -> tuple[str, str] | None:
    """Type and id that a command's topic says; None when it is no such topic of this box."""
    before, _, rest = topic.partition(f"edgeward/v1/{box}/_/cmd/")
    kind, _, cmd_id = rest.partition("/")
    usable = not before and _TYPE.fullmatch(kind) and is_uuid7(cmd_id)
    return (kind, cmd_id) if usable else None


def too_large() -> Refuse:
    """The refusal of what is too long to be looked at."""
    return Refuse("command.too-large", f"more than {MAX_NOTE} bytes", "send less in one command")


def _version() -> Refuse:
    return Refuse("command.version", "another version of commands", f"this box reads version {VERSION}")


def _parsed(text: str) -> dict[str, Json]:
    try:
        document = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError):
        raise bad("not JSON") from None
    if not isinstance(document, dict):
        raise bad("not an object")
    return document


def _no_float(_text: str) -> NoReturn:
    raise bad("it has a float")


def _canonical(document: dict[str, Json]) -> str:
    try:
        return rfc8785.dumps(document).decode("utf-8")
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        raise bad("it has no RFC 8785 spelling") from None


def _check_version(document: Mapping[str, Json]) -> None:
    version = document.get("v")
    if not isinstance(version, int) or isinstance(version, bool):
        raise bad("field v")
    if version != VERSION:
        raise _version()


_FIELDS = {"v", "cmd_id", "type", "by", "box", "issued", "not_after", "counter", "nonce", "args"}


def _body(document: Mapping[str, Json]) -> CommandBody:
    _check_version(document)
    if set(document) != _FIELDS:
        raise bad("other fields than those of version 1")
    cmd_id = _text(document["cmd_id"], "cmd_id")
    if not is_uuid7(cmd_id):
        raise bad("field cmd_id")
    counter, nonce = document["counter"], document["nonce"]
    if not isinstance(counter, int) or isinstance(counter, bool) or not 0 < counter <= MAX_COUNTER:
        raise bad("field counter")
    if nonce is not None and not (isinstance(nonce, str) and _NONCE.fullmatch(nonce)):
        raise bad("field nonce")
    issued_ns, not_after_ns = _time(document["issued"], "issued"), _time(document["not_after"], "not_after")
    if not issued_ns < not_after_ns <= issued_ns + MAX_WINDOW_NS:
        raise bad("not_after is not after issued, or more than 30 days after it")
    return CommandBody(
        cmd_id=cmd_id,
        type=_type(document["type"]),
        by=_match(document["by"], _OPERATOR, "by"),
        box=_match(document["box"], _BOX, "box"),
        issued_ns=issued_ns,
        not_after_ns=not_after_ns,
        counter=counter,
        nonce=nonce,
        args=_args(document["args"]),
    )


def _type(value: Json) -> CommandType:
    try:
        return CommandType(_match(value, _TYPE, "type"))
    except ValueError:
        advice = "see the table of types in docs/formats/commands-v1.md, and the box's birth message"
        raise Refuse("command.unknown-type", "there is no such command", advice) from None


def _args(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise bad("args is not an object")
    _check_values(value)
    return value


def _check_values(root: Json) -> None:
    """Refuses what is too deep, too much, or is a number that JSON readers round."""
    waiting: list[tuple[object, int]] = [(root, 1)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if count > _MAX_VALUES or depth > _MAX_DEPTH:
            raise bad(f"args have more than {_MAX_VALUES} values or {_MAX_DEPTH} levels")
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, float) or (isinstance(value, int) and abs(value) > MAX_COUNTER):
            raise bad("args have a number that is no integer within 2^53 - 1")


def _text(value: Json, name: str) -> str:
    if not isinstance(value, str):
        raise bad(f"field {name}")
    return value


def _match(value: Json, pattern: re.Pattern[str], name: str) -> str:
    text = _text(value, name)
    if not pattern.fullmatch(text):
        raise bad(f"field {name}")
    return text


def _time(value: Json, name: str) -> int:
    try:
        return from_rfc3339(_text(value, name))
    except ValueError:
        raise bad(f"field {name}") from None
