"""No opening without a record of it: before the first byte, by the keeper or signed by who opens."""

from __future__ import annotations

import argparse
import io
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.capture.joiner import count_playable_frames
from agent.cli.exits import Exit
from agent.cli.verbs import access, keygen
from agent.cli.verbs import open as open_verb
from agent.formats import access_record_v1
from agent.formats.access_record_v1 import AccessRecord
from agent.formats.capsule_v1 import fingerprint
from agent.formats.config_v1 import AgentConfig, CustodianConfig
from agent.formats.ledger_v1 import LeafType
from agent.ledger.signing import SigningKey
from agent.model.commands import Command, CommandType
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.runtime.access_handler import handle_access_record
from agent.runtime.access_records import RecordAccess, verify_record
from agent.runtime.opening import Opened, Unlocked, release_parts
from agent.seal.recording_key import KeyPair, new_key_pair
from tests.unit.runtime.vaults import CONFIG, FRAMES, SmallBox


@dataclass(slots=True)
class Desk:
    """A recorded box, somebody who opens, and a keeper that may answer."""

    root: Path
    box: SmallBox = field(init=False)
    recording: str = field(init=False)
    asked: list[AccessRecord] = field(default_factory=list)
    answers: list[int | Refuse | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.box = SmallBox(self.root)
        [self.recording] = self.box.record(segments=2)
        (self.root / "agent.toml").write_text(
            CONFIG.format(root=self.root, recipient=self.box.custodian.recipient)
        )
        self.key = SigningKey.generate(os.urandom(32), "edgeward.operator/li-wei")
        self.key.save(self.root / "me.key")
        self.keys(self.box.custodian)

    key: SigningKey = field(init=False)

    def keys(self, *pairs: KeyPair) -> list[Path]:
        paths = []
        for number, pair in enumerate(pairs):
            path = self.root / f"custodian{number}.txt"
            path.write_text(pair.identity + "\n")
            paths.append(path)
        return paths

    @property
    def output(self) -> Path:
        return self.root / "out.mp4"

    @property
    def note(self) -> Path:
        return self.root / "out.mp4.access.note"

    def door(self, config: AgentConfig, facts: Mapping[str, Json]) -> int | None:
        assert config.box.id == "test-box"
        self.asked.append(access_record_v1.from_args(facts))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Refuse):
            raise answer
        return answer

    def open(self, *more: str, identities: list[Path] | None = None, door: RecordAccess | None = None) -> int:
        parser = argparse.ArgumentParser()
        open_verb.configure(parser)
        keys = [word for path in identities or [self.root / "custodian0.txt"] for word in ("-i", str(path))]
        words = [self.recording, *keys, "-c", str(self.root / "agent.toml"), *more]
        if "-o" not in more:
            words += ["-o", str(self.output)]
        if "--purpose" not in more:
            words += ["--purpose", "教学 review"]
        return open_verb.run(parser.parse_args(words), door or self.door)

    def signed(self, *more: str) -> int:
        return self.open("--sign", str(self.root / "me.key"), *more)

    def record(self) -> AccessRecord:
        return verify_record(self.note.read_bytes(), self.key.verifier_key)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Refuse) as caught:
        call()
    return caught.value.code


def watched(monkeypatch: pytest.MonkeyPatch, look: Callable[[], None]) -> None:
    """Looks just before the first segment is decrypted."""

    def looking(unlocked: Unlocked, open_part: Callable[[int], io.BytesIO]) -> Opened:
        look()
        return release_parts(unlocked, open_part)

    monkeypatch.setattr(open_verb, "release_parts", looking)


def test_on_the_box_the_keeper_enters_begin_and_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.answers = [7, 8]
    watched(monkeypatch, lambda: _only_begun(desk))
    assert desk.open() == Exit.OK
    begun, ended = desk.asked
    assert (begun.access, begun.result) == (ended.access, None)
    assert ended.result is not None
    assert (ended.result.frames, ended.result.segments, ended.result.error) == (2 * FRAMES, 2, None)
    assert (begun.recording, begun.box, begun.purpose) == (desk.recording, "test-box", "教学 review")
    assert begun.keys == (fingerprint(desk.box.custodian.recipient),)
    assert (begun.who.key, begun.who.uid) == (None, os.getuid())
    assert not desk.note.exists()


