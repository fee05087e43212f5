"""`edgeward verify` with witnesses and kept checkpoints: classes, exit codes, and words for people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.formats.ledger_v1 import CHECKPOINT
from agent.ledger.signing import SigningKey, Verifier
from agent.ledger.witness import Witness
from tests.cli.conftest import Recorded
from tests.fakes.agents import cli
from tests.fakes.clock import FakeClock
from tests.fakes.histories import WITNESS, WITNESS_2, sent
from tests.fakes.root_on_the_box import edited, rewrite


@pytest.fixture
def kept(recorded: Recorded, tmp_path: Path) -> Path:
    """What the witness has: the last checkpoint, cosigned."""
    key = Verifier((recorded.box.root / "state" / "signing.vkey").read_text().strip())
    box = key.name.rpartition("/")[2]
    witness = Witness.open(tmp_path / "witness", WITNESS, {box: key})
    note = (recorded.box.vault / "ledger" / CHECKPOINT).read_bytes()
    path = tmp_path / "cosigned"
    path.write_bytes(witness.take(box, note, {}, sent(1), FakeClock().now()))
    witness.close()
    return path


def verify(recorded: Recorded, vault: Path, *more: str) -> tuple[int, str]:
    key = recorded.box.root / "state" / "signing.vkey"
    done = cli("verify", str(vault), "--key", str(key), *more)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_without_a_witness_it_says_so(recorded: Recorded) -> None:
    code, text = verify(recorded, recorded.box.vault)
    assert code == Exit.OK
    assert "no witness given" in text


def test_all_of_it_is_witnessed(recorded: Recorded, kept: Path) -> None:
    witness = ("--witness", WITNESS.verifier_key)
    code, text = verify(recorded, recorded.box.vault, *witness, "--kept", str(kept))
    assert (code, "UNWITNESSED" in text, "no witness" in text) == (Exit.OK, False, False)


def test_a_witness_that_never_signed_leaves_all_of_it_a_tail(recorded: Recorded, kept: Path) -> None:
    witness = ("--witness", WITNESS_2.verifier_key)
    code, text = verify(recorded, recorded.box.vault, *witness, "--kept", str(kept), "--json")
    report = json.loads(text)
    assert (code, report["result"], report["ok"]) == (Exit.UNWITNESSED, "unwitnessed-tail", False)
    assert (report["witnessed"], report["unwitnessed"]) == (0, report["leaves"])


def test_what_root_did_is_tampered_and_said_in_words(
    recorded: Recorded, copy: Callable[[], Path], kept: Path
) -> None:
    vault = copy()
    key = SigningKey.load(recorded.box.root / "state" / "signing.key")
    box = key.name.rpartition("/")[2]
    rewrite(vault / "ledger", box, key, lambda leaves: [edited(leaves[0], vault="another"), *leaves[1:]])
    honest, _ = verify(recorded, vault)
    assert honest == Exit.OK  # nobody can see it without what was kept elsewhere
    code, text = verify(recorded, vault, "--witness", WITNESS.verifier_key, "--kept", str(kept))
    assert code == Exit.FAILED
    assert "LOOKS LIKE leaves that were covered were replaced by another story" in text
    assert "LOOKS LIKE the box's key signed two histories" in text


def test_a_kept_file_that_is_not_there(recorded: Recorded, tmp_path: Path) -> None:
    done = cli("verify", str(recorded.box.vault), "--kept", str(tmp_path / "none"))
    assert (done.returncode, "verify.kept-unreadable" in done.stderr) == (Exit.FAILED, True)


def test_a_swapped_segment_is_called_so(recorded: Recorded, copy: Callable[[], Path]) -> None:
    vault = copy()
    first, second = sorted((vault / "recordings" / recorded.recording).glob("*.mp4.age"))[:2]
    shutil.move(first, vault / "spare")
    shutil.move(second, first)
    shutil.move(vault / "spare", second)
    code, text = verify(recorded, vault)
    assert code == Exit.FAILED
    assert text.count("LOOKS LIKE swapped: recordings/") == 2
