"""A check report as one page to print. Pure.

Guarantees: self-contained HTML, every text escaped, what is wrong first; what changed since the report
before is marked. The caller gives the hash of the signed file, which the page shows as text and as a QR code.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape

import segno

from agent.formats.check_report_v1 import Report
from agent.health.render import NOTHING, summary
from agent.health.report_marks import BAD, COLOURS, badge, changed
from agent.health.report_picture import STYLE as PICTURE_STYLE
from agent.health.report_picture import pictures
from agent.health.report_rest import Earlier, by_place, good, since, skipped
from agent.health.words.sentences import Language
from agent.model.finding import Finding, Status

# Up to so many findings stand below each other; more stand in two columns, so that one sheet is enough.
_ONE_COLUMN = 2
_ORDER = (Status.FAIL, Status.CRASH, Status.WARN, Status.SKIP, Status.PASS)
_STYLE = """
@page { size: A4; margin: 10mm 13mm }
body { font: 10.5pt/1.4 "Noto Sans", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #1f2328;
  max-width: 184mm; margin: 8mm auto }
header { display: flex; justify-content: space-between; align-items: flex-start; gap: 8mm;
  border-bottom: 1.5pt solid #1f2328; padding-bottom: 3mm }
h1 { font-size: 17pt; margin: 0 0 1mm } h2 { font-size: 12pt; margin: 5mm 0 1.5mm }
.verdict { font-size: 13pt; font-weight: 700; margin: 3.5mm 0 1mm }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 4mm; margin: 0 } dt { color: #57606a }
dd { margin: 0 } header svg { width: 26mm; height: 26mm; flex: none }
article { border-left: 3pt solid var(--c); padding: 0 0 0 3mm; margin: 0 0 3mm; break-inside: avoid }
article h3 { font-size: 11pt; margin: 0 } article p { margin: .3mm 0 }
ol { margin: .5mm 0; padding-left: 6mm }
.badge { color: #fff; background: var(--c); border-radius: 2pt; padding: 0 1.6mm; font-size: 8.5pt;
  font-weight: 700; white-space: nowrap }
.id, .small { color: #57606a; font-size: 8.5pt }
.new { font-size: .85em; font-weight: 700; white-space: nowrap }
.ok { color: #1a7f37; font-weight: 700 } h2 { break-after: avoid } .pictures, figure { break-inside: avoid }
article h3 .id { font-weight: 400 } .owners { font-weight: 700; margin: 1mm 0 3mm }
.open.two { columns: 2; column-gap: 8mm } .since { margin: 1mm 0 }
.skipped { font-size: 8.5pt; margin: .5mm 0 }
.rest { columns: 2; column-gap: 6mm; font-size: 8.5pt; line-height: 1.3 }
.rest p { margin: 0; padding: .5mm 0; border-bottom: .4pt solid #d0d7de; break-inside: avoid }
.rest .id { font-size: 7.5pt } .skipped .badge { font-size: 7pt } .rest b { font-weight: 600 }
.sign { display: flex; gap: 10mm; margin-top: 9mm; break-inside: avoid }
.sign p { flex: 1; margin: 0; border-top: .6pt solid #1f2328; padding-top: 1mm; font-size: 8.5pt }
footer { margin-top: 3mm; border-top: .6pt solid #d0d7de; padding-top: 2mm; font-size: 8pt; color: #57606a;
  overflow-wrap: anywhere }
@media print { body { margin: 0; max-width: none; font-size: 9pt; line-height: 1.3 } h2 { margin: 3mm 0 1mm }
  .rest { font-size: 7pt; line-height: 1.2; columns: 3; column-gap: 4mm } .rest .id { display: none }
  .skipped { font-size: 7pt; line-height: 1.25; margin: 0 }
  .rest p { padding: 0; border: 0 } figure, figure svg { width: 28mm } .sign { margin-top: 7mm }
  .skipped .badge { font-size: 6pt } article { margin-bottom: 1.5mm }
  article h3 { font-size: 10pt } .open { font-size: 8pt; line-height: 1.25 }
  .small, .open .id { font-size: 7.5pt } .skipped .id { display: none }
  .owners { margin: 1mm 0 2mm } .verdict { margin: 2mm 0 .5mm } p { margin: 1mm 0 } }
"""


def page(report: Report, before: Report | None, sha256: str, words: Language, language: str) -> str:
    """The whole document."""
    ordered = sorted(report.findings, key=lambda finding: _ORDER.index(finding.judged.status))
    open_ones = [one for one in ordered if one.judged.status in BAD]
    earlier, groups = by_place(before), _together(open_ones, words)
    parts = [
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{escape(words.labels['report'])} {escape(report.box)}</title>"
        f"<style>{PICTURE_STYLE}{_STYLE}</style></head><body>",
        *_head(report, sha256, words, wrong=bool(open_ones)),
        *since(report, before, words),
        _owners(open_ones, words),
        f'<div class="{"open two" if len(groups) > _ONE_COLUMN else "open"}">',
        *(_open(some, earlier, words) for some in groups),
        "</div>",
        *pictures(report.pictures, words),
        f"<h2>{escape(words.labels['rest'])}</h2>",
        *skipped(ordered, words),
        '<div class="rest">',
        *good(ordered, earlier, words),
        '</div><div class="sign">',
        *(f"<p>{escape(words.labels[name])}</p>" for name in ("sign-technician", "sign-hospital")),
        "</div>",
        f"<footer>{escape(words.labels['signed'])}<br>SHA-256 {sha256}</footer></body></html>\n",
    ]
    return "".join(parts)


def _head(report: Report, sha256: str, words: Language, *, wrong: bool) -> Iterator[str]:
    labels = words.labels
    complete = labels["complete" if report.complete else "incomplete"]
    is_good = report.complete and not wrong
    verdict = labels["bad"] if wrong else labels["good"] if is_good else complete
    colour = COLOURS[Status.FAIL if report.result == 1 else Status.PASS if is_good else Status.WARN]
    facts = (
        (labels["box"], report.box + (f" · {report.site}" if report.site else "")),
        (labels["made"], f"{report.made[:16].replace('T', ' ')} UTC ({labels['clock-' + report.clk]})"),
        (labels["technician"], report.technician),
        (
            labels["profile"],
            f"{labels.get('profile-' + report.profile, report.profile)}, edgeward {report.agent}",
        ),
    )
    yield f"<header><div><h1>{escape(labels['report'])}</h1><dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    yield f"</dl></div>{_qr(sha256)}</header>"
    yield f'<p class="verdict" style="color:{colour}">{escape(verdict)}</p>'
    yield f"<p>{escape(summary(report.findings, words))}{labels['stop']} {escape(complete)}</p>"


def _qr(text: str) -> str:
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, border=0, nl=False, omitsize=True
    )
    return out.getvalue().decode("utf-8")


def _together(findings: Iterable[Finding], words: Language) -> list[list[Finding]]:
    """Findings of which the same is to be done on several channels, in their order."""
    groups: dict[tuple[str, Status, str, tuple[str, ...]], list[Finding]] = {}
    for one in findings:
        key = (one.check, one.judged.status, one.judged.message, words.sentence(one).steps)
        groups.setdefault(key, []).append(one)
    return list(groups.values())


def _open(some: Sequence[Finding], earlier: Earlier, words: Language) -> str:
    """One article, of one finding or of several channels'."""
    finding, labels = some[0], words.labels
    marks = {changed(one, earlier.get((one.check, one.target)), words) for one in some}
    texts = _by_channel(some, [words.sentence(one).text.rstrip() for one in some], words)
    facts = [
        escape(labels[name] + labels["colon"] + value)
        for name, values in (
            ("measured", [one.judged.measured for one in some]),
            ("required", [one.judged.required for one in some]),
        )
        for value in (
            "; ".join(dict.fromkeys(words.quantity(one) for one in values if one and one != NOTHING)),
        )
        if value
    ]
    facts.append(escape(labels["owner"] + labels["colon"] + words.owners[finding.owner.value]))
    steps = "".join(f"<li>{escape(step)}</li>" for step in words.sentence(finding).steps)
    place = "".join(f" {one.target}" for one in some if one.target)
    return (
        f'<article style="--c:{COLOURS[finding.judged.status]}"><h3>{badge(finding.judged.status, words)} '
        f"{escape(words.title(finding) + place)}{''.join(sorted(marks))} "
        f'<span class="id">{escape(finding.check)}</span></h3>{texts}'
        f'<p class="small">{" · ".join(facts)}</p>'
        f"<ol>{steps}</ol></article>"
    )


def _by_channel(some: Sequence[Finding], texts: Sequence[str], words: Language) -> str:
    if len(set(texts)) == 1:
        return f"<p>{escape(texts[0])}</p>"
    return "".join(
        f"<p>{escape(str(one.target) + words.labels['colon'] + text)}</p>"
        for one, text in zip(some, texts, strict=True)
    )


def _owners(findings: Iterable[Finding], words: Language) -> str:
    """Who has how much to do."""
    count = Counter(finding.owner for finding in findings)
    named = " · ".join(f"{words.owners[owner.value]} {number}" for owner, number in count.most_common())
    return (
        f'<p class="owners">{escape(words.labels["owner"] + words.labels["colon"] + named)}</p>'
        if named
        else ""
    )
