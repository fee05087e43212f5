"""The recipe of docs/verify-with-public-tools.md, run as written. See independent_tlog.py for another."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import (
    CHECKPOINT,
    TAIL,
    LeafType,
    tile_name,
)
from agent.ledger.signing import Verifier
from agent.ledger.witness import Witness
from agent.model.outgoing import Json
from tests.fakes.histories import WITNESS, WITNESS_2, sent
from tests.fakes.ledgers import OTHER_KEY
from tests.unit.runtime.vaults import SmallBox

DOCUMENT = Path(__file__).parents[2] / "docs" / "verify-with-public-tools.md"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
GAP_END = "2026-11-24T00:00:00.000000Z"


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-eu", "-c", text],
        cwd=folder,
        env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def recipe(folder: Path) -> list[str]:
    """Writes the files that a block's first line names; gives the other blocks, in order."""
    commands: list[str] = []
    for _, body in BLOCK.findall(DOCUMENT.read_text(encoding="utf-8")):
        named = re.match(r"# ([a-z]+\.(?:py|sh))\b", body)
        if named:
            (folder / named[1]).write_text(body, encoding="utf-8")
        else:
            commands.append(body)
    return commands


def make(folder: Path) -> SmallBox:
    """A vault with more than a bundle of leaves, a witness's note, and leaves after it."""
    folder.mkdir()
    box = SmallBox(folder / "box")
    box.record(segments=2)
    with box.running() as running:
        for number in range(300):
            facts: dict[str, Json] = {"channel": "ch0", "recording": None, "to": GAP_END, "n": number}
            running.book.leaf(LeafType.GAP, facts)
        running.book.checkpoint()
    witness = Witness.open(folder / "witness", WITNESS, {"test-box": Verifier(box.vkey)})
    own = (box.vault / "ledger" / CHECKPOINT).read_bytes()
    note = witness.take("test-box", own, {}, sent(1), box.clock.now())
    witness.close()
    box.record(segments=2)
    shutil.copytree(box.vault, folder / "vault")
    (folder / "cosigned").write_bytes(note)
    (folder / "box.vkey").write_text(box.vkey + "\n")
    (folder / "witness.vkey").write_text(WITNESS.verifier_key + "\n")
    (folder / "custodian.txt").write_text(box.custodian.identity + "\n")
    return box


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "audit"
    make(folder)
    return folder


@pytest.fixture
def audit(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "audit"))


@pytest.mark.requires("age")
def test_the_recipe_as_written(audit: Path) -> None:
    leaves, signatures, root, files, inside = recipe(audit)
    done = run(audit, leaves)
    assert int(done.stdout) > 300
    done = run(audit, signatures)
    assert (done.returncode, done.stdout.count("Signature Verified Successfully")) == (0, 2), done.stderr
    assert "cosigned 2026-11-24T00:" in done.stdout
    done = run(audit, root)
    assert (done.returncode, "no witness has seen them" in done.stdout) == (0, True), done.stderr
    done = run(audit, files)
    assert (done.returncode, done.stdout.count(": OK\n")) == (0, len(done.stdout.splitlines())), done.stdout
    done = run(audit, inside)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 4
    assert all(int(size) > 1000 for size in done.stdout.split())


def _edit_a_leaf(audit: Path) -> None:
    path = audit / "vault" / "ledger" / tile_name(None, 0)
    path.write_bytes(path.read_bytes().replace(b'"ch0"', b'"ch9"', 1))


def _truncate(audit: Path) -> None:
    (audit / "vault" / "ledger" / TAIL).write_bytes(b"")


def _edit_a_segment(audit: Path) -> None:
    path = min((audit / "vault" / "recordings").rglob("*.mp4.age"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def _inject(audit: Path) -> None:
    [*_, recording] = (audit / "vault" / "recordings").iterdir()
    (recording / "00000009.mp4.age").write_bytes(b"x")


def _other_box(audit: Path) -> None:
    (audit / "box.vkey").write_text(OTHER_KEY.verifier_key + "\n")


def _other_witness(audit: Path) -> None:
    (audit / "witness.vkey").write_text(WITNESS_2.verifier_key + "\n")


def _other_size(audit: Path) -> None:
    text = (audit / "cosigned").read_text().split("\n")
    (audit / "cosigned").write_text("\n".join([text[0], str(int(text[1]) - 1), *text[2:]]))


@pytest.mark.parametrize(
    ("attack", "step"),
    [
        (_edit_a_leaf, 2),
        (_truncate, 2),
        (_edit_a_segment, 3),
        (_inject, 3),
        (_other_box, 1),
        (_other_witness, 1),
        (_other_size, 1),
    ],
)
def test_the_recipe_finds_attacks(audit: Path, attack: Callable[[Path], None], step: int) -> None:
    attack(audit)
    commands = recipe(audit)
    for number, command in enumerate(commands[: step + 1]):
        done = run(audit, command)
        assert (done.returncode == 0) == (number < step), (number, done.stdout, done.stderr)
