"""The report of `edgeward probe`, as a table for a technician and as JSON. Pure.

Guarantees: declared and measured values stand side by side with their units; a value that nobody knows is
called unknown, never left out. Leaves out measuring (`agent/cli/verbs/probe.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agent.capture.measure import Measurement
from agent.device.profile_match import ProfileMatch
from agent.model.errors import AgentError
from agent.model.media import StreamFacts
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S
from agent.model.verdict import Verdict

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """All that is known of a source; `measurement` None means that nothing could be measured.

    `width` and `height` are those of the bitstream, 0 when it can't be read. `ended` is why the source went
    away before the time was over.
    """

    source: str
    match: ProfileMatch | None
    declared: StreamFacts | None = None
    width: int = 0
    height: int = 0
    measurement: Measurement | None = None
    verdict: Verdict | None = None
    ended: AgentError | None = None
    note: str | None = None


def render(probed: Probed) -> str:
    """The table."""
    return "\n".join(_lines(probed))


def _lines(probed: Probed) -> Iterator[str]:
    yield f"source    {probed.source}"
    yield from _device(probed.match)
    if probed.declared is None or probed.measurement is None:
        yield "measured  nothing"
        return
    if probed.declared.device is not None:
        for one in probed.declared.device.differences:
            yield f"setting   {one.setting}: asked {one.asked}, got {one.got} ({one.why.value})"
    yield ""
    yield from _table(("", "declared", "measured"), _values(probed, probed.declared, probed.measurement))
    if probed.ended is not None:
        yield ""
        yield f"ENDED     {probed.ended.text} [{probed.ended.code}]"
        yield f"          {probed.ended.advice}"
    if probed.verdict is not None:
        yield ""
        rows = [(one.rule, one.required, one.measured, one.grade.value) for one in probed.verdict.findings]
        yield from _table(("rule", "required", "measured", "verdict"), rows)
        yield ""
        yield f"VERDICT   {probed.verdict.grade.value}"
    if probed.note is not None:
        yield f"NOTE      {probed.note}"


def _device(match: ProfileMatch | None) -> Iterator[str]:
    if match is None:
        yield "device    none: a file"
        return
    tried = "" if match.profile.tried_on_hardware else ", not tried on hardware"
    yield f"device    {match.profile.name}"
    yield f"profile   {match.profile.id} ({match.trust.value}{tried})"
    yield f"because   {match.why}"
    if match.alarm is not None:
        yield f"ALARM     {match.alarm.code}: {match.alarm.text}"
        yield f"          {match.alarm.advice}"
    for quirk in match.profile.quirk:
        yield f"mind      {quirk.text}"


def _values(probed: Probed, declared: StreamFacts, measured: Measurement) -> list[tuple[str, str, str]]:
    return [
        ("codec", declared.codec.value, declared.codec.value),
        ("size", _size(declared.width, declared.height), _size(probed.width, probed.height)),
        ("frame rate", _hz(declared.declared_rate), _hz(measured.rate)),
        ("arriving", "-", _hz(measured.arrival_rate)),
        ("bit rate", "-", f"{measured.bitrate_bps} bit/s"),
        ("key frames", "-", f"{measured.keyframes}, at most {_s(measured.gop_max_ns)} apart"),
        ("longest gap", "-", _s(measured.longest_gap_ns)),
        ("frames", "-", f"{measured.frames}, {measured.lost} lost, {measured.duplicates} doubled"),
        ("sound", "offered (not recorded)" if declared.has_audio else "none", "-"),
    ]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _size(width: int, height: int) -> str:
    return f"{width}x{height}" if width and height else _UNKNOWN


def _hz(rate: Fraction | None) -> str:
    return f"{float(rate):.3f} Hz" if rate else _UNKNOWN


def _s(time_ns: int) -> str:
    return f"{time_ns / NS_PER_S:.3f} s"


def to_json(probed: Probed) -> dict[str, Json]:
    """Measured and declared values, the profile, and the verdict by rule."""
    declared, measured, match = probed.declared, probed.measurement, probed.match
    if declared is None or measured is None:
        raise RuntimeError("nothing was measured: there is nothing to write")
    return {
        "codec": declared.codec.value,
        "width": probed.width or None,
        "height": probed.height or None,
        "declared_size": f"{declared.width}x{declared.height}",
        "rate_hz": round(float(measured.rate), 3) if measured.rate else None,
        "declared_rate_hz": round(float(declared.declared_rate), 3) if declared.declared_rate else None,
        "bitrate_bps": measured.bitrate_bps,
        "gop_max_s": round(measured.gop_max_ns / NS_PER_S, 3),
        "longest_gap_s": round(measured.longest_gap_ns / NS_PER_S, 3),
        "frames": measured.frames,
        "lost": measured.lost,
        "duplicates": measured.duplicates,
        "audio": declared.has_audio,
        "ended": None if probed.ended is None else {"code": probed.ended.code, "text": probed.ended.text},
        "device": None
        if match is None
        else {
            "profile": match.profile.id,
            "name": match.profile.name,
            "why": match.why,
            "trust": match.trust.value,
            "tried_on_hardware": match.profile.tried_on_hardware,
            "alarm": None if match.alarm is None else match.alarm.code,
        },
        "settings": []
        if declared.device is None
        else [
            {"setting": one.setting, "asked": one.asked, "got": one.got, "why": one.why.value}
            for one in declared.device.differences
        ],
        "note": probed.note,
        "verdict": None
        if probed.verdict is None
        else {
            "grade": probed.verdict.grade.value,
            "findings": [
                {
                    "rule": one.rule,
                    "grade": one.grade.value,
                    "required": one.required,
                    "measured": one.measured,
                }
                for one in probed.verdict.findings
            ],
        },
    }
