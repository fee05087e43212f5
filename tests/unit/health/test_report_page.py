"""The page in short: what changed since the last visit, one line for what is skipped for one reason, one
article for what is wrong on several channels, and no green verdict for a check that is incomplete."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent.formats.check_report_v1 import Report
from agent.health.report_page import page
from agent.health.words import LANGUAGES
from agent.model.finding import Finding, Status
from tests.fakes.sites import FakeBox, healthy
from tests.unit.health.test_report import report, texts

ENGLISH = LANGUAGES["en"]


def said(made: Report, before: Report | None = None) -> str:
    return texts(page(made, before, "0" * 64, ENGLISH, "en"))


def with_findings(made: Report, *findings: Finding, complete: bool = True, result: int = 1) -> Report:
    return replace(made, findings=findings, complete=complete, result=result)


def one(made: Report, check: str) -> Finding:
    return next(finding for finding in made.findings if finding.check == check)


def bad_box(folder: Path) -> FakeBox:
    box = healthy(folder)
    box.channel(signal="absent", last_durable_age_s=None)
    box.write("/proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n")
    return box


def test_what_was_put_right_since_the_last_visit_is_named(tmp_path: Path) -> None:
    box = bad_box(tmp_path)
    before = report(box)
    box.channel()
    box.write("/proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 80000 kB\n")
    text = said(report(box), before)  # the swap, and the board's clock that the fake one leaves behind
    when = before.made[:16].replace("T", " ")
    assert f"Since the report of {when} UTC: 1 put right, 1 new, 2 as before." in text
    assert "Put right: Picture ch0." in text
    assert "(before: PASS)" in text  # memory
    assert "(before: FAIL)" in text  # the picture, which is good now


def test_without_a_report_before_nothing_is_said_of_one(tmp_path: Path) -> None:
    assert "Since the report" not in said(report(bad_box(tmp_path)))


def test_what_is_skipped_for_one_reason_shares_a_line(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    for name in ("smartctl", "nft", "sshd"):
        del box.programs[name]
    html = page(report(box), None, "0" * 64, ENGLISH, "en")
    [line] = [part for part in re.findall(r'<p class="skipped">(.*?)</p>', html) if "not installed" in part]
    for name, check in (("smartctl", "store.smart"), ("nft", "sec.firewall"), ("sshd", "sec.ssh")):
        assert f"({name})" in line and check in line
    assert html.count("not installed") == 1


def test_the_same_fault_of_several_channels_is_one_article_with_what_each_measured(tmp_path: Path) -> None:
    made = report(bad_box(tmp_path))
    absent = one(made, "vid.signal")
    slow = replace(
        one(made, "vid.jitter"), judged=replace(one(made, "vid.jitter").judged, status=Status.WARN)
    )
    late = [
        replace(
            slow,
            target=target,
            judged=replace(slow.judged, message="uneven", measured=measured, values={"measured": measured}),
        )
        for target, measured in (("ch0", "80 ms"), ("ch1", "95 ms"))
    ]
    both = with_findings(made, absent, replace(absent, target="ch1"), *late)
    html = page(both, None, "0" * 64, ENGLISH, "en")
    assert html.count("<article ") == 2
    text = texts(html)
    assert "Picture ch0 ch1" in text and text.count("no picture comes from the device") == 1
    assert "measured: 80 ms; 95 ms" in text
    assert "ch0: pictures come up to 80 ms" in text and "ch1: pictures come up to 95 ms" in text


def test_an_incomplete_check_without_a_fault_is_not_called_good(tmp_path: Path) -> None:
    made = report(healthy(tmp_path))
    passed = [finding for finding in made.findings if finding.judged.status is Status.PASS]
    text = said(with_findings(made, *passed, complete=False, result=2))
    assert ENGLISH.labels["good"] not in text and ENGLISH.labels["incomplete"] in text
    assert ENGLISH.labels["good"] in said(with_findings(made, *passed, result=0))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_has_its_owner_and_numbered_steps_on_the_page(tmp_path: Path, language: str) -> None:
    made, words = report(bad_box(tmp_path)), LANGUAGES[language]
    html = page(made, None, "0" * 64, words, language)
    for check in ("vid.signal", "host.swap"):
        finding = one(made, check)
        [article] = [part for part in html.split("<article ")[1:] if f">{check}<" in part]
        assert words.owners[finding.owner.value] in article
        assert article.count("<li>") == len(words.sentence(finding).steps) > 0
