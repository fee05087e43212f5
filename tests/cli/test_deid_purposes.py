"""What a person meets at `edgeward deid` for the purposes that need more, and at the two verbs beside it."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.progress import ProgressBar
from agent.cli.verbs import deid, deid_approve, deid_reidentify
from agent.deid.models import FACES
from agent.formats.command_v1 import KEY_PREFIX
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse
from agent.runtime.deid_approval import approve
from tests.fakes import operators
from tests.fakes.agents import Box, make_box
from tests.fakes.face_films import POLICY, RedDetector, policy, write_film
from tests.unit.deid.test_purposes import STUDY
from tests.unit.runtime.test_deid_film import ASSIST, OFFICERS, SUBJECT


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(deid, "load", lambda _folder, _model=FACES: b"")
    monkeypatch.setattr(deid, "CenterFace", lambda _model, _profile: RedDetector())
    return write_film(tmp_path / "film.mp4", frames=50)


def run(film: Path, text: str, output: str, report: str, *more: str) -> int:
    folder = film.parent
    (folder / "p.toml").write_text(text, encoding="utf-8")
    parser = argparse.ArgumentParser()
    deid.configure(parser)
    words = [
        str(film), "--policy", str(folder / "p.toml"), "-o", str(folder / output), "--report",
        str(folder / report), "--models", str(folder), "-c", str(folder / "agent.toml"), *more,
    ]  # fmt: skip
    return deid.run(parser.parse_args(words))


def test_new_technology_gets_random_names(film: Path) -> None:
    text = POLICY.replace('"general"', '"newtech"') + STUDY
    with pytest.raises(Refuse) as caught:
        run(film, text, "out.mp4", "out.json", "--start", "0", "--end", "1")
    assert caught.value.code == "deid.name"
    folder = film.parent / "given"
    folder.mkdir()
    assert run(film, text, "given", "given", "--start", "0", "--end", "1") == Exit.OK
    names = sorted(path.name for path in folder.iterdir())
    report = json.loads((folder / f"{names[0].split('.')[0]}.json").read_text(encoding="utf-8"))
    assert names == [f"{report['id']}.json", f"{report['id']}.mp4"]
    assert run(film, text, "given", "given", "--start", "0", "--end", "1") == Exit.OK
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize(
    ("more", "code"),
    [((), "deid.window"), (("--start", "0"), "deid.window"), (("--start", "0", "--end", "2"), "deid.window")],
)
def test_a_study_needs_its_window(more: tuple[str, ...], code: str, film: Path) -> None:
    with pytest.raises(Refuse) as caught:
        run(film, POLICY.replace('"general"', '"research"') + STUDY, "out.mp4", "out.json", *more)
    assert caught.value.code == code
    assert list(film.parent.glob("out*")) == []


def test_two_officers_re_identify_with_a_reason(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = film.parent / "case.link"
    more = ("--link", str(link), "--subject", SUBJECT)
    assert run(film, ASSIST, "out.mp4", "out.json", *more) == Exit.OK
    keys = []
    for number, identity in enumerate(OFFICERS[:2]):
        path = film.parent / f"{number}.key"
        path.write_text(identity + "\n", encoding="ascii")
        keys.append(path)
    assert reidentify(link, keys, "finding of 2 May") == Exit.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["subject"], told["reason"]) == (SUBJECT, "finding of 2 May")
    for given, reason, code in ((keys[:1], "why", "seal.more-keys"), (keys, " ", "deid.no-reason")):
        with pytest.raises(Refuse) as caught:
            reidentify(link, given, reason)
        assert caught.value.code == code
    assert SUBJECT not in capsys.readouterr().out


def reidentify(link: Path, keys: list[Path], reason: str) -> int:
    parser = argparse.ArgumentParser()
    deid_reidentify.configure(parser)
    words = [str(link), "--reason", reason]
    for key in keys:
        words += ["-i", str(key)]
    return deid_reidentify.run(parser.parse_args(words))


def test_a_signed_report_needs_a_box(film: Path) -> None:
    with pytest.raises(Refuse) as caught:
        run(film, POLICY, "out.mp4", "out.json", "--sign")
    assert caught.value.code == "deid.no-config"
    assert list(film.parent.glob("out*")) == []


def test_an_approver_signs_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.toml").write_text(POLICY.replace("data protection officer", "dpo"), encoding="utf-8")
    SigningKey.generate(bytes(32), KEY_PREFIX + "dpo").save(tmp_path / "dpo.key")
    parser = argparse.ArgumentParser()
    deid_approve.configure(parser)
    words = [str(tmp_path / "p.toml"), "-k", str(tmp_path / "dpo.key"), "-o", str(tmp_path / "p.approval")]
    assert deid_approve.run(parser.parse_args(words)) == Exit.OK
    assert "test version 1: approved by dpo" in capsys.readouterr().out
    with pytest.raises(Refuse) as caught:
        deid_approve.run(parser.parse_args(words))
    assert caught.value.code == "file.exists"


class Screen(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_a_bar_is_drawn_on_a_terminal_now_and_then_and_taken_away() -> None:
    screen, now = Screen(terminal=True), [0]
    bar = ProgressBar(screen, 2, lambda: now[0])
    for frame in range(1, 101):
        now[0] += 50_000_000
        bar(1, frame, 100)
    lines = screen.getvalue().split("\r")
    assert lines[1].startswith("pass 1 of 2 [")
    assert "100 % 100/100 frames" in lines[-1]
    assert 20 <= len(lines) <= 30
    bar(2, 7, 0)
    now[0] += 1_000_000_000
    bar(2, 8, 0)
    assert "pass 2 of 2 8 frames" in screen.getvalue()
    bar.close()
    assert screen.getvalue().endswith(" \r")


def test_nothing_is_drawn_elsewhere() -> None:
    screen = Screen(terminal=False)
    bar = ProgressBar(screen, 2, lambda: 0)
    bar(1, 1, 10)
    bar.close()
    assert screen.getvalue() == ""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box that knows approvers, and has its key."""
    (tmp_path / "box").mkdir()
    made = make_box(tmp_path / "box", extra=operators.toml())
    (tmp_path / "box" / "state").mkdir()
    SigningKey.generate(bytes(32), "edgeward.box/test-box").save(tmp_path / "box" / "state" / "signing.key")
    return made


def on(box: Box, film: Path, *more: str) -> int:
    text = POLICY.replace("data protection officer", "zhao")
    return run(film, text, "out.mp4", "out.json", *more, "-c", str(box.config))


def test_on_a_box_with_approvers_a_policy_needs_their_signature(film: Path, box: Box) -> None:
    with pytest.raises(Refuse) as caught:
        on(box, film)
    assert caught.value.code == "deid.unapproved"
    assert list(film.parent.glob("out*")) == []
    data = (film.parent / "p.toml").read_bytes()
    approval = film.parent / "p.approval"
    approval.write_bytes(approve(policy(data.decode()), data, operators.KEYS["zhao"]))
    assert on(box, film, "--approval", str(approval), "--sign") == Exit.OK
    report = json.loads((film.parent / "out.json").read_text(encoding="utf-8"))
    assert (report["policy"]["approval"], report["policy"]["signed_by"]) == ("signed", "zhao")
    assert (film.parent / "out.json.note").read_text(encoding="utf-8").startswith("edgeward.deid-report/v1\n")
