"""A certificate of destruction for people: one HTML page in Chinese or English. Pure.

Guarantees: self-contained (no script, no address, nothing loaded), everything from the certificate escaped,
and every limit spelled out. The page proves nothing by itself: it names the file's SHA-256, and the signed
note is what counts. Leaves out checking it (`runtime/disposal_check.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from agent.formats.certificate_texts import EN, ZH
from agent.formats.certificate_v1 import Certificate

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": EN, "zh": ZH}
_STYLE = (
    "body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:1.5rem}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #999;padding:.3rem .5rem;text-align:left;vertical-align:top}"
    "th{background:#f2f2f2;font-weight:600}"
    "td{overflow-wrap:anywhere}@media print{body{margin:0}}"
)


def render(certificate: Certificate, sha256: str, language: str) -> str:
    """The page. `sha256` is that of the note; KeyError for a language that is not in `LANGUAGES`."""
    words = LANGUAGES[language]
    parts = [
        f'<!doctype html>\n<html lang="{words["html-lang"]}">\n<head>\n<meta charset="utf-8">',
        f"<title>{escape(words['title'])} {escape(certificate.certificate)}</title>",
        f"<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{escape(words['title'])}</h1>",
        *_section(None, _summary(certificate, words, sha256)),
        *_section(words["medium"], _medium(certificate, words)),
        *_section(words["people"], _people(certificate, words)),
        f"<h2>{escape(words['recordings'])}</h2>",
        *_recordings(certificate, words),
        *_section(words["authority"], _authority(certificate, words)),
        *_section(words["ledger"], _ledger(certificate, words)),
        f"<h2>{escape(words['limits'])}</h2>\n<ul>",
        *(f"<li>{escape(words[f'limit.{limit.value}'])}</li>" for limit in certificate.limits),
        f"</ul>\n<p>{escape(words['what-counts'])}</p>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


Rows = Iterable[tuple[str, str | None]]


def _section(heading: str | None, rows: Rows) -> Iterator[str]:
    if heading is not None:
        yield f"<h2>{escape(heading)}</h2>"
    yield "<table>"
    for name, value in rows:
        yield f"<tr><th>{escape(name)}</th><td>{escape('' if value is None else value)}</td></tr>"
    yield "</table>"


def _summary(one: Certificate, words: Mapping[str, str], sha256: str) -> Rows:
    done = one.sanitization
    return (
        (words["id"], one.certificate),
        (words["box"], one.box),
        (words["made"], f"{one.made} ({words[f'clock.{one.clock}']})"),
        (words["reason"], f"{one.reason} ({words[f'ground.{one.ground}']})"),
        (words["before"], words["level"].format(one.confidentiality.before)),
        (words["after"], words[f"after.{one.confidentiality.after.value}"]),
        (words["method"], f"{words[f'method.{done.method.value}']}: {words[f'technique.{done.technique}']}"),
        (words["tool"], f"{done.tool} {done.version}"),
        (words["verification"], words["verified"].format(done.verified_recordings)),
        (words["discard"], f"{words['yes'] if done.discard.done else words['no']} ({done.discard.text})"),
        (words["copies"], words["no-replication"]),
        (words["sha256"], sha256),
    )


def _medium(one: Certificate, words: Mapping[str, str]) -> Rows:
    medium = one.medium
    kind = None if medium.kind is None else words[f"kind.{medium.kind}"]
    found = (
        ("maker", medium.maker),
        ("model", medium.model),
        ("serial", medium.serial),
        ("kind", kind),
        ("file-system", medium.file_system),
    )
    return [(words[name], value if value is not None else words["unknown"]) for name, value in found]


def _people(one: Certificate, words: Mapping[str, str]) -> Rows:
    people = one.people
    approvals = "; ".join(f"{each.name} ({each.at})" for each in people.approved_by)
    return (
        (words["requested-by"], ", ".join(people.requested_by)),
        (words["approved-by"], approvals),
        (words["executed-by"], ", ".join(people.executed_by)),
        (words["person-title"], people.title or words["not-given"]),
        (words["place"], people.place or words["not-given"]),
        (words["date"], one.made[:10]),
        (words["signature"], ""),
    )


def _recordings(one: Certificate, words: Mapping[str, str]) -> Iterator[str]:
    heads = ("recording", "channel", "level-name", "from-to", "segments", "bytes", "root", "ticket", "method")
    yield "<table>\n<tr>" + "".join(f"<th>{escape(words[head])}</th>" for head in heads) + "</tr>"
    for each in one.recordings:
        cells = (
            each.recording,
            each.channel,
            str(each.level),
            f"{each.opened} – {each.closed}",
            str(each.segments),
            str(each.size_bytes),
            each.root,
            each.ticket or words["no-ticket"],
            words[f"method.{each.method.value}"],
        )
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    yield "</table>"


def _authority(one: Certificate, words: Mapping[str, str]) -> Rows:
    if not one.authority:
        return ((words["record"], words["none"]),)
    return [(each.authority, f"{words['record']} {each.sha256}") for each in one.authority]


def _ledger(one: Certificate, words: Mapping[str, str]) -> Rows:
    ledger = one.ledger
    leaves = f"{ledger.requested}, {ledger.approved}, {ledger.intent}, {ledger.result}"
    return ((words["leaves"], leaves), (words["size-and-root"], f"{ledger.size}, {ledger.root}"))
