"""Both languages say everything, with the same fields; a sentence is filled in whatever the message."""

from __future__ import annotations

import string

import pytest

from agent.health.checks import CHECKS
from agent.health.engine import ENGINE_MESSAGES
from agent.health.site import SKIP_REASONS
from agent.health.words import LANGUAGES
from agent.health.words.sentences import Sentence
from agent.model.finding import Owner, Status


def fields(sentence: Sentence) -> set[str]:
    texts = (sentence.text, *sentence.steps)
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_of_every_check_has_words(language: str) -> None:
    words = LANGUAGES[language]
    assert set(words.checks) == {check.id for check in CHECKS}
    for check in CHECKS:
        assert set(words.checks[check.id].messages) == set(check.messages), check.id
        for message, sentence in words.checks[check.id].messages.items():
            assert sentence.steps or message == "good", f"{check.id} {message}: what to do?"
    assert set(words.engine) == set(ENGINE_MESSAGES)
    assert set(words.skip_reasons) == set(SKIP_REASONS)
    assert set(words.statuses) == set(Status)
    assert set(words.owners) == {owner.value for owner in Owner}


def test_the_languages_have_the_same_fields_and_as_many_steps() -> None:
    english, chinese = LANGUAGES["en"], LANGUAGES["zh"]
    assert set(english.labels) == set(chinese.labels)
    for check in CHECKS:
        for message in check.messages:
            one, other = (words.checks[check.id].messages[message] for words in (english, chinese))
            assert fields(one) == fields(other), f"{check.id} {message}"
            assert len(one.steps) == len(other.steps), f"{check.id} {message}"


def test_chinese_is_chinese() -> None:
    for words in LANGUAGES["zh"].checks.values():
        for sentence in words.messages.values():
            for text in (words.title, sentence.text, *sentence.steps):
                assert any("一" <= letter <= "鿿" for letter in text), text


def test_ids_are_unique() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
