"""Two of three custodians, with the real daemon: recorded, opened by our tool and with stock age and tar."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from agent.formats.capsule_v1 import fingerprint
from agent.formats.ledger_v1 import LeafType
from agent.host.clock import SystemClock
from agent.ledger.signing import SigningKey
from agent.runtime.access_records import verify_record
from tests.fakes.agents import Box, cli, make_box, running, wait_for_segments
from tests.fakes.authorities import DAY_NS, FakeAuthority

PEOPLE = ("a", "b", "c")


def make(root: Path, authority: FakeAuthority) -> tuple[Box, dict[str, str]]:
    box = make_box(root, extra=f'[tickets]\nauthority = "{authority.key.verifier_key}"\n')
    made = {name: cli("keygen", "-o", str(root / f"{name}.txt")).stdout.strip() for name in PEOPLE}
    lines = [
        f"recipients = {json.dumps(list(made.values()))}\nthreshold = 2"
        if line.startswith("recipients")
        else line
        for line in box.config.read_text().split("\n")
    ]
    box.config.write_text("\n".join(lines))
    batch = authority.batch(1, from_ns=SystemClock().now().wall_ns // 1000 * 1000 - DAY_NS)
    (root / "batch.tickets").write_bytes(authority.sign(batch))
    assert cli("tickets", "import", str(root / "batch.tickets"), "-c", str(box.config)).returncode == 0
    (root / "ticket.txt").write_text(authority.identities[batch.tickets[0].id] + "\n")
    return box, made


@pytest.mark.requires("age")
def test_two_of_three_custodians_and_a_ticket(tmp_path: Path) -> None:
    box, recipients = make(tmp_path, FakeAuthority())
    with running(box):
        wait_for_segments(box, 2)
    [opening] = box.leaves(LeafType.RECORDING_OPENED)
    recording = str(opening.body["recording"])
    directory = box.vault / "recordings" / recording
    manifest = json.loads((directory / "manifest.json").read_bytes())
    assert (manifest["threshold"], manifest["custodians"]) == (2, list(recipients.values()))

    def open_with(*names: str) -> subprocess.CompletedProcess[str]:
        keys = [word for name in names for word in ("-i", str(tmp_path / f"{name}.txt"))]
        where = ("--vault", str(box.vault), "-o", str(tmp_path / "out.mp4"))
        return cli("open", recording, *keys, *where, *box.access)

    assert "open.ticket-closed" in open_with("a", "b", "c").stderr
    for too_few in (("a",), ("b", "b")):
        refused = open_with(*too_few, "ticket")
        assert (refused.returncode, "1 more needed [seal.more-keys]" in refused.stderr) == (1, True)
    assert not (tmp_path / "out.mp4").exists()
    done = open_with("c", "a", "ticket")
    assert done.returncode == 0, done.stderr
    note = (tmp_path / "out.mp4.access.note").read_bytes()
    record = verify_record(note, SigningKey.load(tmp_path / "operator.key").verifier_key)
    assert {fingerprint(recipients[name]) for name in ("a", "c")} < set(record.keys)

    member = "+".join(fingerprint(recipients[name]) for name in ("b", "c")) + ".age"
    command = (
        f"age -d -i ticket.txt '{directory}/capsule.age' | age -d -i c.txt | tar -xOf - {member} "
        f"| age -d -i b.txt | age -d -i c.txt > rk.txt && age -d -i rk.txt '{directory}/00000000.mp4.age'"
    )
    clear = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True).stdout
    assert clear[4:8] == b"ftyp"
    assert box.verify().result == "ok"
