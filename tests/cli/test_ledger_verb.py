"""`edgeward ledger` on a real vault: what a technician and an auditor see, and what their scripts get."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent.cli.exits import Exit
from agent.formats.ledger_v1 import LeafType, decode_leaf
from tests.cli.conftest import Recorded
from tests.fakes.agents import ROOT, cli
from tests.fakes.brokers import wait_until


def ask(recorded: Recorded, *arguments: str) -> list[str]:
    done = cli("ledger", *arguments, "-c", str(recorded.box.config))
    assert (done.returncode, done.stderr) == (Exit.OK, "")
    return done.stdout.splitlines()


def test_show_and_filters(recorded: Recorded) -> None:
    everything = ask(recorded, "show")
    assert [int(line.split(" ")[0]) for line in everything] == list(range(len(everything)))
    assert " boot: " in everything[0]
    segments = ask(recorded, "show", "--type", "segment", "--recording", recorded.recording)
    assert len(segments) == len(recorded.box.leaves(LeafType.SEGMENT))
    assert all(" segment: " in line and line.endswith("[STD 6.2; STD 7.3]") for line in segments)
    assert ask(recorded, "show", "--clause", "STD 7.3", "--channel", "ch0", "--from", "3") != []
    assert ask(recorded, "show", "--actor", "nobody") == []
    assert ask(recorded, "show", "--until", "2020-01-01") == []
    assert ask(recorded, "show", "--since", "2020-01-01T00:00:00Z") == everything


def test_export(recorded: Recorded) -> None:
    lines = ask(recorded, "export")
    assert [decode_leaf(line.encode()).n for line in lines] == list(range(len(lines)))
    syslog = ask(recorded, "export", "--format", "syslog", "--type", "boot")
    assert syslog[0].startswith("<110>1 ")
    assert ask(recorded, "export", "--format", "cef", "--type", "boot")[0].startswith("CEF:0|edgeward|")


def test_a_proof_is_made_and_checked_with_the_boxs_key_alone(recorded: Recorded, tmp_path: Path) -> None:
    [opening] = recorded.box.leaves(LeafType.RECORDING_OPENED)
    proof, key = tmp_path / "opening.tlog-proof", recorded.box.root / "state" / "signing.vkey"
    ask(recorded, "prove", str(opening.n), "-o", str(proof))
    good = cli("ledger", "check", str(proof), "--key", str(key))
    assert (good.returncode, good.stderr) == (Exit.OK, "")
    assert f"{opening.n} {opening.wall} recording-opened" in good.stdout
    lines = proof.read_text().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    proof.write_text("\n".join([*lines[:2], f"index {opening.n + 1}", *lines[3:]]))
    bad = cli("ledger", "check", str(proof), "--key", str(key))
    assert (bad.returncode, "proof.false" in bad.stderr) == (Exit.FAILED, True)


def test_what_is_not_there_is_refused(recorded: Recorded, tmp_path: Path) -> None:
    out = str(tmp_path / "x")
    done = cli("ledger", "prove", "99999", "-o", out, "-c", str(recorded.box.config))
    assert (done.returncode, "leaf.uncovered" in done.stderr) == (Exit.FAILED, True)
    assert cli("ledger", "show", "--type", "nonsense").returncode == Exit.USAGE
    gone = cli("ledger", "check", out, "--key", out)
    assert (gone.returncode, "proof.unreadable" in gone.stderr) == (Exit.FAILED, True)


def test_follow_prints_what_is_there_and_what_comes(copy: Callable[[], Path], tmp_path: Path) -> None:
    vault, out = copy(), tmp_path / "out"
    tail = vault / "ledger" / "tail.entries"
    whole = tail.read_bytes()
    size = int.from_bytes(whole[:2], "big") + 2
    tail.write_bytes(whole[:size])
    command = [sys.executable, "-m", "agent.cli.main", "ledger", "follow", "--vault", str(vault)]
    # Ctrl-C must reach it even where these tests run in the background, which ignores it.
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with out.open("w") as file, subprocess.Popen(command, cwd=ROOT, stdout=file, preexec_fn=heeds) as process:
        try:
            wait_until(lambda: len(out.read_text().splitlines()) == 1, "the first leaf")
            tail.write_bytes(whole)
            wait_until(lambda: len(out.read_text().splitlines()) > 3, "the leaves that came")
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
        finally:
            process.kill()
    numbers = [int(line.split(" ")[0]) for line in out.read_text().splitlines()]
    assert numbers == list(range(len(numbers)))


def test_a_leaf_with_a_body_is_json_for_machines(recorded: Recorded) -> None:
    [line] = ask(recorded, "export", "--type", "recording-opened")
    assert json.loads(line)["body"]["recording"] == recorded.recording
