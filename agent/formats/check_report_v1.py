"""Check report version 1 (docs/formats/check-report-v1.md): facts of a visit to the text of a signed note.

Guarantees: one report has one spelling, and `decode` refuses every other one with `report.bad`. Leaves out
signing and the page for people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.model.errors import Refuse
from agent.model.finding import Finding, Judged, Owner, Status
from agent.model.ids import BOX_PATTERN, CHANNEL_PATTERN
from agent.model.outgoing import Json

TAG = "edgeward.check-report/v1"
MAX_NOTE = 256 * 1024
# Coarser than any face or letter in the picture (docs/formats/check-report-v1.md, "Masked pictures").
MASKED_COLUMNS, MASKED_ROWS = 8, 5
_DIGITS = re.compile(f"[0-9a-f]{{{MASKED_COLUMNS * MASKED_ROWS}}}")
_TECHNICIAN = re.compile(r"[^\W_](?:[\w .@-]{0,62}\w)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """What a channel's camera looks at, as `rows` of grey blocks: a hexadecimal digit each, f is white."""

    channel: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A visit. `made` is RFC 3339; `previous` the SHA-256 of the report before, hex."""

    box: str
    site: str | None
    made: str
    clk: str
    agent: str
    profile: str
    technician: str
    result: int
    complete: bool
    previous: str | None
    findings: tuple[Finding, ...]
    pictures: tuple[Masked, ...] = ()


class _Finding(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    check: str = Field(pattern=r"^[a-z]+\.[a-z_-]+$")
    channel: str | None = Field(pattern=CHANNEL_PATTERN)
    status: str
    message: str = Field(max_length=64)
    measured: str | None = Field(max_length=400)
    required: str | None = Field(max_length=400)
    owner: str
    values: Mapping[str, str]


class _Masked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    channel: str = Field(pattern=CHANNEL_PATTERN)
    rows: list[Annotated[str, Field(pattern=f"^[0-9a-f]{{{MASKED_COLUMNS}}}$")]] = Field(
        min_length=MASKED_ROWS, max_length=MASKED_ROWS
    )


class _Report(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    v: int = Field(ge=1, le=1)
    box: str = Field(pattern=BOX_PATTERN)
    site: str | None = Field(max_length=100)
    made: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
    clk: str = Field(pattern="^(synced|unsynced|unknown)$")
    agent: str = Field(max_length=64)
    profile: str = Field(max_length=32)
    technician: str = Field(min_length=1, max_length=64)
    result: int = Field(ge=0, le=2)
    complete: bool
    previous: str | None = Field(pattern="^[0-9a-f]{64}$")
    findings: list[_Finding] = Field(max_length=1000)
    # Left out when there is none, so that a report without pictures has one spelling.
    pictures: list[_Masked] = Field(default_factory=list, min_length=1, max_length=64)


def check_technician(text: str) -> str:
    """`text` as an id of a person; Refuse `report.bad-technician`."""
    if not _TECHNICIAN.fullmatch(text):
        raise Refuse(
            "report.bad-technician",
            "this can't be a technician's id",
            "use 1 to 64 letters, digits, spaces, dots, hyphens or @",
        )
    return text


def masked(channel: str, digits: str) -> Masked | None:
    """What a channel process sent (`agent/capture/coarse_picture.py`), in rows; None for anything else."""
    if not _DIGITS.fullmatch(digits):
        return None
    starts = range(0, len(digits), MASKED_COLUMNS)
    return Masked(channel=channel, rows=tuple(digits[at : at + MASKED_COLUMNS] for at in starts))


def encode(report: Report) -> str:
    """The note's text; Refuse `report.bad` when a fact does not fit the format."""
    document: dict[str, Json] = {
        "v": 1,
        "box": report.box,
        "site": report.site,
        "made": report.made,
        "clk": report.clk,
        "agent": report.agent,
        "profile": report.profile,
        "technician": report.technician,
        "result": report.result,
        "complete": report.complete,
        "previous": report.previous,
        "findings": [
            {
                "check": finding.check,
                "channel": finding.target,
                "status": finding.judged.status.value,
                "message": finding.judged.message,
                "measured": finding.judged.measured,
                "required": finding.judged.required,
                "owner": finding.owner.value,
                "values": dict(finding.judged.values),
            }
            for finding in report.findings
        ],
    }
    if report.pictures:
        document["pictures"] = [{"channel": one.channel, "rows": list(one.rows)} for one in report.pictures]
    text = f"{TAG}\n{rfc8785.dumps(document).decode('utf-8')}\n"
    decode(text)
    return text


def decode(text: str) -> Report:
    """The report that a note's text spells; Refuse `report.bad`."""
    lines = text.split("\n")
    if len(lines) != 3 or lines[0] != TAG or lines[2]:
        raise _bad("it does not begin with its tag")
    try:
        raw = json.loads(lines[1])
        found = _Report.model_validate(raw)
        findings = tuple(_finding(one) for one in found.findings)
        again = rfc8785.dumps(raw).decode("utf-8")
    except (ValueError, ValidationError, rfc8785.CanonicalizationError, RecursionError):
        raise _bad("its fields are not those of version 1") from None
    if again != lines[1]:
        raise _bad("it has another spelling than the one of RFC 8785")
    check_technician(found.technician)
    return Report(
        box=found.box,
        site=found.site,
        made=found.made,
        clk=found.clk,
        agent=found.agent,
        profile=found.profile,
        technician=found.technician,
        result=found.result,
        complete=found.complete,
        previous=found.previous,
        findings=findings,
        pictures=tuple(Masked(channel=one.channel, rows=tuple(one.rows)) for one in found.pictures),
    )


def _finding(found: _Finding) -> Finding:
    return Finding(
        check=found.check,
        target=found.channel,
        owner=Owner(found.owner),
        judged=Judged(
            status=Status(found.status),
            message=found.message,
            measured=found.measured,
            required=found.required,
            values=dict(found.values),
        ),
        seconds=0.0,
    )


def _bad(why: str) -> Refuse:
    return Refuse(
        "report.bad", f"not a check report of version 1: {why}", "get the report from the box again"
    )
