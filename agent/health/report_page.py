"""A check report as one page to print. Pure.

Guarantees: self-contained HTML, every text escaped, what is wrong first; what changed since the report
before is marked. The caller gives the hash of the signed file, which the page shows as text and as a QR code.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from html import escape

import segno

from agent.formats.check_report_v1 import Report
from agent.health.render import summary
from agent.health.words.sentences import Language
from agent.model.finding import Finding, Status

_ORDER = (Status.FAIL, Status.CRASH, Status.WARN, Status.SKIP, Status.PASS)
_COLOURS = {
    Status.PASS: "#1a7f37",
    Status.WARN: "#9a6700",
    Status.FAIL: "#b42318",
    Status.SKIP: "#57606a",
    Status.CRASH: "#6639ba",
}
_STYLE = """
@page { size: A4; margin: 14mm }
body { font: 10.5pt/1.4 "Noto Sans", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #1f2328;
  max-width: 184mm; margin: 8mm auto }
header { display: flex; justify-content: space-between; align-items: flex-start; gap: 8mm;
  border-bottom: 1.5pt solid #1f2328; padding-bottom: 3mm }
h1 { font-size: 17pt; margin: 0 0 1mm } h2 { font-size: 12pt; margin: 5mm 0 1.5mm }
.verdict { font-size: 13pt; font-weight: 700; margin: 3.5mm 0 1mm }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 4mm; margin: 0 } dt { color: #57606a }
dd { margin: 0 } svg { width: 26mm; height: 26mm }
article { border-left: 3pt solid var(--c); padding: 0 0 0 3mm; margin: 0 0 3mm; break-inside: avoid }
article h3 { font-size: 11pt; margin: 0 } article p { margin: .3mm 0 }
ol { margin: .5mm 0; padding-left: 6mm }
.badge { color: #fff; background: var(--c); border-radius: 2pt; padding: 0 1.6mm; font-size: 8.5pt;
  font-weight: 700; white-space: nowrap }
.id, .small { color: #57606a; font-size: 8.5pt } .new { font-size: 8.5pt; font-weight: 700 }
table { border-collapse: collapse; width: 100%; font-size: 9pt } td { padding: .6mm 2mm .6mm 0;
  border-bottom: .4pt solid #d0d7de; vertical-align: top }
footer { margin-top: 5mm; border-top: .6pt solid #d0d7de; padding-top: 2mm; font-size: 8pt; color: #57606a;
  overflow-wrap: anywhere }
"""


def page(report: Report, before: Report | None, sha256: str, words: Language, language: str) -> str:
    """The whole document."""
    ordered = sorted(report.findings, key=lambda finding: _ORDER.index(finding.judged.status))
    open_ones = [one for one in ordered if one.judged.status in (Status.FAIL, Status.CRASH, Status.WARN)]
    others = [one for one in ordered if one not in open_ones]
    earlier = {} if before is None else {(one.check, one.target): one for one in before.findings}
    parts = [
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{escape(words.labels['report'])} {escape(report.box)}</title>"
        f"<style>{_STYLE}</style></head><body>",
        *_head(report, sha256, words, wrong=bool(open_ones)),
        *(_open(finding, earlier.get((finding.check, finding.target)), words) for finding in open_ones),
        f"<h2>{escape(words.labels['rest'])}</h2><table>",
        *(_row(finding, earlier.get((finding.check, finding.target)), words) for finding in others),
        "</table>",
        f"<footer>{escape(words.labels['signed'])}<br>SHA-256 {sha256}</footer></body></html>\n",
    ]
    return "".join(parts)


def _head(report: Report, sha256: str, words: Language, *, wrong: bool) -> Iterator[str]:
    labels = words.labels
    verdict = labels["bad"] if wrong else labels["good"]
    colour = _COLOURS[Status.FAIL if report.result == 1 else Status.WARN if wrong else Status.PASS]
    facts = (
        (labels["box"], report.box + (f" · {report.site}" if report.site else "")),
        (labels["made"], f"{report.made[:16].replace('T', ' ')} UTC ({report.clk})"),
        (labels["technician"], report.technician),
        (labels["profile"], f"{report.profile}, edgeward {report.agent}"),
    )
    yield f"<header><div><h1>{escape(labels['report'])}</h1><dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    yield f"</dl></div>{_qr(sha256)}</header>"
    yield f'<p class="verdict" style="color:{colour}">{escape(verdict)}</p>'
    yield f"<p>{escape(summary(report.findings, words))}<br>"
    yield f"{escape(labels['complete' if report.complete else 'incomplete'])}</p>"


def _qr(text: str) -> str:
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, border=0, nl=False, omitsize=True
    )
    return out.getvalue().decode("utf-8")


def _badge(finding: Finding, words: Language) -> str:
    status = finding.judged.status
    return f'<span class="badge" style="--c:{_COLOURS[status]}">{escape(words.statuses[status])}</span>'


def _changed(finding: Finding, earlier: Finding | None, words: Language) -> str:
    """A mark when the status is another one than in the report before."""
    if earlier is None or earlier.judged.status is finding.judged.status:
        return ""
    text = words.labels["was"].format(status=words.statuses[earlier.judged.status])
    return f' <span class="new">({escape(text)})</span>'


def _open(finding: Finding, earlier: Finding | None, words: Language) -> str:
    judged, said, labels = finding.judged, words.sentence(finding), words.labels
    place = f" · {finding.target}" if finding.target else ""
    facts = [
        f"{escape(labels[name])}: {escape(value)}"
        for name, value in (("measured", judged.measured), ("required", judged.required))
        if value
    ]
    steps = "".join(f"<li>{escape(step)}</li>" for step in said.steps)
    return (
        f'<article style="--c:{_COLOURS[judged.status]}"><h3>{_badge(finding, words)} '
        f"{escape(words.title(finding) + place)}{_changed(finding, earlier, words)} "
        f'<span class="id">{escape(finding.check)}</span></h3><p>{escape(said.text.rstrip())}</p>'
        f'<p class="small">{" · ".join(facts)}</p>'
        f"<p>{escape(labels['do'])} ({escape(labels['owner'])}: "
        f"{escape(words.owners[finding.owner.value])}):</p><ol>{steps}</ol></article>"
    )


def _row(finding: Finding, earlier: Finding | None, words: Language) -> str:
    place = f" · {finding.target}" if finding.target else ""
    return (
        f"<tr><td>{_badge(finding, words)}</td><td>{escape(words.title(finding) + place)}"
        f"{_changed(finding, earlier, words)}</td><td>{escape(words.sentence(finding).text.rstrip())}</td>"
        f'<td class="id">{escape(finding.check)}</td></tr>'
    )
