"""Makes one derivative off line: the film, its report, a signature under that, a sealed link; all or none.

Guarantees: every file is new, and when anything fails none is left; the link to the original exists in
clear in memory only; nothing is written before policy, purpose and approval agree. Leaves out reading the
policy and the models, and who asked (`agent/cli/verbs/deid.py`). Raises `Refuse` (`deid.*`, `file.exists`,
`seal.*`) and what the disk raises.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import rfc8785

from agent.deid.faces import FaceDetector
from agent.deid.offline import Done, deidentify
from agent.deid.offline_plan import Progress, no_progress
from agent.deid.policy import check_can_be_done
from agent.deid.purposes import Window, check_run
from agent.deid.report import RunFacts, report_of
from agent.deid.text import TextDetector
from agent.deid.text_rules import DeviceText
from agent.formats.deid_link_v1 import Link
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.formats.deid_report_v1 import encode
from agent.host.files import create_exclusive, fsync_dir, translate, write_all
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.runtime.deid_link import check_officers, seal_link

SIGNATURE_TAG = "edgeward.deid-report/v1"
SIGNATURE_SUFFIX = ".note"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmJob:
    """What to make of `source`. `subject`: what a link says; `key`: signs the report; `facts`: for the
    report, without its link.
    """

    source: Path
    output: Path
    report: Path
    policy: DeidPolicy
    facts: RunFacts
    window: Window | None = None
    device: DeviceText | None = None
    link: Path | None = None
    subject: str | None = None
    key: SigningKey | None = None


def make_derivative(
    job: FilmJob,
    faces: FaceDetector,
    text: TextDetector | None,
    random: Callable[[int], bytes],
    progress: Progress = no_progress,
) -> Done:
    """Writes every file of `job`, or none."""
    check_can_be_done(job.policy)
    check_run(job.policy, job.window, linked=job.link is not None and job.subject is not None)
    if job.policy.assist is not None:
        check_officers(job.policy.assist.officers)
    made: list[Path] = []
    try:
        report_fd = _new(job.report, made)
        with os.fdopen(report_fd, "wb") as stream:
            done = deidentify(
                job.source, job.output, job.policy, faces,
                text=text, device=job.device, window=job.window, progress=progress,
            )  # fmt: skip
            made.append(job.output)
            facts = replace(job.facts, link_hash=_link(job, done, random, made))
            data = encode(report_of(done, job.policy, facts))
            write_all(stream.fileno(), data)
            os.fsync(stream.fileno())
        if job.key is not None:
            _write_new(signature_path(job.report), sign_report(data, done.output_hash, job.key), made)
        for folder in {path.parent for path in made}:
            fsync_dir(folder)
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise translate(error, job.report, "writing") from error
        raise
    return done


def signature_path(report: Path) -> Path:
    """Where the signature under a report lies."""
    return report.with_name(report.name + SIGNATURE_SUFFIX)


def sign_report(data: bytes, output_hash: str, key: SigningKey) -> bytes:
    """A signed note over the report `data` and the film that it is about."""
    document: dict[str, Json] = {
        "v": 1,
        "report_sha256": hashlib.sha256(data).hexdigest(),
        "output_sha256": output_hash,
    }
    return key.sign_note(f"{SIGNATURE_TAG}\n{rfc8785.dumps(document).decode('utf-8')}\n")


def _link(job: FilmJob, done: Done, random: Callable[[int], bytes], made: list[Path]) -> str | None:
    """Writes the sealed link where the policy wants one; its SHA-256."""
    if job.policy.assist is None or job.link is None or job.subject is None:
        return None
    link = Link(
        derivative=job.facts.id,
        output_sha256=done.output_hash,
        source_sha256=_sha256(job.source),
        subject=job.subject,
    )
    sealed = seal_link(link, job.policy.assist.officers, random)
    _write_new(job.link, sealed, made)
    return hashlib.sha256(sealed).hexdigest()


def _new(path: Path, made: list[Path]) -> int:
    fd = create_exclusive(path, 0o600)
    made.append(path)
    return fd


def _write_new(path: Path, data: bytes, made: list[Path]) -> None:
    with os.fdopen(_new(path, made), "wb") as stream:
        write_all(stream.fileno(), data)
        os.fsync(stream.fileno())


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        text = f"{path.name} can't be read: {error.strerror or type(error).__name__}"
        raise Refuse("deid.source", text, "check its path") from None
