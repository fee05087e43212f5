"""Each way to attack a command ends in its own code, a leaf and no effect.

`tests/integration/test_command_attacks.py` does the same over real brokers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.control.desk import Origin
from agent.formats import command_v1
from agent.formats.ledger_v1 import LeafType
from agent.model.commands import CommandType, Status
from tests.fakes.operators import sign
from tests.unit.control.desks import DeskBox, said

MQTT = Origin()
IDENTIFY, PLAN = CommandType.IDENTIFY, CommandType.PLAN_SET
DENIED = LeafType.COMMAND_DENIED


@pytest.fixture
def box(tmp_path: Path) -> DeskBox:
    return DeskBox(tmp_path / "ledger")


def _replay(box: DeskBox) -> bytes:
    note = box.office.write(IDENTIFY, "li")
    box.desk.receive(note, MQTT)
    return note


def _reorder(box: DeskBox) -> bytes:
    first, second = box.office.write(IDENTIFY, "li"), box.office.write(IDENTIFY, "li")
    box.desk.receive(second, MQTT)
    return first


def _id_reused(box: DeskBox) -> bytes:
    box.desk.receive(box.office.write(IDENTIFY, "li"), MQTT)
    return box.office.write(IDENTIFY, "li", cmd_id=box.office.last_id)


def _expired(box: DeskBox) -> bytes:
    note = box.office.write(IDENTIFY, "li")
    box.clock.advance(3600 + 301)
    return note


def _old_disk(box: DeskBox) -> bytes:
    """Accepted and done; then yesterday's disk image, ledger and all, is put back and the box starts."""
    image = box.folder.with_name("image")
    shutil.copytree(box.folder, image)
    note = box.office.write(PLAN, "wang", "zhao", nonce=box.office.nonce)
    assert said(box.desk.receive(note, MQTT)) == ("succeeded", None)
    box.crash()
    shutil.rmtree(box.folder)
    image.rename(box.folder)
    box.done.clear()
    box.start()
    return note


def _restored_state(box: DeskBox) -> bytes:
    """The same, but the ledger is the present one: it remembers the counter, whatever else was restored."""
    box.desk.receive(box.office.write(IDENTIFY, "li"), MQTT)
    box.crash()
    box.start()
    return box.office.write(IDENTIFY, "li", counter=1)


def _broken_clock(box: DeskBox) -> bytes:
    note = box.office.write(IDENTIFY, "li")
    box.clock.step_wall(-30 * 365 * 86_400)
    return note


def _other_topic(box: DeskBox) -> bytes:
    return box.office.write(IDENTIFY, "li")


ATTACKS: Mapping[str, tuple[str, Callable[[DeskBox], bytes]]] = {
    "replay": ("command.repeated", _replay),
    "reorder": ("command.counter", _reorder),
    "id used again": ("command.id-reused", _id_reused),
    "other box": ("command.other-box", lambda box: box.office.write(IDENTIFY, "li", box="or-4")),
    "expired": ("command.expired", _expired),
    "future": (
        "command.not-yet",
        lambda box: box.office.write(
            IDENTIFY,
            "li",
            issued_ns=box.office.wall_ns + 301 * 10**9,
            not_after_ns=box.office.wall_ns + 10**12,
        ),
    ),
    "wrong key": ("command.unknown-key", lambda box: box.office.write(IDENTIFY, "stranger")),
    "wrong role": ("command.role", lambda box: box.office.write(IDENTIFY, "ida")),
    "changed": (
        "command.forged",
        lambda box: box.office.write(IDENTIFY, "li").replace(b'"args":{}', b'"args":{"a":1}'),
    ),
    "lines turned around": (
        "command.other-signer",
        lambda box: sign(box.office.text(CommandType.LEDGER_PROVE, "li"), "wang", "li"),
    ),
    "one signature": (
        "command.too-few-signatures",
        lambda box: box.office.write(PLAN, "wang", nonce=box.office.nonce),
    ),
    "the same key twice": (
        "command.same-signer",
        lambda box: box.office.write(PLAN, "wang", "wang", nonce=box.office.nonce),
    ),
    "no nonce": ("command.no-nonce", lambda box: box.office.write(PLAN, "wang", "zhao")),
    "oversize": ("command.too-large", lambda _: b"x" * (command_v1.MAX_NOTE + 1)),
    "unknown operation": (
        "command.unknown-type",
        lambda box: sign(box.office.text(IDENTIFY, "li").replace('"identify"', '"shell.run"'), "li"),
    ),
    "unknown version": (
        "command.version",
        lambda box: sign(box.office.text(IDENTIFY, "li").replace('"v":1', '"v":2'), "li"),
    ),
    "clock off by years": ("command.not-yet", _broken_clock),
    "restored disk image": ("command.old-birth", _old_disk),
    "restored state": ("command.counter", _restored_state),
    "nobody to do it": ("command.not-here", lambda box: box.office.write(CommandType.MAINTENANCE, "li")),
    "unsigned": ("command.bad", lambda _: b'{"v":1,"type":"identify","args":{}}'),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(box: DeskBox, name: str) -> None:
    expected, make = ATTACKS[name]
    note = make(box)
    done, before = len(box.done), len(box.leaves(DENIED))
    answer = box.desk.receive(note, MQTT)
    assert answer.reason == expected
    if name != "replay":
        assert answer.status is (Status.EXPIRED if name == "expired" else Status.REJECTED)
    assert answer.advice
    assert len(box.done) == done, "it had an effect"
    [denied] = box.leaves(DENIED)[before:]
    assert (denied.body["reason"], denied.body["origin"], denied.body["count"]) == (expected, "mqtt", 1)
    assert "args" not in json.dumps(denied.body)
    assert box.book.told[-1].kind in ("res", "e")


def test_each_attack_has_its_own_code_but_where_two_are_the_same_thing() -> None:
    codes = [code for code, _ in ATTACKS.values()]
    assert {code for code in codes if codes.count(code) > 1} == {"command.counter", "command.not-yet"}
