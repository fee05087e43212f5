"""Making room on a full disk, and what the box tells its controller of holds, destructions and evictions."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.model.commands import CommandType
from agent.model.errors import Halt
from agent.model.outgoing import Outgoing
from agent.runtime.book import Book
from agent.runtime.boot import Booted
from agent.runtime.opening import open_recording_to
from agent.runtime.verify import verify_vault
from agent.vault.disposal import State
from tests.fakes.message_schemas import check_schema, schema_of
from tests.unit.runtime.disposals import CLINICAL, DAY_S, EVICTING, WARD, DisposalBox
from tests.unit.runtime.test_disposal import refused

ENVELOPE = json.loads(
    (Path(__file__).resolve().parents[2] / "vectors/mqtt-v1/e-quarantine/payload.json").read_bytes()
)


def test_the_oldest_of_level_2_give_way_where_the_plan_says_so(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (EVICTING, WARD, CLINICAL))
    with box.running() as life:
        denied, high = box.record(life, 1), box.record(life, 2)
        held, old, young = box.record(life), box.record(life), box.record(life)
        still_open = box.record(life, close=False)
        life.disposal.hold_set(box.command(CommandType.HOLD_SET, recordings=[held], reason="complaint"))
        size = life.context.refresh().recordings[old].size_bytes
        assert life.disposal.make_room(1) == size
        assert not box.directory(old).exists()
        [leaf] = box.leaves(LeafType.EVICTED)
        assert leaf.body == {"recordings": [old], "size_bytes": size, "reason": "disk-full"}
        assert life.alarms() == {"disk.evicted"}
        assert life.disposal.make_room(10**12) > 0
        assert not box.directory(young).exists()
        assert life.disposal.make_room(10**12) == 0
        assert life.alarms() == {"disk.evicted", "disk.evict-nothing"}
        for kept in (denied, high, held, still_open):
            assert box.directory(kept).is_dir()
        assert life.disposal.make_room(0) == 0
        assert life.alarms() == set()
        assert life.context.account.recordings[old].state(0) is State.EVICTED
        with refused("open.evicted"):
            open_recording_to(box.vault, old, [box.custodian.identity], io.BytesIO())
    report = verify_vault(box.vault, box.vkey)
    assert {one.disposed for one in report.recordings} == {None, "evicted"}
    assert report.problems == (f"recording {still_open}: not closed",)


def test_deny_new_is_the_default(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (WARD,))
    with box.running() as life:
        one = box.record(life)
        assert life.disposal.make_room(10**12) == 0
        assert life.alarms() == set()
    assert box.directory(one).is_dir()
    assert box.leaves(LeafType.EVICTED) == []


def test_room_is_kept_ahead_and_nothing_goes_by_a_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = DisposalBox(tmp_path, (EVICTING,))
    free = [125]

    def measured(vault: Path) -> int:
        assert vault == box.vault
        if not free:
            raise Halt("disk.error", "asking for the free space failed", "check the disk")
        return free[0]

    monkeypatch.setattr("agent.runtime.disposal.free_bytes", measured)
    with box.running() as life:
        old, young = box.record(life), box.record(life)
        assert life.disposal.keep_room(100) == 0
        free[0] = 124
        assert life.disposal.keep_room(100) > 0
        assert not box.directory(old).exists()
        free.clear()
        assert life.disposal.keep_room(100) == 0
        assert box.directory(young).is_dir()


def test_while_one_is_being_removed_no_other_is_chosen(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (EVICTING,))
    with box.running() as life:
        old, young = box.record(life), box.record(life)
        for number in range(1, 150):
            (box.directory(old) / f"{number:08d}.mp4.age").write_bytes(b"sealed")
        assert life.disposal.make_room(1) > 0
        assert box.directory(old).is_dir()
        assert life.disposal.make_room(1) == 0
        for _ in range(4):
            life.disposal.tick()
        assert not box.directory(old).exists()
        assert box.directory(young).is_dir()


def test_every_message_is_as_its_schema_says(tmp_path: Path) -> None:
    box = DisposalBox(tmp_path, (EVICTING, CLINICAL))
    told: list[Outgoing] = []

    class Listening(Book):
        def tell(self, message: Outgoing) -> None:
            told.append(message)

    def book(booted: Booted) -> Book:
        return Listening(booted.ledger, None, box.clock, booted.boot, lambda: None)

    with box.running(book) as life:
        one, evicted = box.record(life, 1), box.record(life)
        hold = life.disposal.hold_set(box.command(CommandType.HOLD_SET, recordings=[one], reason="x"))["hold"]
        life.disposal.hold_clear(box.command(CommandType.HOLD_CLEAR, "bob", "carl", hold=hold, reason="y"))
        life.disposal.make_room(1)
        assert not box.directory(evicted).exists()
        box.clock.advance(91 * DAY_S)
        life.disposal.tick()
        request = box.ask(life, one, without_ticket=True)
        box.approve(life, request, "bob", "carl")
        life.disposal.destroy_execute(box.execution(request))
    seen = set()
    for message in told:
        topic = f"edgeward/v1/test-box/{message.entity}/{message.kind}/{message.type}"
        if message.body is None or message.type in ("recording-opened", "head") or message.kind == "a":
            continue
        body: Mapping[str, Any] = {**ENVELOPE, **message.body}
        check_schema(schema_of(topic), body)
        seen.add(schema_of(topic))
    assert seen == {
        "e-hold-set", "e-hold-cleared", "e-evicted", "e-retention-due", "state-retention",
        "e-destroy-requested", "e-destroy-approved", "e-destroy-executed", "e-destroy-certified",
    }  # fmt: skip
