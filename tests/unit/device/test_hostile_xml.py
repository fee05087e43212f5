"""XML that wants to read files, to call somebody, or to grow: none of it gets through."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.device.hostile_xml import parse_xml

LAUGHS = (
    '<!DOCTYPE a [<!ENTITY x "lol">'
    + "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 10))
    + "]><a>&x9;</a>"
).replace("&x0;", "&x;")


def test_a_whole_document_is_read() -> None:
    root = parse_xml(b"<?xml version='1.0'?><a><!-- c --><b>text</b><?p i?></a>")
    assert [one.tag for one in root] == ["b"]
    assert root[0].text == "text"


def test_an_entity_that_names_a_file_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("planted")
    text = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'
    with pytest.raises(ValueError, match="document type") as caught:
        parse_xml(text.encode())
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff",
        b"<a>",
        b"<a></b>",
        b"<a>&unknown;</a>",
        b"<a/><b/>",
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
        LAUGHS.encode(),
        b"<a>" * 5000 + b"</a>" * 5000,
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"planted text that is no XML",
    ],
)
def test_anything_else_is_refused_without_being_repeated(data: bytes) -> None:
    with pytest.raises(
        ValueError, match=r"^(not well-formed XML|a document type, which no message has)$"
    ) as caught:
        parse_xml(data)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
