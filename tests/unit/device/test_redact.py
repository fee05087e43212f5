"""No spelling of a planted password survives."""

from __future__ import annotations

import pytest

from agent.device.redact import redact

PASSWORDS = ["plain", "with:colon", "with@at", "with/slash", "a b", "ü€", "100%", "x?y#z"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_given_passwords_go_in_every_spelling(password: str) -> None:
    from urllib.parse import quote

    for spelling in (password, quote(password), quote(password, safe="")):
        assert spelling not in redact(f"error {spelling} in {spelling}", ["cam", password])


@pytest.mark.parametrize("password", [p for p in PASSWORDS if " " not in p])
def test_the_user_part_of_a_url_goes_without_being_given(password: str) -> None:
    text = redact(f"can't open 'rtsp://cam:{password}@10.0.0.5:554/live?x=1': refused")
    assert text == "can't open 'rtsp://***@10.0.0.5:554/live?x=1': refused"


def test_other_text_stays() -> None:
    text = "a@b.example rtsp://10.0.0.5/live failed"
    assert redact(text, [None, ""]) == text