def _only_begun(desk: Desk) -> None:
    assert [one.result for one in desk.asked] == [None]
    assert not desk.output.exists()


def test_what_the_keeper_refuses_is_not_opened(desk: Desk) -> None:
    desk.answers = [Refuse("command.denied", "not you", "ask")]
    assert refusal(lambda: desk.signed()) == "command.denied"
    assert not desk.output.exists() and not desk.note.exists()


def test_without_a_keeper_the_record_is_signed_and_durable_before_the_first_byte(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[AccessRecord] = []

    def look() -> None:
        seen.append(desk.record())
        assert not desk.output.exists()

    watched(monkeypatch, look)
    assert desk.signed() == Exit.OK
    [begun] = seen
    found = desk.record()
    assert begun == found.model_copy(update={"result": None})
    assert found.result is not None and found.result.frames == 2 * FRAMES
    assert found.who.key == "edgeward.operator/li-wei"
    report = desk.box.verify()
    assert found.ledger is not None
    assert (found.ledger.size, found.ledger.root) == (report.leaves, report.root_hex)
    assert found.ledger.problems == 0
    assert desk.note.stat().st_mode & 0o777 == 0o600
    assert desk.box.custodian.identity[20:] not in desk.note.read_text()
    assert count_playable_frames(desk.output.read_bytes()) == 2 * FRAMES


def test_without_keeper_and_key_nothing_is_opened(desk: Desk) -> None:
    assert refusal(lambda: desk.open()) == "access.no-key"
    assert not desk.output.exists()


def test_a_copied_vault_is_nobodys_here(desk: Desk) -> None:
    shutil.copytree(desk.box.vault, desk.root / "copy")
    desk.answers = [1, 2]
    assert desk.signed("--vault", str(desk.root / "copy")) == Exit.OK
    assert desk.asked == []
    assert desk.record().result is not None


def test_this_boxs_own_vault_is_known_by_another_path(desk: Desk) -> None:
    (desk.root / "link").symlink_to(desk.box.vault)
    desk.answers = [1, 2]
    assert desk.open("--vault", str(desk.root / "link")) == Exit.OK
    assert len(desk.asked) == 2


def test_a_keeper_that_goes_away_leaves_the_beginning(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.answers = [7, None]
    assert desk.open() == Exit.FAILED
    assert "access.end-unrecorded" in capsys.readouterr().err


def test_what_breaks_off_is_recorded_with_its_code(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_unlocked: Unlocked, _open_part: object) -> Opened:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(open_verb, "release_parts", full)
    with pytest.raises(OSError, match="No space"):
        desk.signed()
    found = desk.record().result
    assert found is not None
    assert (found.error, found.frames) == ("open.output", 0)


def test_keys_that_open_nothing_leave_no_record(desk: Desk) -> None:
    [stranger] = desk.keys(new_key_pair(os.urandom))
    assert refusal(lambda: desk.open(identities=[stranger])) == "seal.no-matching-key"
    assert desk.asked == []
    assert not desk.note.exists()


@pytest.mark.parametrize("purpose", ["", "  ", "x" * 201, "two\nlines", "\x1b[2J"])
def test_a_purpose_must_be_said(desk: Desk, purpose: str) -> None:
    assert refusal(lambda: desk.signed("--purpose", purpose)) == "access.bad-purpose"


def test_standard_output_needs_a_place_for_the_record(desk: Desk) -> None:
    assert refusal(lambda: desk.signed("-o", "-")) == "access.no-record-file"


def test_no_record_is_replaced(desk: Desk) -> None:
    desk.note.write_text("an earlier one")
    assert refusal(lambda: desk.signed()) == "file.exists"
    assert (desk.note.read_text(), desk.output.exists()) == ("an earlier one", False)


def test_a_boxs_key_does_not_sign_for_a_person(desk: Desk) -> None:
    key = desk.root / "box.key"
    SigningKey.generate(os.urandom(32), "edgeward.box/or-3").save(key)
    assert refusal(lambda: desk.open("--sign", str(key))) == "access.wrong-key"


def test_two_of_three_custodians(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(tmp_path)
    people = [new_key_pair(os.urandom) for _ in range(3)]
    custodians = CustodianConfig(recipients=tuple(one.recipient for one in people), threshold=2)
    desk.box.config = desk.box.config.model_copy(update={"custodians": custodians})
    [desk.recording] = desk.box.record(segments=1)
    first, second, third = desk.keys(*people)
    sign = ("--sign", str(desk.root / "me.key"))
    for given in ([first], [second, second], [third]):
        with pytest.raises(Refuse) as caught:
            desk.open(*sign, identities=given)
        assert (caught.value.code, "1 more needed" in caught.value.text) == ("seal.more-keys", True)
    assert not desk.note.exists()
    assert desk.open(*sign, identities=[third, first]) == Exit.OK
    assert desk.record().keys == tuple(sorted(fingerprint(people[n].recipient) for n in (0, 2)))
    assert f"{FRAMES} frames" in capsys.readouterr().err


def command(args: Mapping[str, Json]) -> Command:
    return Command(
        id="01a20b87-3fc9-73f8-8307-89737bba7342",
        type=CommandType.ACCESS_RECORD,
        args=args,
        signers=("uid:1000",),
    )


def test_the_keeper_writes_a_leaf(desk: Desk) -> None:
    desk.answers = [1, 2]
    desk.open()
    record = desk.asked[1].model_dump(mode="json")
    with desk.box.running() as run:
        answer = handle_access_record(run.book, command(record))
        [leaf] = [one for one in run.booted.ledger.leaves() if one.type is LeafType.OPENED_BY]
    assert answer == {"access": record["access"], "leaf": leaf.n}
    assert leaf.body == {**record, "cmd_id": "01a20b87-3fc9-73f8-8307-89737bba7342"}
    assert (leaf.actor, leaf.authority) == ("uid:1000", "command:01a20b87-3fc9-73f8-8307-89737bba7342")
    assert desk.box.verify().result == "ok"


@pytest.mark.parametrize(
    "change",
    [{"purpose": ""}, {"v": 2}, {"v": True}, {"patient": "x"}, {"keys": ["x"]}, {"recording": "../x"},
     {"keys": ["ffffffffffff", "000000000000"]},
     {"who": {"key": "edgeward.operator/x", "uid": 0, "user": "x"}}],
)  # fmt: skip
def test_the_keeper_refuses_what_is_no_record(desk: Desk, change: dict[str, Json]) -> None:
    desk.answers = [1, 2]
    desk.open()
    record = {**desk.asked[1].model_dump(mode="json"), **change}
    with desk.box.running() as run:
        before = run.book.leaves
        assert refusal(lambda: handle_access_record(run.book, command(record))) in (
            "access.bad",
            "access.version",
        )
        assert run.book.leaves == before


def test_keygen_and_verify(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    keygen.configure(parser)
    made = desk.root / "zhao.key"
    assert keygen.run(parser.parse_args(["--signing", "zhao", "-o", str(made)])) == Exit.OK
    vkey = capsys.readouterr().out
    assert vkey.startswith("edgeward.operator/zhao+")
    assert made.stat().st_mode & 0o777 == 0o600
    assert refusal(lambda: keygen.run(parser.parse_args(["--signing", "Zhao Li", "-o", "x"]))) == (
        "keygen.bad-name"
    )
    (desk.root / "zhao.vkey").write_text(vkey)
    assert desk.open("--sign", str(made)) == Exit.OK
    verify = argparse.ArgumentParser()
    access.configure(verify)
    words = ["verify", str(desk.note), "--key", str(desk.root / "zhao.vkey")]
    capsys.readouterr()
    assert access.run(verify.parse_args(words)) == Exit.OK
    assert '"purpose": "教学 review"' in capsys.readouterr().out
    desk.note.write_bytes(desk.note.read_bytes().replace(b"review", b"revenge"))
    assert refusal(lambda: access.run(verify.parse_args(words))) == "note.forged"
