"""Another's tlog program (aics-tlog 0.2.1 of PyPI) verifies our notes, cosignatures and proofs.

Not part of `make test`, because that program needs a newer Python (3.12) than the agent does. By hand:
`.venv/bin/python -m pytest tests/conformance/independent_tlog.py`; without the program it fails.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from agent.formats.ledger_v1 import (
    BUNDLE,
    CHECKPOINT,
    TAIL,
    encode_entries,
    encode_leaf,
    split_entries,
    tile_name,
)
from agent.ledger import tree
from agent.ledger.log import Ledger
from agent.ledger.witness import Witness
from tests.fakes.clock import FakeClock
from tests.fakes.histories import LOGS, WITNESS, WITNESS_2, sent
from tests.fakes.ledgers import BOX, KEY, NAME, OTHER_KEY, grow


def served(folder: Path) -> tuple[Path, Ledger]:
    """A copy of a log for tlog-tiles clients: the partial tiles of level 0 made from the tail."""
    ledger = grow(folder / "log", 600)
    witness = Witness.open(folder / "witness", WITNESS, LOGS)
    note = witness.take(BOX, ledger.checkpoint(FakeClock().now()), {}, sent(1), FakeClock().now())
    witness.close()
    copy = Path(shutil.copytree(folder / "log", folder / "copy"))
    (copy / CHECKPOINT).write_bytes(note)
    entries, _ = split_entries((copy / TAIL).read_bytes())
    number = 600 // BUNDLE
    for level, data in (
        (None, encode_entries(entries)),
        (0, b"".join(tree.leaf_hash(entry) for entry in entries)),
    ):
        path = copy / tile_name(level, number, len(entries))
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    return copy, ledger


def tlog(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("aics-tlog")
    assert program is not None, "install aics-tlog 0.2.1 with Python 3.12 and put it on PATH"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def test_an_independent_program_verifies_note_cosignature_inclusion_and_consistency(tmp_path: Path) -> None:
    copy, ledger = served(tmp_path)
    old = grow(tmp_path / "old", 300)
    (tmp_path / "old-note").write_bytes(old.checkpoint(FakeClock().now()))
    keys = ("--tiles", str(copy), "--log-key", KEY.verifier_key, "--origin", NAME)
    good = tlog("verify-checkpoint", *keys, "--witness-key", WITNESS.verifier_key, "--quorum", "1")
    assert good.returncode == 0, good.stderr
    for index in (0, 255, 256, 511, 512, 599):
        done = tlog("verify-inclusion", *keys, "--index", str(index), "--entry-out", str(tmp_path / "entry"))
        assert done.returncode == 0, done.stderr
        leaf = next(iter(ledger.leaves(index)))
        assert (tmp_path / "entry").read_bytes() == encode_leaf(leaf)
    done = tlog("verify-consistency", *keys, "--old-checkpoint", str(tmp_path / "old-note"))
    assert done.returncode == 0, done.stderr


def test_the_independent_program_refuses_what_we_refuse(tmp_path: Path) -> None:
    copy, _ = served(tmp_path)
    keys = ("--tiles", str(copy), "--log-key", KEY.verifier_key)
    assert (
        tlog("verify-checkpoint", "--tiles", str(copy), "--log-key", OTHER_KEY.verifier_key).returncode != 0
    )
    wrong = tlog("verify-checkpoint", *keys, "--witness-key", WITNESS_2.verifier_key, "--quorum", "1")
    assert wrong.returncode != 0
    note = (copy / CHECKPOINT).read_bytes()
    (copy / CHECKPOINT).write_bytes(note.replace(b"\n600\n", b"\n599\n"))
    assert tlog("verify-checkpoint", *keys).returncode != 0
