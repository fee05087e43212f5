"""The whole agent on each device: records, seals, judges; then it is verified, opened and looked at."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import pytest
from bench import Bench, Device, Mode
from steps import Note, wait_until

from agent.formats.ledger_v1 import LeafType
from agent.ledger.check import read_leaves
from agent.ledger.signing import SigningKey
from agent.model.errors import AgentError

SEGMENT_S = 2.0
SEGMENTS = 3
START_S = 180.0


class Box:
    """An agent of its own in a temporary directory."""

    def __init__(self, program: str, root: Path, device: Device, mode: Mode) -> None:
        self.program, self.root = program, root
        self.config, self.vault = root / "agent.toml", root / "vault"
        recipient = self.run("keygen", "-o", str(root / "custodian.txt")).stdout.strip()
        SigningKey.generate(os.urandom(32), "edgeward.operator/bench").save(root / "operator.key")
        source = "\n".join(f"{key} = {json.dumps(value)}" for key, value in device.source.items())
        if device.kind == "synthetic":
            source += f'\nwidth = {mode.width}\nheight = {mode.height}\nrate = "{mode.rate}"\n'
        self.config.write_text(
            f'[box]\nid = "bench"\nstate_dir = "{root}/state"\nvault_dir = "{root}/vault"\n'
            f'runtime_dir = "{root}/run"\n[custodians]\nrecipients = ["{recipient}"]\n'
            f"[segments]\nseconds = {SEGMENT_S}\nkeep_free_bytes = 0\n"
            '[[channel]]\nid = "ch0"\ncategory = "dt"\nlevel = 4\npurpose = "bench"\nlawful_basis = "test"\n'
            'plan = { scene = "imaging-diagnosis", place = ["bench"], responsible = "tester", '
            'policy = "test-1" }\n'
            f"[channel.source]\n{source}\n"
            f'[channel.spec]\nwidth = {mode.width}\nheight = {mode.height}\nrate = "{mode.rate}"\n'
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, timeout=300, check=False
        )

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Ends the agent that it started, by its own process."""
        with (self.root / "log.txt").open("w") as log:
            agent = subprocess.Popen(
                [self.program, "run", "-c", str(self.config)], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            yield
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(60) == 0, (self.root / "log.txt").read_text()[-2000:]
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()

    def segments(self) -> list[dict[str, Any]]:
        try:
            leaves = list(read_leaves(self.vault / "ledger"))
        except (AgentError, OSError):
            return []
        return [dict(leaf.body) for leaf in leaves if leaf.type is LeafType.SEGMENT]

    def alarms(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = json.loads((self.root / "run" / "status.json").read_text())[
                "alarms"
            ]
        except (OSError, ValueError):
            return []
        return found

    def wrong(self) -> list[str]:
        """What was found that does not conform, once each."""
        found = [finding for segment in self.segments() for finding in segment["findings"]]
        return sorted(
            {
                f"{one['rule']}: {one['measured']} instead of {one['required']}"
                for one in found
                if one["grade"] != "conforming"
            }
        )

    def record(self) -> None:
        with self.recording():
            wait_until(f"{SEGMENTS} segments", lambda: len(self.segments()) >= SEGMENTS, START_S)


@pytest.mark.needs("record")
def test_what_is_recorded_is_sealed_verified_and_opens(
    device: Device, bench: Bench, tmp_path: Path, note: Note
) -> None:
    assert device.record is not None
    box = Box(bench.program, tmp_path, device, device.record)
    box.record()

    checked = json.loads(
        box.run("verify", str(box.vault), "--key", str(tmp_path / "state/signing.vkey"), "--json").stdout
    )
    note("verify", checked["result"], "ok or ok-with-gaps")
    assert checked["result"] in ("ok", "ok-with-gaps")
    (recording,) = checked["recordings"]
    note("verdict", recording["verdict"], "conforming or degraded")
    assert recording["verdict"] in ("conforming", "degraded"), box.wrong()

    out = tmp_path / "out.mp4"
    opened = box.run(
        "open", recording["recording"], "-i", str(tmp_path / "custodian.txt"), "-o", str(out),
        "--vault", str(box.vault), "--purpose", "bench", "--sign", str(tmp_path / "operator.key"),
    )  # fmt: skip
    assert opened.returncode == 0, opened.stderr
    with av.open(str(out)) as container:
        pictures = list(container.decode(video=0))
    note("pictures", f"{len(pictures)} of {recording['frames']} decode", "all")
    assert len(pictures) == recording["frames"] > 0
    assert (pictures[0].width, pictures[0].height) == (device.record.width, device.record.height)

    sealed = b"".join(path.read_bytes() for path in box.vault.rglob("*") if path.is_file())
    assert b"moof" not in sealed, "no plaintext of the video in the vault"
    assert b"mdat" not in sealed


@pytest.mark.needs("impossible")
def test_what_does_not_meet_the_spec_is_recorded_and_told(
    device: Device, bench: Bench, tmp_path: Path, note: Note
) -> None:
    assert device.impossible is not None
    box = Box(bench.program, tmp_path, device, device.impossible)
    codes: set[str] = set()

    def is_told() -> bool:
        codes.update(str(alarm["code"]) for alarm in box.alarms())
        return len(box.segments()) >= SEGMENTS and "spec.nonconforming" in codes

    with box.recording():
        wait_until("the alarm", is_told, START_S)
    note("alarms", ", ".join(sorted(codes)), "spec.nonconforming")
    note("findings", "; ".join(box.wrong()), "nonconforming")
    assert any(segment["verdict"] == "nonconforming" for segment in box.segments())
