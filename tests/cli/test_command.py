"""`edgeward command` as operators meet it: keys, counters, signatures, and the door of a box."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.main import main
from agent.formats import command_v1
from agent.formats.config_operators import OperatorConfig
from agent.ledger.signing import SigningKey, Verifier
from agent.model.commands import CommandType
from agent.runtime import command_pen
from tests.fakes.agents import cli, make_box
from tests.unit.control.desks import DeskBox
from tests.unit.control.test_door import opened


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Where an operator works, with two keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("li", "wang"):
        assert main(["command", "keygen", name]) == Exit.OK
    capsys.readouterr()
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], code: str) -> bool:
    lines = capsys.readouterr().err.splitlines()
    return lines[-2].endswith(f"[{code}]") and lines[-1].startswith("what to do: ")


def make(output: str, *more: str, kind: str = "channel.stop", key: str = "li.key") -> int:
    return main(["command", "make", kind, "--box", "or-3", "-k", key, "-o", output, *more])


def test_a_key_is_its_owners_and_its_public_half_fits_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "k"
    assert main(["command", "keygen", "li", "-o", str(path)]) == Exit.OK
    line = capsys.readouterr().out.strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert OperatorConfig.model_validate({"name": "li", "key": line, "roles": ["viewer"]}).key == line
    assert main(["command", "keygen", "li", "-o", str(path)]) == Exit.FAILED
    assert told(capsys, "key.exists")
    assert main(["command", "keygen", "Li!", "-o", str(path)]) == Exit.FAILED
    assert told(capsys, "key.bad-name")


def test_make_sign_show(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nonce = "0" * 32
    words = ("--arg", "plan=night", "--arg", 'spec:={"n":[1,true]}', "--valid", "15m", "--nonce", nonce)
    assert make("p.note", *words, kind="plan.set") == Exit.OK
    assert "2 operators must sign this" in capsys.readouterr().err
    assert main(["command", "sign", "p.note", "-k", "wang.key"]) == Exit.OK
    note = (desk / "p.note").read_bytes()
    body = command_v1.decode(command_pen.read(note).text)
    assert dict(body.args) == {"plan": "night", "spec": {"n": [1, True]}}
    assert (body.by, body.box, body.counter, body.nonce) == ("li", "or-3", 1, nonce)
    assert body.not_after_ns - body.issued_ns == 900 * 10**9
    for name in ("li", "wang"):
        key = SigningKey.load(desk / f"{name}.key")
        assert Verifier(key.verifier_key).verify(note).text == command_pen.read(note).text
    assert main(["command", "show", "p.note"]) == Exit.OK
    shown = capsys.readouterr().out
    assert "edgeward.operator/li, edgeward.operator/wang (not verified here)" in shown
    assert "counter     1 of li" in shown
    assert main(["command", "sign", "p.note", "-k", "wang.key"]) == Exit.FAILED
    assert told(capsys, "command.signed-already")


def test_counters_rise_per_box_and_are_kept_beside_the_key(desk: Path) -> None:
    for number, box in enumerate(("or-3", "or-3", "or-4")):
        assert (
            main(["command", "make", "identify", "--box", box, "-k", "li.key", "-o", str(number)]) == Exit.OK
        )
    counters = [
        command_v1.decode(command_pen.read((desk / name).read_bytes()).text).counter for name in "012"
    ]
    assert counters == [1, 2, 1]
    assert json.loads((desk / "li.key.counters").read_text()) == {"or-3": 2, "or-4": 1}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--arg", "channel"), "command.bad-argument"),
        (("--arg", "a:={"), "command.bad-argument"),
        (("--arg", "a=1", "--arg", "a=2"), "command.bad-argument"),
        (("--arg", "a:=0.5"), "command.bad"),
        (("--valid", "soon"), "command.bad-argument"),
        (("--valid", "31d"), "command.bad"),
        (("--nonce", "x"), "command.bad"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    desk: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: str
) -> None:
    assert make("x.note", *words) == Exit.FAILED
    assert told(capsys, code)
    assert not (desk / "x.note").exists()


def test_other_files_are_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make("p.note", kind="plan.set") == Exit.FAILED
    assert told(capsys, "command.no-nonce")
    assert make("none/x.note", key="none.key") == Exit.FAILED
    assert told(capsys, "key.missing")
    (desk / "li.key.counters").write_text("[]")
    assert make("x.note") == Exit.FAILED
    assert told(capsys, "command.counters-bad")
    (desk / "junk").write_bytes(b"junk")
    assert main(["command", "show", "junk"]) == Exit.FAILED
    assert told(capsys, "command.bad")
    assert main(["command", "show", "none"]) == Exit.FAILED
    assert told(capsys, "command.unreadable")
    assert make("junk") == Exit.FAILED
    assert told(capsys, "file.exists")
    SigningKey.generate(bytes(32), "edgeward.box/or-3").save(desk / "box.key")
    assert make("y.note", key="box.key") == Exit.FAILED
    assert told(capsys, "key.other-use")
    assert main(["command", "make", "shell.run"]) == Exit.USAGE


def test_send_needs_an_agent_and_says_what_it_answered(
    desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = make_box(tmp_path)
    (tmp_path / "run").mkdir(exist_ok=True)
    assert make("c.note", kind="identify") == Exit.OK
    capsys.readouterr()
    send = ["command", "send", "c.note", "-c", str(agent.config)]
    assert main(send) == Exit.UNAVAILABLE
    assert told(capsys, "door.none")
    box = DeskBox(tmp_path / "ledger")
    with opened(tmp_path / "run", box.desk.ask):
        assert main(send) == Exit.FAILED
        assert json.loads(capsys.readouterr().out)["reason"] == "command.unknown-key"
        (desk / "good.note").write_bytes(box.office.write(CommandType.IDENTIFY, "li"))
        assert main(["command", "send", "good.note", "-c", str(agent.config)]) == Exit.OK
        assert json.loads(capsys.readouterr().out)["status"] == "succeeded"


def test_the_real_program_makes_a_command(tmp_path: Path) -> None:
    key = tmp_path / "li.key"
    assert cli("command", "keygen", "li", "-o", str(key)).returncode == 0
    made = cli("command", "make", "identify", "--box", "or-3", "-k", str(key), "-o", str(tmp_path / "n"))
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert command_pen.read((tmp_path / "n").read_bytes()).signatures[0].name == "edgeward.operator/li"
