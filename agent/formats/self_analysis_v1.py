"""Weekly self-analysis, version 1 (docs/formats/self-analysis-v1.md): facts to a note's text. Pure.

Guarantees: one report has one spelling of at most `MAX_NOTE` bytes without floats, and `decode` refuses every
other one with `week.bad`. Leaves out the signature and the counting (`agent/audit/week.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.model.errors import Refuse
from agent.model.ids import BOX_PATTERN
from agent.model.outgoing import Json

TAG = "edgeward.self-analysis/v1"
MAX_NOTE = 64 * 1024
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
Count = Annotated[int, Field(ge=0, le=(1 << 53) - 1)]
Time = Annotated[str, Field(pattern=_TIME)]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Denial(_Model):
    reason: Word
    actor: Word
    count: Count


class _LateAlarm(_Model):
    entity: Word
    code: Word
    since: Time
    acknowledged: bool


class _Alarms(_Model):
    raised: Count
    acknowledged: Count
    closed: Count
    open: Count
    answer_hours: Count
    late_count: Count
    late: list[_LateAlarm] = Field(max_length=50)


class _Unwitnessed(_Model):
    times: Count
    seconds: Count
    now: bool


class _Retention(_Model):
    due: Count
    overdue: Count
    held: Count


class _Steps(_Model):
    count: Count
    largest_ms: int


class _Restarts(_Model):
    count: Count
    unclean: Count


class _Report(_Model):
    v: Literal[1]
    box: str = Field(pattern=BOX_PATTERN)
    made: Time
    from_leaf: Count
    to_leaf: Count
    from_: Time | None = Field(alias="from")
    to: Time | None
    previous: Count | None
    leaves: Mapping[Word, Count] = Field(max_length=64)
    denials: list[_Denial] = Field(max_length=10)
    denied: Count
    abnormal: Mapping[Word, Count] = Field(max_length=64)
    alarms: _Alarms
    unwitnessed: _Unwitnessed | None
    retention: _Retention
    clock_steps: _Steps
    restarts: _Restarts
    verdicts: Mapping[Word, Count] = Field(max_length=8)


def encode(box: str, made: str, facts: Mapping[str, Json]) -> str:
    """The note's text; Refuse `week.bad` when a fact does not fit the format."""
    document: dict[str, Json] = {"v": 1, "box": box, "made": made, **facts}
    try:
        text = f"{TAG}\n{rfc8785.dumps(document).decode('utf-8')}\n"
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        raise _bad("it has no RFC 8785 spelling") from None
    decode(text)
    return text


def decode(text: str) -> dict[str, Json]:
    """The fields that a note's text spells; Refuse `week.bad`."""
    lines = text.split("\n")
    if len(text) > MAX_NOTE or len(lines) != 3 or lines[0] != TAG or lines[2]:
        raise _bad("it does not begin with its tag, or is too long")
    try:
        raw: dict[str, Json] = json.loads(lines[1])
        found = _Report.model_validate(raw)
        again = rfc8785.dumps(raw).decode("utf-8")
    except (ValueError, ValidationError, rfc8785.CanonicalizationError, RecursionError):
        raise _bad("its fields are not those of version 1") from None
    if again != lines[1]:
        raise _bad("it has another spelling than the one of RFC 8785")
    if found.from_leaf > found.to_leaf:
        raise _bad("it ends before it begins")
    return raw


def _bad(why: str) -> Refuse:
    return Refuse("week.bad", f"not a self-analysis of version 1: {why}", "get the report from the box again")
