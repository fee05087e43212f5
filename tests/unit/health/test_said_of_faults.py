"""Of every fault it is said in both languages what was measured, what is required, whose work it is, and what
to do in numbered steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.health.checks import CHECKS
from agent.health.engine import run, tasks
from agent.health.render import NOTHING, lines
from agent.health.words import LANGUAGES
from tests.fakes.sites import FakeBox, healthy
from tests.unit.health.test_faults_one_by_one import FAULTS, INODES, findings

# Nothing can be measured of what can't be read or isn't told; the sentence says that.
UNMEASURED = {("crypto.certificate", "unreadable"), ("device.firmware", "not-told")}
# Units, kinds of things that have no Chinese name, and names that somebody gave.
SAME_IN_CHINESE = re.compile(
    r"(?<![a-z])(°C|d|h|s|ms|x|B|Mbit/s|GB|GiB|KiB|MiB|CRC|TLS|LUKS|rtsps?|https|ext4|xfs|btrfs|zfs|tmpfs|nfs4|age1…"
    r"|ch0|eth[01]|sdb|guest|toor|test-box|box-9|V5\.[47]\.0)(?![a-z])"
)
CODE_OR_PATH = re.compile(r"[\w-]*[./][\w./-]*|[0-9a-f]{8}-[0-9a-f-]{27}")


def english_left(text: str | None) -> str:
    """What is still written in Latin letters on a Chinese page."""
    left = CODE_OR_PATH.sub("", SAME_IN_CHINESE.sub("", LANGUAGES["zh"].quantity(text or "")))
    return "".join(re.findall(r"[A-Za-z]+", left))


@pytest.mark.parametrize(
    ("fault", "check"), [row[:2] for row in FAULTS], ids=[row[0].__name__ for row in FAULTS]
)
def test_everything_is_said_in_both_languages(
    tmp_path: Path, fault: Callable[[FakeBox], None], check: str
) -> None:
    box = healthy(tmp_path)
    fault(box)
    chosen = [one for one in CHECKS if one.id == check]
    [finding] = run(tasks(chosen, ["ch0"]), box.site(), lambda _task: None)
    judged = finding.judged
    assert english_left(judged.measured) == english_left(judged.required) == ""
    assert judged.required not in (None, "", NOTHING)
    if (finding.check, judged.message) not in UNMEASURED:
        assert judged.measured not in (None, "", NOTHING)
    for words in LANGUAGES.values():
        said = list(lines(finding, words))
        numbers = [line.split(".")[0].strip() for line in said if re.match(r" {6}\d+\. ", line)]
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)] != []
        assert words.owners[finding.owner.value] in "".join(said)
        assert words.labels["required"] in said[1]
        assert not any("{" in line or "}" in line for line in said)


def test_what_is_good_is_measured_in_chinese_too(tmp_path: Path) -> None:
    found = findings(healthy(tmp_path))
    texts = [text for one in found for text in (one.judged.measured, one.judged.required)]
    assert [text for text in texts if english_left(text)] == []


def test_codes_and_paths_are_never_translated() -> None:
    chinese = LANGUAGES["zh"]
    for text in ("disk.full", "/dev/mapper/open", "vid.signal", "eth0", "plan.refused"):
        assert chinese.quantity(text) == text
    assert chinese.quantity("present, ≤ 10 s") == "有画面, ≤ 10 s"
    assert LANGUAGES["en"].quantity("present, ≤ 10 s") == "present, ≤ 10 s"


def test_the_document_names_found_faults_as_they_are_found() -> None:
    text = (Path(__file__).parents[3] / "docs" / "checks.md").read_text(encoding="utf-8")
    section = text.partition("\n## Faults that were injected\n")[2].partition("\n## ")[0]
    assert f"{len(FAULTS) + len(INODES)} faults, all\n{len(CHECKS)} checks" in section
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| ")][1:]
    found = {(row[1], row[3]) for row in FAULTS} | {("store.inodes", message) for _, _, message in INODES}
    for _, checks, messages in rows:
        named = re.findall(r"`(.*?)`", checks)
        told = re.findall(r"`(.*?)`", messages)
        assert all(pair in found for pair in zip(named, told, strict=bool(told))), checks
