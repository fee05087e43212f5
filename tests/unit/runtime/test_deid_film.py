"""One derivative with all that belongs to it, or nothing: report, signature, sealed link (STD 8.2 e)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from agent.deid.models import FACES
from agent.deid.offline import Done
from agent.deid.purposes import random_id
from agent.deid.report import RunFacts
from agent.formats.deid_link_v1 import Link, decode, encode
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import AgentError, Refuse
from agent.runtime.deid_film import FilmJob, make_derivative, signature_path
from agent.runtime.deid_link import open_link, seal_link
from agent.seal.recording_key import recipient_of
from agent.seal.suites import age_x25519
from tests.fakes.face_films import NEUTRAL, POLICY, RedDetector, most_red, policy, samples, write_film

KEY = SigningKey.generate(bytes(32), "edgeward.box/box-1")
SUBJECT = "case 4711"


class Random:
    """Bytes that never repeat, the same in each run."""

    def __init__(self) -> None:
        self._calls = count()

    def __call__(self, size: int) -> bytes:
        return hashlib.shake_128(next(self._calls).to_bytes(8, "big")).digest(size)


_random = Random()
OFFICERS = tuple(age_x25519.new_identity(_random) for _ in range(3))
RECIPIENTS = tuple(recipient_of(identity) for identity in OFFICERS)
ASSIST = POLICY.replace('"general"', '"assist"') + (
    "\n[assist]\nofficers = [" + ", ".join(f'"{one}"' for one in RECIPIENTS) + "]\n"
)


@pytest.fixture
def job(tmp_path: Path) -> FilmJob:
    film = write_film(tmp_path / "film.mp4", frames=20)
    facts = RunFacts(
        id=random_id(bytes(16)), policy_hash="0" * 64, signed_by=None, device=None, link_hash=None,
        models=(FACES,),
    )  # fmt: skip
    return FilmJob(
        source=film, output=tmp_path / "out.mp4", report=tmp_path / "out.json", policy=policy(), facts=facts
    )


def assist(job: FilmJob) -> FilmJob:
    link = job.report.with_name("out.link")
    return replace(job, policy=policy(ASSIST), link=link, subject=SUBJECT, key=KEY)


def made(job: FilmJob, detector: RedDetector | None = None) -> Done:
    return make_derivative(job, detector or RedDetector(), None, Random())


def there(job: FilmJob) -> list[str]:
    return sorted(path.name for path in job.report.parent.glob("out*"))


def test_two_officers_find_the_original_and_one_does_not(job: FilmJob) -> None:
    job = assist(job)
    done = made(job)
    assert job.link is not None
    sealed = job.link.read_bytes()
    assert SUBJECT.encode() not in sealed
    link = open_link(sealed, OFFICERS[1:])
    assert link == Link(
        derivative=job.facts.id,
        output_sha256=done.output_hash,
        source_sha256=hashlib.sha256(job.source.read_bytes()).hexdigest(),
        subject=SUBJECT,
    )
    assert open_link(sealed, OFFICERS[:2]) == open_link(sealed, (OFFICERS[2], OFFICERS[0])) == link
    for few in (OFFICERS[:1], (OFFICERS[0], OFFICERS[0]), (age_x25519.new_identity(_random),)):
        with pytest.raises(Refuse) as caught:
            open_link(sealed, few)
        assert caught.value.code == "seal.more-keys"
    report = json.loads(job.report.read_text(encoding="utf-8"))
    assert report["link_sha256"] == hashlib.sha256(sealed).hexdigest()
    assert SUBJECT not in job.report.read_text(encoding="utf-8")


def test_the_signature_is_over_report_and_film(job: FilmJob) -> None:
    done = made(replace(job, key=KEY))
    note = Verifier(KEY.verifier_key).verify(signature_path(job.report).read_bytes())
    tag, line, _ = note.text.split("\n")
    assert tag == "edgeward.deid-report/v1"
    assert json.loads(line) == {
        "v": 1,
        "report_sha256": hashlib.sha256(job.report.read_bytes()).hexdigest(),
        "output_sha256": done.output_hash,
    }
    assert there(job) == ["out.json", "out.json.note", "out.mp4"]


def test_without_a_key_there_is_no_signature_and_no_link(job: FilmJob) -> None:
    made(job)
    assert there(job) == ["out.json", "out.mp4"]
    assert max(most_red(packed) for packed in samples(job.output)) < NEUTRAL


@pytest.mark.parametrize("name", ["out.json", "out.mp4", "out.link", "out.json.note"])
def test_what_exists_is_not_touched_and_nothing_else_is_left(name: str, job: FilmJob) -> None:
    job = assist(job)
    (job.report.parent / name).write_bytes(b"mine")
    with pytest.raises(AgentError) as caught:
        made(job)
    assert caught.value.code == "file.exists"
    assert there(job) == [name]
    assert (job.report.parent / name).read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"link": None}, "deid.link"),
        ({"subject": None}, "deid.link"),
        ({"subject": " blank"}, "deid.bad-link"),
        ({"policy": policy(ASSIST.replace(RECIPIENTS[0], "age1zzz"))}, "seal.bad-recipient"),
        ({"policy": policy(ASSIST.replace(RECIPIENTS[0], RECIPIENTS[1]))}, "seal.repeated-recipient"),
        ({"policy": policy(POLICY)}, "deid.link"),
    ],
    ids=["no-link", "no-subject", "blank-subject", "no-recipient", "one-officer-twice", "no-assist"],
)
def test_a_job_that_can_not_be_done_leaves_nothing(
    change: dict[str, object], code: str, job: FilmJob
) -> None:
    with pytest.raises(Refuse) as caught:
        made(replace(assist(job), **change))  # type: ignore[arg-type]  # by name
    assert caught.value.code == code
    assert there(job) == []


def test_a_disk_that_fills_up_at_the_report_takes_the_film_away(
    job: FilmJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent.runtime.deid_film.write_all", full)
    with pytest.raises(AgentError) as caught:
        made(job)
    assert caught.value.code == "disk.full"
    assert there(job) == []


LINK = Link(derivative=random_id(bytes(16)), output_sha256="a" * 64, source_sha256="b" * 64, subject="病例 7")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/v1\n", b"/v2\n"), (b'"v":1', b'"v":2'), (b'"v":1', b'"v":true'), (b"aaaa", b"AAAA"),
        (b"-4000-", b"-7000-"), (b'{"der', b'{ "der'), (b"}\n", b"}"), (b"\xe7", b"\xff"),
        (b'"subject"', b'"who"'),
    ],
)  # fmt: skip
def test_a_link_has_one_spelling(old: bytes, new: bytes) -> None:
    good = encode(LINK)
    assert decode(good) == LINK
    assert old in good
    with pytest.raises(Refuse) as caught:
        decode(good.replace(old, new, 1))
    assert caught.value.code == "deid.bad-link"


def test_a_sealed_link_that_was_changed_does_not_open() -> None:
    sealed = bytearray(seal_link(LINK, RECIPIENTS[:2], Random()))
    sealed[len(sealed) // 2] ^= 1
    with pytest.raises(Refuse):
        open_link(bytes(sealed), OFFICERS[:2])
