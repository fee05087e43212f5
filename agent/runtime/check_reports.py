"""Signs and stores check reports: one note and one page for each visit (docs/formats/check-report-v1.md).

Guarantees: durable on return, never replaced, chained to the report before by its hash. Raises `Refuse`
`report.*`, `key.*`, or what the disk says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from agent import __version__
from agent.formats import check_report_v1
from agent.formats.check_report_v1 import MAX_NOTE, Masked, Report, check_technician
from agent.formats.config_v1 import AgentConfig
from agent.health.report_page import page
from agent.health.words import LANGUAGES
from agent.host.files import make_directories, translate, write_atomic
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse
from agent.model.finding import Finding
from agent.model.times import Instant, rfc3339

_NAME = re.compile(r"check-\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z\.note")


def make_report(
    config: AgentConfig,
    findings: Iterable[Finding],
    *,
    now: Instant,
    profile: str,
    technician: str,
    result: int,
    complete: bool,
    pictures: tuple[Masked, ...] = (),
) -> Report:
    """The facts of a visit, not yet chained; Refuse `report.bad-technician`."""
    return Report(
        box=config.box.id,
        site=config.box.site or None,
        made=rfc3339(now.wall_ns),
        clk=now.quality.value,
        agent=__version__,
        profile=profile,
        technician=check_technician(technician),
        result=result,
        complete=complete,
        previous=None,
        findings=tuple(findings),
        pictures=pictures,
    )


def sign_report(report: Report, key: SigningKey) -> bytes:
    """The report as a file; Refuse `report.bad` for facts that don't fit the format."""
    return key.sign_note(check_report_v1.encode(report), MAX_NOTE)


def sha256_of(note: bytes) -> str:
    """The hash by which a report is known: of its whole file, hex."""
    return hashlib.sha256(note).hexdigest()


def store_report(folder: Path, report: Report, key: SigningKey, language: str) -> tuple[Path, str]:
    """Writes note and page. Gives the note's path and SHA-256."""
    make_directories(folder, 0o750)
    before = _newest(folder, Verifier(key.verifier_key))
    chained = replace(report, previous=before[1] if before else None)
    note = sign_report(chained, key)
    sha256 = sha256_of(note)
    path = folder / f"check-{report.made.replace(':', '')}.note"
    if path.exists():
        raise Refuse("report.exists", f"{path.name} exists already", "run the check again")
    write_atomic(path, note, mode=0o644)
    shown = page(chained, before[0] if before else None, sha256, LANGUAGES[language], language)
    write_atomic(path.with_suffix(".html"), shown.encode("utf-8"), mode=0o644)
    return path, sha256


def read_report(data: bytes, verifier: Verifier) -> Report:
    """The report in a signed file; Refuse `note.*`, `report.bad`."""
    return check_report_v1.decode(verifier.verify(data, MAX_NOTE).text)


def _newest(folder: Path, verifier: Verifier) -> tuple[Report, str] | None:
    """The newest good report of this box. One that was damaged must not keep a new one from being made."""
    try:
        names = sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)
        for path in names:
            data = path.read_bytes()
            try:
                return read_report(data, verifier), sha256_of(data)
            except Refuse:
                continue
    except OSError as error:
        raise translate(error, folder, "reading reports in") from None
    return None
