"""Tickets end to end, with the real daemon, the real authority program and stock age where it can.

The story: record with a ticket; open by authority and custodian together; destroy the ticket; after that
nothing opens the recording, wherever copies lie, and another recording still opens.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.formats.tickets_v1 import Batch
from agent.host.clock import SystemClock
from tests.fakes.agents import ROOT, Box, cli, make_box, running, wait_for_segments, wait_until
from tests.fakes.authorities import DAY_NS, FakeAuthority

# The daemon, killed by SIGKILL where the capsule would be made: after the reservation, before the capsule.
KILLED_BEFORE_THE_CAPSULE = """
import os, signal, sys
import agent.runtime.recordings as recordings
from agent.cli.main import main
recordings.make_capsule = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.exit(main(["run", "-c", sys.argv[1]]))
"""


def did(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = cli(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@dataclass(slots=True)
class Hospital:
    """A box and the key authority, whose epoch key lies on another medium."""

    root: Path
    box: Box = field(init=False)

    def __post_init__(self) -> None:
        (self.root / "medium").mkdir()
        made = self.authority("init", "--name", "h1")
        extra = f'[tickets]\nauthority = "{made.stdout.strip()}"\n'
        self.box = make_box(self.root, extra=extra)

    @property
    def epoch_key(self) -> Path:
        return self.root / "medium" / "epoch.key"

    def authority(
        self, action: str, *arguments: str, directory: str = "authority", code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        place = ("-d", str(self.root / directory), "--epoch-key", str(self.epoch_key))
        return did("authority", action, *arguments, *place, code=code)

    def bring(self, count: int) -> None:
        """A batch from the authority to the box."""
        path = self.root / f"{count}.tickets"
        what = ("--box", "test-box", "--level", "4", "--count", str(count), "--retention", "30 days")
        self.authority("issue", *what, "-o", str(path))
        did("tickets", "import", str(path), "-c", str(self.box.config))

    def record(self) -> dict[str, Any]:
        """One recording of two segments; its manifest."""
        before = len(self.box.leaves(LeafType.SEGMENT))
        with running(self.box):
            wait_for_segments(self.box, before + 2)
        name = self.box.leaves(LeafType.RECORDING_OPENED)[-1].body["recording"]
        manifest: dict[str, Any] = json.loads((self.directory(str(name)) / "manifest.json").read_bytes())
        return manifest

    def directory(self, recording: str, vault: Path | None = None) -> Path:
        return (vault or self.box.vault) / "recordings" / recording

    def open(self, recording: str, *keys: str, vault: Path | None = None) -> subprocess.CompletedProcess[str]:
        out = self.root / "out.mp4"
        for left in (out, self.root / "out.mp4.access.note"):
            left.unlink(missing_ok=True)
        place = ("--vault", str(vault or self.box.vault), "-o", str(out), *self.box.access)
        done = cli("open", recording, "-i", str(self.box.custodian), *keys, *place)
        assert "Traceback" not in done.stderr
        assert out.exists() == (done.returncode == 0)
        return done

    def unwrap(self, recording: str) -> Path:
        inner = self.root / f"{recording}.inner"
        self.authority("unwrap", str(self.directory(recording) / "capsule.age"), "-o", str(inner))
        return inner


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path)


@pytest.mark.requires("age")
def test_destroying_a_ticket_shreds_every_copy_and_no_other_recording(hospital: Hospital) -> None:
    hospital.bring(5)
    shredded, other = hospital.record(), hospital.record()
    name, ticket = shredded["recording"], shredded["ticket"]
    assert ticket != other["ticket"]
    assert hospital.box.verify().result == "ok-with-gaps"

    closed = hospital.open(name)
    assert (closed.returncode, "open.ticket-closed" in closed.stderr) == (1, True)
    assert ticket in closed.stderr
    inner = hospital.unwrap(name)
    assert hospital.open(name, "--unwrapped", str(inner)).returncode == 0
    assert _opens_with_stock_age(hospital, name, inner)
    wrong = hospital.open(other["recording"], "--unwrapped", str(inner))
    assert "open.other-capsule" in wrong.stderr
    inner.unlink()

    vault = Path(shutil.copytree(hospital.box.vault, hospital.root / "backup-of-the-vault"))
    shutil.copytree(hospital.root / "authority", hospital.root / "backup-of-the-authority")
    unproved = hospital.authority("destroy", other["ticket"], "--reason", "x", code=1)
    assert "authority.maybe-unspent" in unproved.stderr
    proof = ("--manifest", str(hospital.directory(name) / "manifest.json"))
    hospital.authority("destroy", ticket, "--reason", "day 90", *proof)

    for copy in (hospital.box.vault, vault):
        capsule = str(hospital.directory(name, copy) / "capsule.age")
        assert hospital.open(name, vault=copy).returncode == 1
        stock = subprocess.run(
            ["age", "-d", "-i", str(hospital.box.custodian), capsule], capture_output=True, check=False
        )
        assert (stock.returncode, stock.stdout) == (1, b"")
        out = ("-o", str(hospital.root / "x"))
        gone = hospital.authority("unwrap", capsule, *out, code=1)
        assert "authority.no-ticket" in gone.stderr
        gone = hospital.authority("unwrap", capsule, "--ticket", ticket, *out, code=1)
        assert "authority.destroyed" in gone.stderr
        old = hospital.authority("unwrap", capsule, *out, directory="backup-of-the-authority", code=1)
        assert "authority.wrong-epoch-key" in old.stderr
    for wrapped in (hospital.root / "backup-of-the-authority" / "wrapped").rglob("*.age"):
        refused = did("unseal", "-i", str(hospital.epoch_key), str(wrapped), code=1)
        assert "seal.no-matching-key" in refused.stderr
    assert not (hospital.root / "x").exists()

    inner = hospital.unwrap(other["recording"])
    assert hospital.open(other["recording"], "--unwrapped", str(inner)).returncode == 0
    states = {row["id"]: row for row in json.loads(hospital.authority("list", "--json").stdout)}
    assert [states[ticket]["destroyed"], states[other["ticket"]]["destroyed"]] == [True, False]
    head = hospital.authority("audit").stdout.split("head ")[1].strip()
    hospital.authority("audit", "--head", head)
    cut = hospital.authority("audit", "--head", head, directory="backup-of-the-authority", code=1)
    assert "authority.unknown-head" in cut.stderr


def _opens_with_stock_age(hospital: Hospital, recording: str, inner: Path) -> bool:
    key = subprocess.run(
        ["age", "-d", "-i", str(hospital.box.custodian), str(inner)], capture_output=True, check=True
    ).stdout
    (hospital.root / "rk.txt").write_bytes(key)
    segment = hospital.directory(recording) / "00000000.mp4.age"
    clear = subprocess.run(
        ["age", "-d", "-i", str(hospital.root / "rk.txt"), str(segment)], capture_output=True, check=True
    ).stdout
    return clear[4:8] == b"ftyp"


@dataclass(slots=True)
class Small:
    """A box with an authority whose private keys the test has."""

    box: Box
    authority: FakeAuthority

    def batch(self, count: int = 3) -> Batch:
        return self.authority.batch(count, from_ns=SystemClock().now().wall_ns // 1000 * 1000 - DAY_NS)

    def hand_in(self, data: bytes) -> subprocess.CompletedProcess[str]:
        path = self.box.root / "batch.tickets"
        path.write_bytes(data)
        done = cli("tickets", "import", str(path), "-c", str(self.box.config))
        assert "Traceback" not in done.stderr
        return done

    def stored(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.box.root / "state" / "tickets").glob("*")}

    def alarms(self) -> set[str]:
        return {row["code"] for row in self.box.status()["alarms"]}


@pytest.fixture
def small(tmp_path: Path) -> Small:
    authority = FakeAuthority()
    extra = f'[tickets]\nauthority = "{authority.key.verifier_key}"\n'
    return Small(make_box(tmp_path, extra=extra), authority)


@pytest.mark.requires("age")
def test_stock_age_opens_both_layers_for_who_has_both_keys(small: Small) -> None:
    assert small.hand_in(small.authority.sign(small.batch())).returncode == 0
    with running(small.box):
        wait_for_segments(small.box, 1)
    [opening] = small.box.leaves(LeafType.RECORDING_OPENED)
    capsule = small.box.vault / "recordings" / str(opening.body["recording"]) / "capsule.age"
    ticket = small.box.root / "ticket.txt"
    ticket.write_text(small.authority.identities[str(opening.body["ticket"])] + "\n")
    command = 'age -d -i "$1" "$2" | age -d -i "$3"'
    key = subprocess.run(
        ["sh", "-c", command, "sh", str(ticket), str(capsule), str(small.box.custodian)],
        capture_output=True,
        check=True,
    ).stdout
    assert key.startswith(b"AGE-SECRET-KEY-1")
    opened = cli(
        "open", str(opening.body["recording"]), "-i", str(small.box.custodian), "-i", str(ticket),
        "-o", str(small.box.root / "out.mp4"), "--vault", str(small.box.vault), *small.box.access,
    )  # fmt: skip
    assert opened.returncode == 0, opened.stderr


def test_bad_batches_are_refused_while_it_records_and_a_good_one_is_seen(small: Small) -> None:
    sound = small.batch()
    stranger = FakeAuthority("edgeward.authority/stranger")
    bad = {
        "tickets.stranger": stranger.sign(replace(small.batch(), authority=stranger.name)),
        "tickets.other-box": small.authority.sign(replace(small.batch(), boxes=("elsewhere",))),
        "tickets.expired": small.authority.sign(
            replace(small.batch(), not_after_ns=small.batch().not_before_ns + 1000)
        ),
        "tickets.forged": small.authority.sign(sound).replace(
            sound.tickets[0].recipient.encode(), stranger.batch(1).tickets[0].recipient.encode()
        ),
        "tickets.bad": b"\x00\xff" * 50,
    }
    with running(small.box) as agent:
        wait_for_segments(small.box, 1)
        wait_until("the alarm", lambda: "tickets.empty" in small.alarms())
        for code, data in bad.items():
            refused = small.hand_in(data)
            assert (refused.returncode, code in refused.stderr) == (1, True), refused.stderr
            assert "what to do: " in refused.stderr
        assert small.stored() == {}
        assert small.hand_in(small.authority.sign(sound)).returncode == 0
        kept = small.stored()
        assert "tickets.replayed" in small.hand_in(small.authority.sign(sound)).stderr
        assert small.stored() == kept
        wait_until("the alarm's end", lambda: "tickets.empty" not in small.alarms())
        wait_for_segments(small.box, len(small.box.leaves(LeafType.SEGMENT)) + 1)
    assert agent.returncode == 0
    [opening] = small.box.leaves(LeafType.RECORDING_OPENED)
    assert (opening.body["ticket"], opening.body["emergency"]) == (None, True)
    raised = [leaf.body for leaf in small.box.leaves(LeafType.ALARM_RAISED)]
    assert [(body["code"], body["severity"]) for body in raised] == [("tickets.empty", "critical")]
    out = small.box.root / "out.mp4"
    opened = cli(
        "open", str(opening.body["recording"]), "-i", str(small.box.custodian), "-o", str(out),
        "--vault", str(small.box.vault), *small.box.access,
    )  # fmt: skip
    assert opened.returncode == 0, "an emergency capsule is sealed to custodians only"
    assert small.box.verify().result == "ok"
    status = cli("tickets", "status", "--json", "-c", str(small.box.config))
    assert status.returncode == 0
    assert json.loads(status.stdout)["channels"][0]["left"] == 3


def test_killed_between_reservation_and_capsule(small: Small) -> None:
    batch = small.batch()
    assert small.hand_in(small.authority.sign(batch)).returncode == 0
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_THE_CAPSULE, str(small.box.config)],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode == -9
    [reserved] = small.box.leaves(LeafType.TICKET_RESERVED)
    assert reserved.body["ticket"] == batch.tickets[0].id
    assert small.box.leaves(LeafType.RECORDING_OPENED) == []
    assert list((small.box.vault / "recordings").iterdir()) == []
    with running(small.box):
        wait_for_segments(small.box, 1)
    [opening] = small.box.leaves(LeafType.RECORDING_OPENED)
    assert opening.body["ticket"] == batch.tickets[1].id
    assert small.box.verify().result == "ok"
