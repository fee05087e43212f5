"""`edgeward command keygen | make | sign | send | show`: what operators do to command a box."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.control.client import send_note
from agent.formats import command_v1
from agent.formats.command_v1 import KEY_PREFIX, OPERATOR_PATTERN
from agent.host.clock import SystemClock
from agent.host.files import write_atomic
from agent.ledger.signing import SigningKey
from agent.model.commands import RULES, CommandType
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, rfc3339
from agent.runtime import command_pen

EXAMPLE = "edgeward command make identify --box or-3 -k li.key -o identify.note"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    keygen = actions.add_parser("keygen", help="make an operator's key")
    keygen.add_argument("name", metavar="NAME", help="a-z, 0-9 and -, as in [[operator]]")
    keygen.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: NAME.key")
    make = actions.add_parser("make", help="write and sign a command")
    make.add_argument("type", choices=[one.value for one in CommandType], metavar="TYPE")
    make.add_argument("--box", required=True, metavar="BOX", help="the box that it is for")
    make.add_argument(
        "--arg", action="append", default=[], metavar="K=V", help="an argument: k=text, or k:=JSON"
    )
    make.add_argument("--valid", default="1h", metavar="TIME", help="90s, 15m, 1h or 2d; default: 1h")
    make.add_argument("--nonce", metavar="HEX", help="cmd_nonce of the box's present birth")
    _add_key(make)
    _add_output(make)
    sign = actions.add_parser("sign", help="add a signature to a command")
    sign.add_argument("file", type=Path, metavar="FILE")
    _add_key(sign)
    send = actions.add_parser("send", help="hand a command in at this box's local door")
    send.add_argument("file", type=Path, metavar="FILE")
    add_config(send)
    show = actions.add_parser("show", help="what a command says, and who signed it")
    show.add_argument("file", type=Path, metavar="FILE")


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-k", "--key", type=Path, required=True, metavar="KEY", help="the operator's key file"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new file")


def run(arguments: argparse.Namespace) -> int:
    """`send` gives 1 unless the command succeeded."""
    action: str = arguments.action
    if action == "keygen":
        return _keygen(arguments.name, arguments.output or Path(f"{arguments.name}.key"))
    if action == "make":
        return _make(arguments)
    note = _read(arguments.file)
    if action == "sign":
        write_atomic(arguments.file, command_pen.add_signature(note, SigningKey.load(arguments.key)), 0o644)
        return Exit.OK
    if action == "show":
        return _show(note)
    answer = send_note(config_of(arguments).box.runtime_dir, note)
    print(json.dumps(dict(answer), ensure_ascii=False))
    return Exit.OK if answer["status"] == "succeeded" else Exit.FAILED


def _keygen(name: str, output: Path) -> int:
    if not re.fullmatch(OPERATOR_PATTERN, name):
        raise Refuse(
            "key.bad-name", "this can't be the name of an operator", "use a-z, 0-9 and -, at most 32"
        )
    key = SigningKey.generate(os.urandom(32), KEY_PREFIX + name)
    key.save(output)
    print(key.verifier_key)
    print(
        "the line above goes into [[operator]] key = … on the boxes; keep the file to yourself",
        file=sys.stderr,
    )
    return Exit.OK


def _make(arguments: argparse.Namespace) -> int:
    kind, output = CommandType(arguments.type), arguments.output
    if output.exists():
        raise Refuse("file.exists", f"{output} exists already", "choose another name, or move it away first")
    args, valid_ns = _args(arguments.arg), _duration_ns(arguments.valid)
    rule = RULES[kind]
    if rule.privileged and arguments.nonce is None:
        raise Refuse(
            "command.no-nonce",
            f"{kind.value} is privileged: it needs the nonce of the box's present birth",
            "read cmd_nonce in the topic …/_/birth/box and give it with --nonce",
        )
    key = SigningKey.load(arguments.key)
    command_pen.operator_of(key)
    note = command_pen.make(
        key,
        kind,
        args,
        box=arguments.box,
        counter=command_pen.next_counter(arguments.key, arguments.box),
        wall_ns=SystemClock().now().wall_ns,
        valid_ns=valid_ns,
        nonce=arguments.nonce,
        random=os.urandom,
    )
    write_atomic(output, note, 0o644)
    if rule.signatures > 1:
        print(
            f"{rule.signatures} operators must sign this: edgeward command sign {output} -k KEY",
            file=sys.stderr,
        )
    return Exit.OK


def _show(note: bytes) -> int:
    found = command_pen.read(note)
    body = command_v1.decode(found.text)
    rows: Mapping[str, str] = {
        "command": body.cmd_id,
        "type": body.type.value,
        "box": body.box,
        "issued": rfc3339(body.issued_ns),
        "not after": rfc3339(body.not_after_ns),
        "counter": f"{body.counter} of {body.by}",
        "nonce": body.nonce or "none",
        "arguments": json.dumps(dict(body.args), ensure_ascii=False),
        "signatures": ", ".join(one.name for one in found.signatures) + " (not verified here)",
    }
    for name, value in rows.items():
        print(f"{name:<11} {value}")
    return Exit.OK


def _args(words: list[str]) -> dict[str, Json]:
    args: dict[str, Json] = {}
    for word in words:
        name, equals, value = word.partition("=")
        bad = Refuse(
            "command.bad-argument", f"--arg {name[:32]} is not understood", "write k=text or k:=JSON"
        )
        plain = name.removesuffix(":")
        if not equals or not plain or plain in args:
            raise bad
        try:
            args[plain] = json.loads(value) if name.endswith(":") else value
        except ValueError:
            raise bad from None
    return args


def _duration_ns(text: str) -> int:
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if found is None:
        raise Refuse("command.bad-argument", "--valid is not understood", "write 90s, 15m, 1h or 2d")
    return int(found[1]) * _UNITS[found[2]] * NS_PER_S


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(command_v1.MAX_NOTE + 1)
    except OSError as error:
        text = f"{path} can't be read: {error.strerror}"
        raise Refuse("command.unreadable", text, "check its path and owner") from None
