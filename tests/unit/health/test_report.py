"""A report is signed, chained, never replaced; its page says everything, escaped, and prints on one sheet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agent.formats import check_report_v1
from agent.formats.check_report_v1 import Masked, Report
from agent.health.checks import CHECKS
from agent.health.engine import run, tasks
from agent.health.words import LANGUAGES
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse
from agent.model.finding import Finding, Status
from agent.runtime.check_reports import make_report, read_report, store_report
from tests.fakes.sites import FakeBox, healthy

KEY = SigningKey.generate(bytes(range(32)), "edgeward.box/test-box")
VECTORS = Path(__file__).parents[2] / "vectors" / "check-report-v1"

PICTURE = Masked(channel="ch0", rows=("01234cef",) * 5)


def findings(box: FakeBox) -> list[Finding]:
    return list(run(tasks(CHECKS, ["ch0"]), box.site(), lambda _task: None))


def report(box: FakeBox, technician: str = "li.wei") -> Report:
    box.clock.advance(60)
    return make_report(
        box.config,
        findings(box),
        now=box.clock.now(),
        profile="visit",
        technician=technician,
        result=1,
        complete=True,
    )


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name in ("src", "href") or name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def texts(page: str) -> str:
    parser = Texts()
    parser.feed(page)
    assert "script" not in parser.tags
    return " ".join(parser.texts)


def test_a_report_is_signed_by_the_box_and_comes_back_as_it_was(tmp_path: Path) -> None:
    made = report(healthy(tmp_path / "site"))
    path, sha256 = store_report(tmp_path / "reports", made, KEY, "en")
    data = path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == sha256
    found = read_report(data, Verifier(KEY.verifier_key))
    assert found == replace(made, findings=tuple(replace(one, seconds=0.0) for one in made.findings))


def test_a_changed_report_is_refused(tmp_path: Path) -> None:
    path, _ = store_report(tmp_path / "reports", report(healthy(tmp_path / "site")), KEY, "en")
    data = path.read_bytes().replace(b'"fail"', b'"pass"').replace(b'"result":1', b'"result":0')
    with pytest.raises(Refuse) as refused:
        read_report(data, Verifier(KEY.verifier_key))
    assert refused.value.code == "note.forged"


def test_reports_are_chained_and_what_changed_is_marked(tmp_path: Path) -> None:
    box = healthy(tmp_path / "site")
    folder = tmp_path / "reports"
    _, first = store_report(folder, report(box), KEY, "en")
    box.channel(signal="absent", last_durable_age_s=None)
    path, _ = store_report(folder, report(box), KEY, "en")
    assert read_report(path.read_bytes(), Verifier(KEY.verifier_key)).previous == first
    said = texts(path.with_suffix(".html").read_text())
    assert said.count("before: PASS") == 1
    assert "no picture comes from the device" in said


def test_a_report_is_never_replaced(tmp_path: Path) -> None:
    made = report(healthy(tmp_path / "site"))
    path, _ = store_report(tmp_path / "reports", made, KEY, "en")
    before = path.read_bytes()
    with pytest.raises(Refuse) as refused:
        store_report(tmp_path / "reports", made, KEY, "en")
    assert refused.value.code == "report.exists"
    assert path.read_bytes() == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_every_finding_and_the_hash(tmp_path: Path, language: str) -> None:
    box = healthy(tmp_path / "site")
    box.channel(signal="absent", last_durable_age_s=None)
    made = report(box)
    path, sha256 = store_report(tmp_path / "reports", made, KEY, language)
    page = path.with_suffix(".html").read_text()
    said = texts(page)
    for finding in made.findings:
        assert finding.check in said
        assert LANGUAGES[language].title(finding) in said
    assert sha256 in said
    assert "li.wei" in said
    assert "<svg" in page
    if language == "zh":
        assert "没有图像" in said or "设备没有送来图像" in said


def test_hostile_values_are_escaped(tmp_path: Path) -> None:
    box = healthy(tmp_path / "site")
    box.probe(ledger_problems=lambda: (1, ("<script>alert(1)</script>",)))
    path, _ = store_report(tmp_path / "reports", report(box), KEY, "en")
    page = path.with_suffix(".html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    texts(page)


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "li\nwei", "<b>", "-x"])
def test_a_technician_needs_a_plain_id(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refuse) as refused:
        report(healthy(tmp_path / "site"), technician=name)
    assert refused.value.code == "report.bad-technician"


def test_the_vector_is_still_read_and_spelled_the_same() -> None:
    text = (VECTORS / "good" / "report.txt").read_text(encoding="utf-8")
    found = check_report_v1.decode(text)
    assert (found.box, found.result, found.complete, len(found.findings)) == ("test-box", 1, True, 2)
    assert found.findings[0].judged.status is Status.FAIL
    assert check_report_v1.encode(found) == text


def test_the_vector_with_pictures_is_still_read_and_spelled_the_same() -> None:
    text = (VECTORS / "with-pictures" / "report.txt").read_text(encoding="utf-8")
    found = check_report_v1.decode(text)
    assert found.pictures == (PICTURE,)
    assert check_report_v1.encode(found) == text


@pytest.mark.parametrize("digits", ["", "0" * 39, "0" * 41, "0" * 39 + "G", "F" * 40, "0" * 40 + "\n"])
def test_what_is_no_masked_picture_is_none(digits: str) -> None:
    assert check_report_v1.masked("ch0", digits) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_masked_picture_is_drawn_as_squares_and_counts_for_the_hash(tmp_path: Path, language: str) -> None:
    made = report(healthy(tmp_path / "site"))
    plain = check_report_v1.encode(made)
    with_picture = replace(made, pictures=(PICTURE,))
    assert check_report_v1.encode(with_picture) != plain
    path, _ = store_report(tmp_path / "reports", with_picture, KEY, language)
    page = path.with_suffix(".html").read_text()
    assert page.count("<rect ") == 40
    assert page.count('fill="#fff"') == page.count('fill="#000"') == 5
    assert LANGUAGES[language].labels["masked"] in texts(page)
    assert read_report(path.read_bytes(), Verifier(KEY.verifier_key)).pictures == (PICTURE,)


def test_the_running_agent_s_pictures_are_shown_but_none_of_level_5(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    assert box.site().pictures() == ()
    box.channel(picture="".join(PICTURE.rows))
    assert box.site().pictures() == (PICTURE,)
    box.channel(picture="f" * 144)
    assert box.site().pictures() == ()
    box.channel(picture="".join(PICTURE.rows), signal="absent")  # the last one that came is not shown
    assert box.site().pictures() == ()
    box.channel(picture="".join(PICTURE.rows))
    box.change_channel(level=5)
    assert box.site().pictures() == ()
    box.stop_agent()
    assert box.site().pictures() == ()


def test_a_report_without_pictures_says_nothing_of_them(tmp_path: Path) -> None:
    path, _ = store_report(tmp_path / "reports", report(healthy(tmp_path / "site")), KEY, "en")
    assert b"pictures" not in path.read_bytes()
    assert LANGUAGES["en"].labels["pictures"] not in texts(path.with_suffix(".html").read_text())


def test_channels_of_which_the_same_is_said_share_a_line_and_owners_are_counted(tmp_path: Path) -> None:
    made = report(healthy(tmp_path / "site"))
    [size] = [one for one in made.findings if one.check == "vid.mode"]
    [signal] = [one for one in made.findings if one.check == "vid.signal"]
    absent = replace(signal, judged=replace(signal.judged, status=Status.FAIL, message="absent"))
    made = replace(made, findings=(size, replace(size, target="ch1"), absent))
    path, _ = store_report(tmp_path / "reports", made, KEY, "en")
    said = texts(path.with_suffix(".html").read_text())
    assert "ch0 ch1: 1280x720, as required" in said
    assert said.count("vid.mode") == 1
    assert "Whose work: technician 1" in said


@pytest.mark.parametrize("case", json.loads((VECTORS / "bad.json").read_text()), ids=lambda case: case["why"])
def test_a_bad_text_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(Refuse) as refused:
        check_report_v1.decode(case["text"])
    assert refused.value.code in ("report.bad", "report.bad-technician")
