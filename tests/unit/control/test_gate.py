"""The gate: every vector gives its code, in the order of the document; RULES are the document's table."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.control.account import CommandAccount
from agent.control.gate import Admitted, Denied, Gate, Repeated
from agent.control.operators import Operators
from agent.formats.config_operators import OperatorConfig
from agent.formats.ledger_v1 import LeafType
from agent.ledger.signing import Verifier
from agent.model.commands import RULES, CommandType, Role
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import ClockQuality, Instant, from_rfc3339

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests/vectors/commands-v1"
CASES = sorted(path.name for path in VECTORS.iterdir() if path.is_dir())
BOX: dict[str, Any] = json.loads((VECTORS / "box.json").read_text())
CONFIGURED = [
    OperatorConfig.model_validate(one) for one in json.loads((VECTORS / "operators.json").read_text())
]
GATE = Gate(BOX["box"], Operators(CONFIGURED, Verifier), BOX["nonce"])
NOW = Instant(wall_ns=from_rfc3339(BOX["now"]), mono_ns=1, quality=ClockQuality.SYNCED)


def note(case: str) -> bytes:
    return (VECTORS / case / "command.note").read_bytes()


def account() -> CommandAccount:
    keys = {one.name: f"{one.key.split('+')[0]}+{one.key.split('+')[1]}" for one in CONFIGURED}
    return CommandAccount(counters={keys[name]: count for name, count in BOX["counters"].items()})


def code(data: bytes, *, now: Instant = NOW, gate: Gate = GATE, book: CommandAccount | None = None) -> str:
    found = gate.judge(data, None, book or account(), now)
    return found.error.code if isinstance(found, Denied) else type(found).__name__


def enter(book: CommandAccount, found: Admitted) -> None:
    facts: dict[str, Json] = {
        "cmd_id": found.command.id,
        "type": found.command.type.value,
        "signers": list(found.command.signers),
        "key": found.key,
        "counter": found.counter,
        "sha256": found.sha256,
        "note": None,
        "attempt": 1,
    }
    book.enter(LeafType.COMMAND_ACCEPTED, facts, 0)


def admitted(case: str, book: CommandAccount) -> Admitted:
    found = GATE.judge(note(case), None, book, NOW)
    assert isinstance(found, Admitted)
    return found


def test_the_cases_are_there() -> None:
    assert len(CASES) == 37
    assert sum(case.endswith("_fail") for case in CASES) == 32


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    found = GATE.judge(note(case), None, account(), NOW)
    expected = (VECTORS / case / "expected").read_text().strip()
    if isinstance(found, Denied):
        assert case.endswith("_fail")
        assert found.error.code == expected
        assert found.error.advice
    else:
        assert isinstance(found, Admitted)
        assert (expected, case.endswith("_fail")) == ("ok", False)


def test_every_code_of_the_document_has_a_case_or_a_test_of_the_desk() -> None:
    text = (ROOT / "docs/formats/commands-v1.md").read_text()
    checks = text.partition("\n## Checks\n")[2].partition("\n## ")[0]
    codes = set(re.findall(r"^\| [0-9–]+ \| `(command\.[a-z-]+)`", checks, re.MULTILINE))
    here = {(VECTORS / case / "expected").read_text().strip() for case in CASES} - {"ok"}
    elsewhere = {
        "command.retained", "command.other-topic", "command.repeated", "command.id-reused",
        "command.clock-untrusted", "command.not-here", "command.not-local",
    }  # fmt: skip
    assert codes == here | elsewhere


def test_the_table_of_types_is_rules() -> None:
    text = (ROOT / "docs/formats/commands-v1.md").read_text()
    table = text.partition("\n## Types\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    said = {row[0].strip("`"): tuple(row[1:5]) for row in rows}
    words = {True: "yes", False: "no"}
    assert said == {
        kind.value: (
            ", ".join(sorted(role.value for role in rule.roles)),
            str(rule.signatures),
            words[rule.privileged],
            words[rule.local],
        )
        for kind, rule in RULES.items()
    }
    assert set(RULES) == set(CommandType)


def test_what_is_not_verified_names_nobody() -> None:
    for case in ("role_fail", "forged_fail", "unknown_key_fail"):
        found = GATE.judge(note(case), None, account(), NOW)
        assert isinstance(found, Denied)
        assert (found.signers, found.cmd_id, found.type) == ((), None, None)
    late = GATE.judge(note("expired_fail"), None, account(), NOW)
    assert isinstance(late, Denied)
    assert late.signers == ("li",)


def test_the_topic_must_say_what_the_note_says() -> None:
    kind, cmd_id = "identify", "019ab3a1-0400-7abc-8def-0123456789ab"
    assert isinstance(GATE.judge(note("good"), (kind, cmd_id), account(), NOW), Admitted)
    for address in (("rebirth", cmd_id), (kind, cmd_id.replace("a", "b"))):
        found = GATE.judge(note("good"), address, account(), NOW)
        assert isinstance(found, Denied)
        assert found.error.code == "command.other-topic"


def test_a_repeat_is_known_and_an_id_is_used_once() -> None:
    book = account()
    enter(book, admitted("good", book))
    found = GATE.judge(note("good"), None, book, NOW)
    assert isinstance(found, Repeated)
    assert found.command.signers == ("li",)
    # The same id under another text, which even has a higher counter for its own operator.
    assert code(note("good_with_nonce"), book=book) == "command.id-reused"


def test_a_counter_that_was_passed_is_refused_whatever_came_between() -> None:
    book = account()
    enter(book, replace(admitted("good", book), counter=8, sha256="0" * 64))
    book.running.clear()
    assert code(note("good"), book=book) == "command.counter"


def test_counters_are_each_operators_own() -> None:
    book = account()
    enter(book, admitted("good_two_signatures", book))
    book.running.clear()
    assert code(note("good"), book=book) == "Admitted"


@pytest.mark.parametrize("quality", [ClockQuality.UNSYNCED, ClockQuality.UNKNOWN])
@pytest.mark.parametrize("years", [-30, 0, 30])
def test_without_a_trusted_clock_the_nonce_decides(quality: ClockQuality, years: int) -> None:
    now = replace(NOW, wall_ns=NOW.wall_ns + years * 365 * 86_400 * 10**9, quality=quality)
    assert code(note("good"), now=now) == "command.clock-untrusted"
    assert code(note("good_with_nonce"), now=now) == "Admitted"
    other = Gate(BOX["box"], Operators(CONFIGURED, Verifier), "f" * 32)
    assert code(note("good_with_nonce"), now=now, gate=other) == "command.old-birth"


def test_a_trusted_clock_that_is_off_by_years_refuses() -> None:
    year_ns = 365 * 86_400 * 10**9
    assert code(note("good"), now=replace(NOW, wall_ns=NOW.wall_ns + 3 * year_ns)) == "command.expired"
    assert code(note("good"), now=replace(NOW, wall_ns=NOW.wall_ns - 3 * year_ns)) == "command.not-yet"


def test_both_ends_of_the_window_have_300_s_of_leeway() -> None:
    issued, end = from_rfc3339("2026-11-23T23:59:00.000000Z"), from_rfc3339("2026-11-24T01:00:00.000000Z")
    second = 10**9
    for wall_ns, expected in (
        (issued - 300 * second, "Admitted"),
        (issued - 300 * second - 1, "command.not-yet"),
        (end + 300 * second, "Admitted"),
        (end + 300 * second + 1, "command.expired"),
    ):
        assert code(note("good"), now=replace(NOW, wall_ns=wall_ns)) == expected


def test_every_byte_counts() -> None:
    data = note("good")
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        assert code(bytes(changed)).startswith("command."), place


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_garbage_is_refused_and_nothing_else_happens(data: bytes) -> None:
    assert code(data) == "command.bad"


@given(st.binary(max_size=200))
def test_garbage_in_a_good_frame_is_refused(data: bytes) -> None:
    found = code(note("good").replace(b'"args":{}', b'"args":' + data, 1))
    assert found.startswith("command.") or data == b"{}"


def test_accepted_ones_are_judged_again_without_the_moment() -> None:
    assert GATE.judge_again(note("expired_fail")).type is CommandType.IDENTIFY
    assert GATE.judge_again(note("old_birth_fail")).signers == ("wang", "zhao")
    for case in ("forged_fail", "role_fail", "other_box_fail", "one_signature_fail"):
        with pytest.raises(Refuse):
            GATE.judge_again(note(case))


def test_another_library_verifies_the_signatures_as_c2sp_says() -> None:
    """Text up to the blank line, signature behind four bytes of key id: only our files are used."""
    keys = {one["name"]: one["key"] for one in json.loads((VECTORS / "operators.json").read_text())}
    head, _, tail = note("good_two_signatures").decode().partition("\n\n")
    lines = tail.splitlines()
    assert len(lines) == 2
    for line in lines:
        dash, name, encoded = line.split(" ")
        public = b64decode(keys[name.rpartition("/")[2]].split("+", 2)[2])
        key_id = sha256(name.encode() + b"\n" + public).digest()[:4]
        value = b64decode(encoded)
        assert (dash, value[:4]) == ("\u2014", key_id)
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(value[4:], f"{head}\n".encode())


def test_no_role_holds_another() -> None:
    for role in Role:
        assert any(rule.roles - {role} for rule in RULES.values())
        assert any(role not in rule.roles for rule in RULES.values())
