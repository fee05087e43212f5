"""The files of the console's page: whole in both languages, nothing from elsewhere, no markup made of text.

What the browser refuses by policy is refused here as well, where the line can be named.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from agent.model.commands import CommandType
from tests.fakes.console_words import PAGE, made, path_of

STATIC = PAGE / "static"
VENDOR = STATIC / "vendor"
SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if VENDOR not in path.parents)
STYLES = sorted(path for path in STATIC.rglob("*.css") if VENDOR not in path.parents)
ICONS = sorted((STATIC / "icons").glob("*.svg"))
API = PAGE.parents[2] / "docs" / "formats" / "console-api-v1.md"
_PAIR = re.compile(r'(?:"(?P<quoted>[\w.-]+)"|\b(?P<bare>\w+)): "(?P<text>(?:[^"\\]|\\.)*)"')
_FIELD = re.compile(r"\{(\w+)\}")
# What would make markup, run text as a program, or reach another host.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b"
    r"|new Function|setTimeout\(\s*[\"'`]|javascript:|importScripts|srcdoc|WebSocket|sendBeacon"
)


def words(language: str) -> dict[str, str]:
    """Every sentence and word of a language, by key."""
    found: dict[str, str] = {}
    for kind in ("words", "codes"):
        for pair in _PAIR.finditer((STATIC / "words" / f"{kind}.{language}.js").read_text()):
            key = pair["quoted"] or pair["bare"]
            assert key not in found, f"{key} is there twice"
            found[key] = pair["text"]
    return found


ENGLISH, CHINESE = words("en"), words("zh")


def name(path: Path) -> str:
    return str(path.relative_to(STATIC))


def test_both_languages_have_every_word() -> None:
    # English alone has words for one of something.
    plural = {key for key in ENGLISH if key.endswith(".one") and key.removesuffix(".one") in ENGLISH}
    assert ENGLISH.keys() - plural == CHINESE.keys()
    assert len(CHINESE) > 500


def test_a_word_has_the_same_fields_in_both_languages() -> None:
    different = [
        key for key, text in CHINESE.items() if set(_FIELD.findall(text)) != set(_FIELD.findall(ENGLISH[key]))
    ]
    assert different == []


def test_chinese_is_chinese() -> None:
    latin = {key for key, text in CHINESE.items() if not re.search(r"[\u4e00-\u9fff]", text)}
    assert latin <= {"fact.sha256", "twin.python", "key.language"}


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_a_script_is_short_and_makes_no_markup(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 400
    assert not FORBIDDEN.search(text)
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_every_key_that_a_script_says_is_a_word(path: Path) -> None:
    text = path.read_text()
    said = {key for _, key in re.findall(r"\b(t)\(\"([\w.-]+)\"", text)}
    said |= set(re.findall(r"\"(reason\.[\w-]+)\"", text))
    assert said <= ENGLISH.keys()


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_every_symbol_that_a_script_shows_is_a_file(path: Path) -> None:
    text = path.read_text()
    shown = set(re.findall(r"\bicon\(\"([\w-]+)\"", text))
    shown |= {symbol for _, symbol in re.findall(r"mark\(\"(\w+)\", \"([\w-]+)\"", text)}
    shown |= {symbol for _, symbol in re.findall(r"\[\"(good|bad|warn|info|calm)\", \"([\w-]+)\"\]", text)}
    assert shown <= {icon.stem for icon in ICONS}
    drawn = (STATIC / "css" / "icons.css").read_text()
    assert all(f".icon-{symbol} " in drawn for symbol in shown)


@pytest.mark.parametrize("path", [*STYLES, *ICONS], ids=name)
def test_styles_and_symbols_ask_nobody_else(path: Path) -> None:
    text = path.read_text()
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert "<script" not in text
    assert all(found.startswith("/static/") for found in re.findall(r"url\(\"?([^\")#]+)", text))


def test_the_first_file_has_no_script_and_no_style_in_it() -> None:
    text = (PAGE / "index.html").read_text()
    assert re.findall(r"<script\b[^>]*>([^<]*)", text) == [""]
    assert not re.search(r"<style|style=|\bon\w+=", text)
    found = re.findall(r"(?:href|src)=\"([^\"]+)\"", text)
    assert all((PAGE / one.removeprefix("/")).is_file() for one in found)


def test_every_import_is_a_file() -> None:
    for path in SCRIPTS:
        for found in re.findall(r"from \"([^\"]+)\"", path.read_text()):
            assert (path.parent / found).is_file(), f"{name(path)} imports {found}"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_sentences_of_the_checks_are_those_of_the_box(language: str) -> None:
    # When it differs: python -m tests.fakes.console_words
    assert path_of(language).read_bytes() == made(language)


def test_every_command_has_a_name_in_both_languages() -> None:
    assert {f"command.{one.value}" for one in CommandType} <= CHINESE.keys()


def test_every_refusal_of_the_api_has_words() -> None:
    table = API.read_text().partition("| status | codes |")[2].partition("\n\n")[0]
    codes = set(re.findall(r"`([a-z]+\.[a-z-]+)`", table))
    assert len(codes) > 30
    assert {f"error.{code}" for code in codes} <= CHINESE.keys()


def test_every_state_of_a_command_is_explained() -> None:
    table = API.read_text().partition("| state | meaning |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    states = {state for row in rows for state in re.findall(r"`(\w+)`", row)}
    assert len(states) == 11
    for state in states:
        assert {f"command.state.{state}", f"command.state.{state}.text"} <= CHINESE.keys()


def test_every_alarm_of_the_console_has_a_name() -> None:
    text = API.read_text().partition("Codes of the console:")[2].partition("\n\n")[0]
    codes = re.findall(r"`(console\.[a-z-]+)`", text)
    assert len(codes) == 11
    assert {f"code.{code}" for code in codes} <= CHINESE.keys()


def test_libraries_of_others_are_as_their_table_says() -> None:
    table = (VENDOR / "README.md").read_text()
    told = dict(re.findall(r"^\| `([\w.]+)` .*`([0-9a-f]{64})` \|$", table, re.MULTILINE))
    files = {path.name for path in VENDOR.iterdir()} - {"README.md", "LICENSE.uPlot"}
    assert told.keys() == files
    for file, expected in told.items():
        assert sha256((VENDOR / file).read_bytes()).hexdigest() == expected
    assert "MIT License" in (VENDOR / "LICENSE.uPlot").read_text()
