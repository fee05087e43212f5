"""Leaves as NDJSON, RFC 5424 syslog and CEF: to the byte against vectors, with every character to escape."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.ledger_v1 import STD_CLAUSES, Leaf, LeafType, decode_leaf
from agent.model.outgoing import Json
from agent.model.times import ClockQuality, from_rfc3339
from agent.runtime.ledger_export import FORMATS, LeafFilter, cef, line, ndjson, syslog

VECTORS = Path(__file__).parents[2] / "vectors" / "ledger-export-v1"
CASES = sorted(path.name for path in VECTORS.iterdir() if path.is_dir())


def make(kind: LeafType = LeafType.OPENED_BY, *, actor: str = "dr-7", n: int = 7, **body: Json) -> Leaf:
    return Leaf(
        box="or-3",
        boot=2,
        n=n,
        wall="2026-11-24T00:20:00.000001Z",
        mono_ns=5,
        clk=ClockQuality.SYNCED,
        type=kind,
        std=STD_CLAUSES[kind],
        actor=actor,
        authority="ticket t-1",
        body=body,
    )


@pytest.mark.parametrize("case", CASES)
def test_vectors(case: str) -> None:
    """`leaf.json` is the leaf; the other files are its forms without the last newline."""
    folder = VECTORS / case
    leaf = decode_leaf((folder / "leaf.json").read_bytes())
    for form in ("syslog", "cef"):
        assert line(leaf, form) == (folder / form).read_bytes().decode(), form
    assert line(leaf, "ndjson").encode() == (folder / "leaf.json").read_bytes()


def test_the_vectors_are_there() -> None:
    assert CASES == ["alarm", "escapes", "segment"]
    with pytest.raises(ValueError, match="no such format"):
        line(make(), "xml")


HARD = st.text(st.sampled_from('ab "\\]=|\r\n\u2028\u00e4\U0001f600[{'), max_size=20)
PRINTABLE = st.text(st.sampled_from('a "\\]=|['), min_size=1, max_size=20).map(lambda text: "x" + text)


@given(PRINTABLE, HARD)
def test_whatever_is_in_a_leaf_one_leaf_is_one_line(actor: str, text: str) -> None:
    leaf = make(actor=actor, text=text)
    for form in FORMATS:
        assert len(line(leaf, form).encode().split(b"\n")) == 1
        assert "\r" not in line(leaf, form)


@given(PRINTABLE, HARD)
def test_syslog_can_be_taken_apart_again(actor: str, text: str) -> None:
    """With the grammar of RFC 5424, section 6, as a pattern of its own."""
    leaf = make(actor=actor, text=text)
    found = re.fullmatch(
        r"<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
        r'\[edgeward@32473((?: [a-z_]{1,32}="(?:[^"\\\]]|\\["\\\]])*")+)\] \ufeff(.*)',
        syslog(leaf),
        re.DOTALL,
    )
    assert found is not None
    assert found.groups()[:6] == ("109", leaf.wall, "or-3", "edgeward", "2", "opened-by")
    pairs = dict(re.findall(r' ([a-z_]+)="((?:[^"\\\]]|\\["\\\]])*)"', found[7]))
    assert re.sub(r"\\(.)", r"\1", pairs["actor"]) == actor
    assert json.loads(found[8]) == {"text": text}


@given(PRINTABLE, HARD)
def test_cef_can_be_taken_apart_again(actor: str, text: str) -> None:
    header = re.match(r"CEF:0((?:\|(?:[^|\\]|\\[\\|])*){6})\|", cef(make(actor=actor, text=text)))
    assert header is not None
    extension = cef(make(actor=actor, text=text))[header.end() :]
    pairs = dict(re.findall(r"(?:^| )([a-zA-Z0-9]+)=((?:[^=\\]|\\[\\=nr])*)(?= [a-zA-Z0-9]+=|$)", extension))
    assert undone(pairs["suser"]) == actor
    assert json.loads(undone(pairs["cs3"])) == {"text": text}


def undone(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text)


def test_severities() -> None:
    def priority(leaf: Leaf) -> str:
        return syslog(leaf).partition(">")[0].removeprefix("<")

    assert priority(make(LeafType.SEGMENT)) == str(13 * 8 + 6)
    assert priority(make(LeafType.COMMAND_DENIED)) == str(13 * 8 + 4)
    assert priority(make(LeafType.ALARM_RAISED, severity="warning")) == str(13 * 8 + 4)
    assert priority(make(LeafType.ALARM_RAISED, severity="critical")) == str(13 * 8 + 2)
    assert cef(make(LeafType.ALARM_RAISED, severity="critical")).split("|")[6] == "9"


LEAF = make(recording="r-1", channel="ch0")
WALL_NS = from_rfc3339(LEAF.wall)


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (LeafFilter(), True),
        (LeafFilter(recording="r-1", channel="ch0", actor="dr-7"), True),
        (LeafFilter(recording="r-2"), False),
        (LeafFilter(channel="ch1"), False),
        (LeafFilter(actor="agent"), False),
        (LeafFilter(types=frozenset({LeafType.OPENED_BY})), True),
        (LeafFilter(types=frozenset({LeafType.GAP})), False),
        (LeafFilter(since_wall_ns=WALL_NS, until_wall_ns=WALL_NS + 1), True),
        (LeafFilter(since_wall_ns=WALL_NS + 1), False),
        (LeafFilter(until_wall_ns=WALL_NS), False),
        (LeafFilter(clause="STD 9.2"), True),
        (LeafFilter(clause="STD 7.4"), True),
        (LeafFilter(clause="STD 7"), False),
        (LeafFilter(clause="STD 7.4 c"), False),
    ],
)
def test_filters(wanted: LeafFilter, takes: bool) -> None:
    assert wanted.takes(LEAF) is takes


def test_a_clause_takes_its_letters_and_a_channel_its_alarms() -> None:
    alarm = make(LeafType.ALARM_RAISED, entity="ch0")
    assert LeafFilter(clause="STD 7.4").takes(alarm)
    assert LeafFilter(channel="ch0").takes(alarm)
    assert ndjson(alarm).startswith('{"actor":"dr-7"')
