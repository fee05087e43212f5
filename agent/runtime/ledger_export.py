"""Leaves for people and for the hospital's audit system: filter, NDJSON, RFC 5424 syslog, CEF. Pure.

Guarantees: one leaf is one line in every form, and nothing of it is left out or shortened; what a form
gives a meaning to is escaped (RFC 5424 section 6.3.3; CEF revision 25, "Character Encoding"). Leaves out
sending: the lines go to stdout. The receiver decides what it trusts: an export carries no proof.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import rfc8785

from agent import __version__
from agent.formats.ledger_v1 import Leaf, LeafType, encode_leaf
from agent.model.times import from_rfc3339

FORMATS = ("ndjson", "syslog", "cef")
_AUDIT = 13
# Numerical severities of RFC 5424; everything that is not here is information.
_CRITICAL, _WARNING, _NOTICE, _INFORMATION = 2, 4, 5, 6
_SEVERITIES = {
    LeafType.ALARM_RAISED: _WARNING,
    LeafType.REFUSED: _WARNING,
    LeafType.COMMAND_DENIED: _WARNING,
    LeafType.QUARANTINE: _WARNING,
    LeafType.CLOCK_STEP: _WARNING,
    LeafType.GAP: _NOTICE,
    LeafType.OPENED_BY: _NOTICE,
    LeafType.CONFIGURATION: _NOTICE,
    LeafType.DESTROY_EXECUTED: _NOTICE,
    LeafType.EVICTED: _NOTICE,
}
_CEF_SEVERITY = {_CRITICAL: 9, _WARNING: 6, _NOTICE: 4, _INFORMATION: 2}
# RFC 5612 sets this enterprise number aside for documentation; a site may map it to its own.
_SD_ID = "edgeward@32473"
_BOM = "\ufeff"
_SD_SPECIAL = re.compile(r'["\\\]]')
_CEF_LINES = re.compile(r"[\r\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafFilter:
    """What every given field asks for; None asks for nothing. Times are nanoseconds since 1970, UTC.

    `clause` `STD 7.4` also takes `STD 7.4 c`; `channel` takes what the leaf says as channel or as entity.
    """

    recording: str | None = None
    channel: str | None = None
    actor: str | None = None
    types: frozenset[LeafType] | None = None
    since_wall_ns: int | None = None
    until_wall_ns: int | None = None
    clause: str | None = None

    def takes(self, leaf: Leaf) -> bool:
        """True when the leaf is asked for."""
        wall_ns = from_rfc3339(leaf.wall)
        return (
            self.recording in (None, leaf.body.get("recording"))
            and self.channel in (None, leaf.body.get("channel"), leaf.body.get("entity"))
            and self.actor in (None, leaf.actor)
            and (self.types is None or leaf.type in self.types)
            and (self.since_wall_ns is None or wall_ns >= self.since_wall_ns)
            and (self.until_wall_ns is None or wall_ns < self.until_wall_ns)
            and self._has_clause(leaf)
        )

    def _has_clause(self, leaf: Leaf) -> bool:
        wanted = self.clause
        return wanted is None or any(one == wanted or one.startswith(wanted + " ") for one in leaf.std)


def line(leaf: Leaf, form: str) -> str:
    """The leaf in one of `FORMATS`; ValueError for another word."""
    if form == "ndjson":
        return ndjson(leaf)
    if form == "syslog":
        return syslog(leaf)
    if form == "cef":
        return cef(leaf)
    raise ValueError(f"no such format: {form}")


def ndjson(leaf: Leaf) -> str:
    """The leaf's own bytes: their SHA-256 with a zero byte before them is its hash in the tree."""
    return encode_leaf(leaf).decode()


def _severity(leaf: Leaf) -> int:
    if leaf.type is LeafType.ALARM_RAISED and leaf.body.get("severity") == "critical":
        return _CRITICAL
    return _SEVERITIES.get(leaf.type, _INFORMATION)


def _body(leaf: Leaf) -> str:
    return rfc8785.dumps(dict(leaf.body)).decode()


def syslog(leaf: Leaf) -> str:
    """An RFC 5424 message of facility 13 (log audit), without a frame: MSGID is the type, MSG the body."""
    facts = {
        "n": str(leaf.n),
        "actor": leaf.actor,
        "authority": leaf.authority,
        "clk": leaf.clk.value,
        "mono_ns": str(leaf.mono_ns),
        "std": ", ".join(leaf.std),
    }
    priority = _AUDIT * 8 + _severity(leaf)
    header = f"<{priority}>1 {leaf.wall} {leaf.box} edgeward {leaf.boot} {leaf.type.value}"
    return f"{header} {_structured(facts)} {_BOM}{_body(leaf)}"


def _structured(facts: Mapping[str, str]) -> str:
    """An SD-ELEMENT: quote, backslash and closing bracket are escaped in values."""
    values = (f'{name}="{_SD_SPECIAL.sub(_backslash, value)}"' for name, value in facts.items())
    return f"[{_SD_ID} {' '.join(values)}]"


def _backslash(found: re.Match[str]) -> str:
    return "\\" + found[0]


def cef(leaf: Leaf) -> str:
    """A Common Event Format message, version 0; the body is the custom string `cs3`."""
    kind = leaf.type.value
    header = ["CEF:0", "edgeward", "edgeward", __version__, kind, kind.replace("-", " ")]
    extension = {
        "rt": str(from_rfc3339(leaf.wall) // 1_000_000),
        "dvchost": leaf.box,
        "suser": leaf.actor,
        "cn1Label": "leaf",
        "cn1": str(leaf.n),
        "cn2Label": "boot",
        "cn2": str(leaf.boot),
        "cs1Label": "authority",
        "cs1": leaf.authority,
        "cs2Label": "clauses",
        "cs2": ", ".join(leaf.std),
        "cs3Label": "body",
        "cs3": _body(leaf),
        "cs4Label": "clock",
        "cs4": leaf.clk.value,
    }
    parts = [*map(_cef_header, header), str(_CEF_SEVERITY[_severity(leaf)])]
    pairs = " ".join(f"{name}={_cef_value(value)}" for name, value in extension.items())
    return "|".join(parts) + "|" + pairs


def _cef_header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _cef_value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    return _CEF_LINES.sub(lambda found: "\\n" if found[0] == "\n" else "\\r", escaped)
