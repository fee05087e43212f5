"""What a technician sees of retention, hold, destroy and certificate, through the program itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.main import main
from agent.control import client
from agent.model.commands import CommandType
from agent.model.outgoing import Json
from tests.unit.runtime.disposals import CLINICAL, DAY_S, DisposalBox, Life

Answer = Mapping[str, Json]


class Program:
    """Runs verbs with the box's configuration; the door leads to the handlers in this process."""

    def __init__(self, box: DisposalBox, life: Life, capsys: pytest.CaptureFixture[str]) -> None:
        self.box = box
        self.life = life
        self.capsys = capsys
        self.config = box.root / "agent.toml"
        self.config.write_text(box.text)
        self.asked: list[CommandType] = []

    def ask(self, runtime_dir: Path, kind: CommandType, args: Mapping[str, Json]) -> Answer:
        assert runtime_dir == self.box.root / "run"
        self.asked.append(kind)
        command = self.box.command(kind, "uid:0", **dict(args))
        return {"status": "succeeded", "result": dict(self.life.disposal.handlers()[kind](command))}

    def run(self, *words: str, code: int = 0) -> str:
        assert main([*words]) == code
        out = self.capsys.readouterr()
        return out.out + out.err

    def with_config(self, *words: str, code: int = 0) -> str:
        return self.run(*words, "-c", str(self.config), code=code)


@pytest.fixture
def program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Program]:
    assert threading.active_count() == 1
    box = DisposalBox(tmp_path, (CLINICAL,))
    with box.running() as life:
        box.bring(2)
        made = Program(box, life, capsys)
        monkeypatch.setattr(client, "ask", made.ask)
        yield made


def test_from_plan_to_page(program: Program) -> None:
    box, life = program.box, program.life
    one = box.record(life)
    planned = json.loads(program.with_config("retention", "plan", "--json"))
    assert [(row["recording"], row["rule"], row["state"]) for row in planned] == [(one, "clinical", "closed")]
    assert planned[0]["due"].startswith("2027-02-22")
    assert f"{one}  ch0  level 4  closed  due 2027-02-22" in program.with_config("retention", "plan")
    assert json.loads(program.with_config("retention", "run"))["due"] == 0
    box.clock.advance(91 * DAY_S)

    said = program.with_config("hold", "set", one, "--reason", "complaint 7")
    hold = said.split()[1]
    assert "complaint 7" in program.with_config("hold", "list")
    assert "ON HOLD" in program.with_config("retention", "plan")
    assert "destroy.on-hold" in program.with_config("destroy", "request", one, "--reason", "over", code=1)
    unsigned = program.with_config("hold", "clear", hold, code=1)
    assert f'{{"hold": "{hold}"' in unsigned
    life.disposal.hold_clear(box.command(CommandType.HOLD_CLEAR, "bob", "carl", hold=hold, reason="settled"))
    assert program.with_config("hold", "list") == ""

    asked = program.with_config("destroy", "request", one, "--reason", "90 days are over")
    request = asked.split()[1].rstrip(":")
    assert "2 approvals are needed" in asked
    challenge = program.with_config("destroy", "list", "--challenge", request)
    assert challenge.startswith("edgeward.challenge/v1\n")
    shown = program.with_config("destroy", "approve", request, code=1)
    assert challenge in shown
    assert '"challenge_sha256"' in shown
    assert "0 of 2 approvals" in program.with_config("destroy", "list")
    assert "destroy.not-approved" in program.with_config("destroy", "execute", request, code=1)
    box.approve(life, request, "bob", "carl")
    note = box.root / "record.note"
    note.write_text(box.record_of(box.ticket_of(life, one)))
    done = program.with_config("destroy", "execute", request, "--record", str(note), "--title", "archivist")
    assert done.startswith(f"certificate {request}.note, SHA-256 ")
    assert "certified" in program.with_config("destroy", "list")

    key, authority = box.root / "box.vkey", box.root / "authority.vkey"
    key.write_text(box.vkey + "\n")
    authority.write_text(box.authority.key.verifier_key + "\n")
    file = str(box.state / "certificates" / f"{request}.note")
    keys = ("--key", str(key), "--authority-key", str(authority), "--vault", str(box.vault))
    assert program.run("certificate", "verify", file, *keys).startswith("sound: box test-box certified")
    assert "not checked" in program.run("certificate", "verify", file, "--key", str(key))
    assert json.loads(program.run("certificate", "show", file, *keys))["people"]["title"] == "archivist"
    page = program.run("certificate", "show", file, *keys, "--html")
    assert page.startswith("<!doctype html>")
    assert "数据销毁证书" in page
    assert "Certificate of destruction" in program.run(
        "certificate", "show", file, *keys, "--html", "--lang", "en"
    )
    assert program.asked[-1] is CommandType.DESTROY_EXECUTE


def test_what_is_refused_says_what_to_do(program: Program, tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    for words in (
        ("certificate", "verify", missing, "--key", missing),
        ("destroy", "list", "--challenge", "nothing", "-c", str(program.config)),
        ("destroy", "approve", "nothing", "-c", str(program.config)),
        ("destroy", "execute", "nothing", "--record", missing, "-c", str(program.config)),
        ("hold", "clear", "nothing", "--note", missing, "-c", str(program.config)),
        ("retention", "run", "--more"),
    ):
        code = Exit.USAGE if words[-1] == "--more" else Exit.FAILED
        said = program.run(*words, code=code)
        assert "Traceback" not in said
        assert "what to do: " in said or code is Exit.USAGE


def test_without_an_agent_it_says_so(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    for words in (
        ("hold", "set", "x", "--reason", "y"),
        ("retention", "run"),
        ("destroy", "request", "x", "--reason", "y"),
    ):
        assert "door.none" in program.with_config(*words, code=Exit.UNAVAILABLE)
    assert not (tmp_path / "run" / "control.sock").exists()
