"""`make demo`'s program: exactly one JSON object with the documented keys, exit 0 only when all of it holds,
and nothing in clear on the disk; a planted clear file is found.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.capture.joiner import count_playable_frames
from agent.demo import plaintext
from agent.runtime.opening import open_recording_to
from agent.seal.capsule import read_identity_file
from tests.fakes.agents import ROOT, cli, wait_until

KEYS = {
    "ok", "seconds", "segments", "frames_expected", "frames_recorded", "frames_opened", "gaps", "verdict",
    "ledger", "mqtt", "vault", "identity", "plaintext_hits",
}  # fmt: skip


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "agent.demo", *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command("--seconds", "8", "--json"),
        cwd=tmp_path_factory.mktemp("demo"),
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_one_object_with_the_documented_keys(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.count("\n") == 1
    found = json.loads(demo.stdout)
    assert found.keys() == KEYS
    assert found["ledger"].keys() == {"leaves", "verified", "root"}
    assert found["mqtt"].keys() == {"messages", "status", "events"}
    assert (found["ok"], found["verdict"], found["gaps"], found["plaintext_hits"]) == (
        True,
        "conforming",
        0,
        0,
    )
    assert found["frames_recorded"] == found["frames_opened"] >= 8 * 25
    assert abs(found["frames_recorded"] - found["frames_expected"]) <= 1
    assert found["mqtt"]["status"] == ["online", "offline"]


def test_what_it_recorded_is_sealed_and_opens(demo: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    found = json.loads(demo.stdout)
    vault, identity = Path(found["vault"]), Path(found["identity"])
    rows = json.loads(cli("recordings", "--vault", str(vault), "--json").stdout)
    clear = io.BytesIO()
    secrets = read_identity_file(identity.read_text())
    for row in rows:
        opened = open_recording_to(vault, row["recording"], secrets, clear)
        assert opened.problems == ()
    media = clear.getvalue()
    assert count_playable_frames(media) == found["frames_opened"]
    needles = [*plaintext.WORDS, *plaintext.windows(media)]
    assert len(needles) > plaintext.LEAST_WINDOWS
    assert plaintext.search(vault.parent, needles, identity) == []
    planted = vault.parent / "planted.bin"
    planted.write_bytes(b"x" * 100_001 + media)
    hits = plaintext.search(vault.parent, needles, identity)
    planted.unlink()
    assert {hit.file for hit in hits} == {planted}
    assert len(hits) > plaintext.LEAST_WINDOWS


def test_ctrl_c_ends_it_with_the_proof(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            _command("--json"), cwd=tmp_path, env=_environment(), stdout=subprocess.PIPE, stderr=output,
            text=True,
        )  # fmt: skip
    try:
        wait_until("two segments are told", lambda: ", 2 segments" in log.read_text(), 60)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 0, log.read_text()
    assert json.loads(out)["ok"]
