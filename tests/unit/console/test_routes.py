"""The console's table of paths and roles is the one that its document promises."""

from __future__ import annotations

import re
from pathlib import Path

from agent.console.api.errors import _STATUS, status_of
from agent.console.api.routes import RULES
from agent.console.roles import EVERY, Role
from agent.model.errors import Refuse, Retry

TEXT = (Path(__file__).parents[3] / "docs/formats/console-api-v1.md").read_text()
_ROW = re.compile(r"^\| (`(?:GET|POST) [^|]*) \| ([^|]*) \|", re.MULTILINE)


def promised() -> dict[tuple[str, str], frozenset[Role] | None]:
    """Method and path of each line of the document, and who may."""
    found: dict[tuple[str, str], frozenset[Role] | None] = {}
    for paths, who in _ROW.findall(TEXT.replace('"ok"|"', '"ok"/"')):
        roles = (
            EVERY
            if who == "any"
            else None
            if who == "all" or who.startswith("loopback")
            else frozenset(map(Role, who.split(", ")))
        )
        for method, path in re.findall(r"(GET|POST) (/[^`]*)`", paths):
            found[method, path] = roles
    return found


def test_every_rule_is_in_the_document_with_the_same_roles_and_no_other_one_is() -> None:
    document = promised()
    assert document.pop(("GET", "/static/{path}")) is None
    assert {(rule.method, rule.path): rule.roles for rule in RULES} == document


def test_a_rule_that_changes_something_is_no_get_and_has_roles() -> None:
    for rule in RULES:
        assert rule.method in ("GET", "POST")
        assert rule.roles != frozenset()
        assert rule.method == "GET" or rule.roles is not None or rule.page == "session.log_in"


def test_every_status_is_the_documents() -> None:
    table = TEXT.partition("| status | codes |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        statuses, codes = line.strip("| ").split(" | ", 1)
        for code in re.findall(r"`([a-z-]+\.[a-z-]+)`", codes):
            known = _STATUS.get(code)
            made = status_of(
                Retry(code, "", "", after_s=1) if code.startswith("stream") else Refuse(code, "", "")
            )
            assert str(made if known is None else known) in statuses.split(", ")
