"""Destruction end to end: the real daemon records, the real authority destroys, stock age tries to open.

The story: two recordings, backup copies of vault and authority; request, two approvals, the authority
destroys the ticket, execution, certificate. After that nothing opens the recording: not the same custodian
with the backup copy, not a restored old authority; the certificate is sound for who has only public keys, and
the other recording still opens. Only the clock of the disposal is a fake one: it is 91 days later.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import LeafType
from agent.host.medium import Trimmed
from agent.model.commands import Command, CommandType
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, from_rfc3339
from agent.runtime.book import Book
from agent.runtime.boot import boot, recover, signing_key
from agent.runtime.disposal import Disposal
from agent.runtime.disposal_context import DisposalContext
from agent.runtime.load_config import load
from tests.fakes.agents import make_box, running, wait_for_segments
from tests.fakes.clock import FakeClock
from tests.integration.test_tickets import Hospital, did

DAY_S = 86_400
SPEC = 'width = 640\nheight = 360\nrate = "25"\n[channel.retention]\nrule = "clinical"\nkeep_days = 90\n'


@dataclass(slots=True)
class Ward(Hospital):
    """A hospital whose plan says how long recordings are kept."""

    def __post_init__(self) -> None:
        (self.root / "medium").mkdir()
        made = self.authority("init", "--name", "h1")
        extra = f'[tickets]\nauthority = "{made.stdout.strip()}"\n'
        self.box = make_box(self.root, extra=extra, spec=SPEC)

    @property
    def config(self) -> AgentConfig:
        return load(self.box.config)

    def last_note(self) -> Path:
        return sorted((self.root / "authority" / "record").glob("*.note"))[-1]

    def shred(self, manifest: dict[str, Any], reason: str) -> None:
        """The authority destroys the ticket of a recording."""
        path = self.directory(manifest["recording"]) / "manifest.json"
        self.authority("destroy", manifest["ticket"], "--manifest", str(path), "--reason", reason)

    @property
    def box_key(self) -> Path:
        return self.root / "state" / "signing.vkey"

    @property
    def authority_key(self) -> Path:
        return self.root / "authority" / "signing.vkey"


class NoTrim:
    """No real disk is told to discard anything."""

    def start(self, path: Path) -> None:
        assert path.is_dir()

    def result(self, waited_s: float) -> Trimmed | None:
        return Trimmed(done=False, text=f"not asked in a test ({waited_s:.0f} s)")


class Desk:
    """The handlers over a real vault, on a fake clock that begins where the recordings ended."""

    def __init__(self, ward: Ward, clock: FakeClock, context: DisposalContext) -> None:
        self.ward = ward
        self.clock = clock
        self.context = context
        context.trim = NoTrim()
        self.disposal = Disposal(context)

    def do(self, kind: CommandType, *signers: str, **args: Json) -> dict[str, Any]:
        command = Command(
            id=new_uuid7(self.clock.now().wall_ns, os.urandom(10)), type=kind, args=args, signers=signers
        )
        return dict(self.disposal.handlers()[kind](command))


@contextmanager
def desk(ward: Ward, clock: FakeClock) -> Iterator[Desk]:
    config = ward.config
    booted = boot(config, clock, os.urandom, lambda _: None)
    try:
        book = Book(booted.ledger, None, clock, booted.boot, lambda: None)
        recover(ward.box.vault, booted.past, book)
        book.leaf(LeafType.BOOT, {"vault": booted.vault_id, "torn": 0})
        context = DisposalContext.of(
            config,
            book=book,
            ledger=booted.ledger,
            account=booted.past.disposal,
            key=signing_key(config, os.urandom),
            clock=clock,
            random=os.urandom,
        )
        yield Desk(ward, clock, context)
    finally:
        booted.ledger.close()
        os.close(booted.lock)


def clock_after(ward: Ward) -> FakeClock:
    """A good clock that goes on a minute after the last leaf of the daemon."""
    last = ward.box.leaves()[-1]
    return FakeClock(wall_ns=from_rfc3339(last.wall) + 60 * NS_PER_S)


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def stock_age_opens(ward: Ward, capsule: Path, inner: Path) -> bool:
    """`age -d` of the layer that the authority peeled, as the documents say."""
    done = subprocess.run(
        ["age", "-d", "-i", str(ward.box.custodian), str(inner if inner.exists() else capsule)],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0 and done.stdout.startswith(b"AGE-SECRET-KEY-1")


@pytest.mark.requires("age")
def test_from_recording_to_certificate(ward: Ward, tmp_path: Path) -> None:
    ward.bring(5)
    gone, other = ward.record(), ward.record()
    name, ticket = gone["recording"], gone["ticket"]
    assert gone["retention"]["rule"] == "clinical"
    inner = ward.unwrap(name)
    assert stock_age_opens(ward, ward.directory(name) / "capsule.age", inner)
    assert ward.open(name, "--unwrapped", str(inner)).returncode == 0
    inner.unlink()
    vault_copy = Path(shutil.copytree(ward.box.vault, tmp_path / "backup-of-the-vault"))
    shutil.copytree(ward.root / "authority", ward.root / "backup-of-the-authority")

    clock = clock_after(ward)
    with desk(ward, clock) as at:
        clock.advance(91 * DAY_S)
        due = at.do(CommandType.RETENTION_RUN, "anna")
        assert (due["due"], due["undated"]) == (2, 0)
        asked = at.do(CommandType.DESTROY_REQUEST, "anna", recordings=[name], reason="90 days are over")
        assert gone["recording"] in asked["challenge"]
        for approver in ("bob", "carl"):
            over = {"request": asked["request"], "challenge_sha256": asked["challenge_sha256"]}
            at.do(CommandType.DESTROY_APPROVE, approver, **over)
        ward.shred(gone, f"request {asked['request']}")
        note = ward.last_note().read_text(encoding="utf-8")
        execute: dict[str, Json] = {"request": asked["request"], "records": [note], "title": "archivist"}
        done = at.do(CommandType.DESTROY_EXECUTE, "anna", **execute)
    assert done["state"] == "certified"
    assert not ward.directory(name).exists()

    certificate = ward.root / "state" / "certificates" / done["certificate"]
    keys = ("--key", str(ward.box_key), "--authority-key", str(ward.authority_key))
    sound = did("certificate", "verify", str(certificate), *keys, "--vault", str(ward.box.vault))
    assert sound.stdout.startswith("sound: box test-box certified")
    assert sound.stderr == ""
    told = json.loads(did("certificate", "show", str(certificate), *keys).stdout)
    assert [one["recording"] for one in told["recordings"]] == [name]
    assert (told["people"]["title"], told["sanitization"]["method"]) == ("archivist", "purge")
    assert name in did("certificate", "show", str(certificate), *keys, "--html", "--lang", "en").stdout
    cut = ward.root / "changed.note"
    cut.write_bytes(certificate.read_bytes().replace(b"archivist", b"director "))
    assert "note.forged" in did("certificate", "verify", str(cut), *keys, code=1).stderr

    closed = did("verify", str(ward.box.vault), "--key", str(ward.box_key))
    assert closed.stdout.startswith(("ok:", "ok-with-gaps:"))
    listed = did("destroy", "list", "--vault", str(ward.box.vault), "-c", str(ward.box.config))
    assert f"{asked['request']}  certified  1 recordings  2 of 2 approvals" in listed.stdout
    said = ward.open(name)
    assert "open.destroyed" in said.stderr

    _the_backup_opens_no_more(ward, name, ticket, vault_copy)
    inner = ward.unwrap(other["recording"])
    assert stock_age_opens(ward, ward.directory(other["recording"]) / "capsule.age", inner)
    assert ward.open(other["recording"], "--unwrapped", str(inner)).returncode == 0


def _the_backup_opens_no_more(ward: Ward, name: str, ticket: str, vault_copy: Path) -> None:
    """The same custodian, the backup copy of ciphertext and capsule, and a restored old authority."""
    capsule = vault_copy / "recordings" / name / "capsule.age"
    assert capsule.is_file()
    assert ward.open(name, vault=vault_copy).returncode == 1
    assert not stock_age_opens(ward, capsule, ward.root / "nothing")
    out = ("-o", str(ward.root / "x"))
    assert "authority.no-ticket" in ward.authority("unwrap", str(capsule), *out, code=1).stderr
    named = ward.authority("unwrap", str(capsule), "--ticket", ticket, *out, code=1)
    assert "authority.destroyed" in named.stderr
    old = ward.authority("unwrap", str(capsule), *out, directory="backup-of-the-authority", code=1)
    assert "authority.wrong-epoch-key" in old.stderr
    for wrapped in (ward.root / "backup-of-the-authority" / "wrapped").rglob("*.age"):
        refused = did("unseal", "-i", str(ward.epoch_key), str(wrapped), code=1)
        assert "seal.no-matching-key" in refused.stderr
    assert not (ward.root / "x").exists()


def test_after_a_kill_the_daemon_neither_adopts_nor_quarantines_what_is_left(ward: Ward) -> None:
    """The daemon boots over a half removed recording, leaves it to the disposal and goes on recording."""
    ward.bring(3)
    gone = ward.record()
    name = gone["recording"]
    clock = clock_after(ward)
    with desk(ward, clock) as at:
        clock.advance(91 * DAY_S)
        asked = at.do(CommandType.DESTROY_REQUEST, "anna", recordings=[name], reason="over")
        over = {"request": asked["request"], "challenge_sha256": asked["challenge_sha256"]}
        at.do(CommandType.DESTROY_APPROVE, "bob", **over)
        at.do(CommandType.DESTROY_APPROVE, "carl", **over)
        ward.shred(gone, "over")
        note = ward.last_note().read_text(encoding="utf-8")

        class Stopped(BaseException):
            """The process is gone."""

        class Stopping:
            def unlink(self, path: Path) -> None:
                if path.name != "capsule.age":
                    raise Stopped
                path.unlink()

            def remove_directory(self, path: Path) -> None:
                raise AssertionError(f"{path} is not empty")

            def sync_directory(self, path: Path) -> None:
                raise AssertionError(f"{path} has files left")

        at.context.disk = Stopping()
        with pytest.raises(Stopped):
            at.do(CommandType.DESTROY_EXECUTE, "anna", request=asked["request"], records=[note])
    left = sorted(path.name for path in ward.directory(name).iterdir())
    assert "capsule.age" not in left
    assert left[-1] == "manifest.json"
    assert ward.box.verify().result == "incomplete"
    segments = len(ward.box.leaves(LeafType.SEGMENT))
    with running(ward.box):
        wait_for_segments(ward.box, segments + 1)
    assert ward.box.leaves(LeafType.QUARANTINE) == []
    clock = FakeClock(wall_ns=clock.now().wall_ns)
    with desk(ward, clock) as at:
        for _ in range(10):
            at.disposal.tick()
    assert not ward.directory(name).exists()
    assert len(ward.box.leaves(LeafType.DESTROY_CERTIFIED)) == 1
    report = ward.box.verify()
    assert (report.ok, report.problems) == (True, ())
