"""`recordings`, `verify`, `open`, `status`, `keygen` on real vaults: what they print and their exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.capture.joiner import count_playable_frames
from agent.cli.exits import Exit
from agent.formats.ledger_v1 import LeafType
from tests.cli.conftest import RECORDING, STOPPED, Recorded
from tests.fakes.agents import ROOT, cli, make_box, start, stop
from tests.unit.vault.conftest import small_disk as small_disk  # a fixture to use here


def clean(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert "Traceback" not in done.stderr
    assert "Traceback" not in done.stdout
    return done


def config(recorded: Recorded) -> tuple[str, str]:
    return "-c", str(recorded.box.config)


def frames(recorded: Recorded) -> int:
    bodies = [leaf.body for leaf in recorded.box.leaves(LeafType.SEGMENT)]
    return sum(body["frames"] for body in bodies if isinstance(body["frames"], int))


# recordings


def test_recordings_as_json(recorded: Recorded) -> None:
    done = clean(cli("recordings", "--json", *config(recorded)))
    assert (done.returncode, done.stderr) == (0, "")
    [row] = json.loads(done.stdout)
    files = list(recorded.directory.glob("*.mp4.age"))
    assert row["recording"] == recorded.recording
    assert (row["channel"], row["category"], row["level"]) == ("ch0", "dt", 4)
    assert (row["state"], row["verdict"]) == ("closed", "conforming")
    assert row["segments"] == len(files) >= 3
    assert row["size_bytes"] == sum(path.stat().st_size for path in files)
    assert row["opened"] < row["end"]


def test_recordings_for_people(recorded: Recorded) -> None:
    done = clean(cli("recordings", "--vault", str(recorded.box.vault)))
    [line] = done.stdout.splitlines()
    assert line.startswith(f"{recorded.recording}  ch0  ")
    assert "  closed  conforming" in line


@pytest.mark.parametrize(
    "verb", [("recordings",), ("verify",), ("open", "x", "-i", "k", "-o", "o", "--purpose", "p")]
)
def test_a_vault_that_is_not_there(tmp_path: Path, recorded: Recorded, verb: tuple[str, ...]) -> None:
    arguments = [str(recorded.box.custodian) if word == "k" else word for word in verb]
    place = [str(tmp_path)] if verb[0] == "verify" else ["--vault", str(tmp_path)]
    done = clean(cli(*arguments, *place))
    assert (done.returncode, done.stdout) == (Exit.FAILED, "")
    assert done.stderr == (
        f"edgeward: there is no vault at {tmp_path} [vault.none]\n"
        "what to do: name the directory with vault.json\n"
    )


@pytest.mark.parametrize("arguments", [("recordings",), ("config", "schema")])
def test_a_reader_that_left_gets_no_traceback(recorded: Recorded, arguments: tuple[str, ...]) -> None:
    """As in `edgeward recordings | head -0`."""
    reader, writer = os.pipe()
    os.close(reader)
    if arguments[0] == "recordings":
        arguments = (*arguments, *config(recorded))
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli.main", *arguments],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == Exit.FAILED


def test_an_output_that_is_full_gets_no_traceback(recorded: Recorded) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "agent.cli.main", "recordings", *config(recorded)],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode not in (0, 120)


# verify


def test_verify_of_an_honest_vault(recorded: Recorded) -> None:
    done = clean(cli("verify", *config(recorded)))
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.startswith("ok: ") and first.endswith("signed by edgeward.box/test-box")
    assert second.startswith(f"  {recorded.recording} ch0 closed: ") and second.endswith("conforming")


def test_verify_of_a_copy_with_the_key_from_elsewhere(recorded: Recorded, copy: Callable[[], Path]) -> None:
    key = recorded.box.root / "state" / "signing.vkey"
    done = clean(cli("verify", str(copy()), "--key", str(key), "--json"))
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert (report["ok"], report["result"], report["problems"]) == (True, "ok", [])
    assert report["signed_by"] == "edgeward.box/test-box"


def test_verify_without_a_key_says_that_nobody_signed(copy: Callable[[], Path]) -> None:
    done = clean(cli("verify", str(copy())))
    assert done.returncode == 0
    assert "signed by nobody whose key was given" in done.stdout


def test_verify_of_a_damaged_vault_is_exit_1_and_names_the_file(
    recorded: Recorded, copy: Callable[[], Path]
) -> None:
    vault = copy()
    path = vault / "recordings" / recorded.recording / "00000001.mp4.age"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    done = clean(cli("verify", str(vault)))
    assert done.returncode == 1
    assert done.stdout.startswith("tampered: ")
    assert (
        f"  WRONG: recording {recorded.recording}: 00000001.mp4.age was changed: "
        "its SHA-256 is not the ledger's\n"
    ) in done.stdout
    report = json.loads(clean(cli("verify", str(vault), "--json")).stdout)
    assert (report["ok"], report["result"]) == (False, "tampered")


@pytest.mark.parametrize("name", ["tail.entries", "checkpoint"])
def test_verify_of_a_damaged_ledger_is_exit_1(copy: Callable[[], Path], name: str) -> None:
    vault = copy()
    path = vault / "ledger" / name
    path.write_bytes(b"\xff" * 10 + path.read_bytes())
    done = clean(cli("verify", str(vault)))
    assert done.returncode == 1
    assert done.stdout.startswith("tampered: ")


@pytest.mark.parametrize("content", [None, b"no key\n"])
def test_verify_with_a_key_that_is_none(tmp_path: Path, recorded: Recorded, content: bytes | None) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_bytes(content)
    done = clean(cli("verify", str(recorded.box.vault), "--key", str(key)))
    assert (done.returncode, done.stdout) == (1, "")
    assert "[key." in done.stderr


# open


def opened(recorded: Recorded, output: str, *more: str) -> subprocess.CompletedProcess[str]:
    key = str(recorded.box.custodian)
    more = (*recorded.box.access, *more)
    return clean(cli("open", recorded.recording, "-i", key, "-o", output, *config(recorded), *more))


def test_open_writes_one_file_that_plays(recorded: Recorded, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = opened(recorded, str(out))
    count = frames(recorded)
    segments = len(recorded.box.leaves(LeafType.SEGMENT))
    assert (done.returncode, done.stdout) == (0, "")
    [told, recorded_in] = done.stderr.splitlines()
    assert told == f"{count} frames from {segments} segments, 0 cut short, 1 part"
    assert recorded_in.endswith(f" is recorded signed in {out}.access.note")
    assert count_playable_frames(out.read_bytes()) == count
    assert out.stat().st_mode & 0o777 == 0o600


def test_open_to_standard_output(recorded: Recorded, tmp_path: Path) -> None:
    key = ("-i", str(recorded.box.custodian), *recorded.box.access, "--record", str(tmp_path / "record"))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "agent.cli.main",
            "open",
            recorded.recording,
            "-o",
            "-",
            *key,
            *config(recorded),
        ],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert count_playable_frames(done.stdout) == frames(recorded)


def test_open_never_overwrites(recorded: Recorded, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    done = opened(recorded, str(out))
    assert done.returncode == Exit.FAILED
    assert out.read_bytes() == b"precious"
    assert "exists already [file.exists]" in done.stderr
    assert list(tmp_path.iterdir()) == [out]
    assert "what to do: choose another name, or move the old file away first" in done.stderr


def test_open_of_a_recording_that_was_cut_short_is_exit_3(interrupted: Recorded, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = opened(interrupted, str(out))
    assert done.returncode == 3
    assert ", 1 cut short, " in done.stderr
    count = int(done.stderr.split()[0])
    assert count > frames(interrupted)
    assert count_playable_frames(out.read_bytes()) == count
    verified = clean(cli("verify", *config(interrupted)))
    assert verified.returncode == 0
    assert verified.stdout.startswith("ok-with-gaps: ")


def test_open_of_a_damaged_vault_leaves_out_and_tells(
    recorded: Recorded, copy: Callable[[], Path], tmp_path: Path
) -> None:
    vault = copy()
    (vault / "recordings" / recorded.recording / "00000001.mp4.age").unlink()
    out = tmp_path / "out.mp4"
    done = opened(recorded, str(out), "--vault", str(vault))
    assert done.returncode == Exit.FAILED
    assert done.stderr.startswith("left out: segment 1: its file is missing\n")
    assert 0 < count_playable_frames(out.read_bytes()) < frames(recorded)


@pytest.mark.parametrize(
    ("recording", "code"),
    [("x", "open.bad-id"), ("01a20b87-3fc9-73f8-8307-89737bba7342", "open.no-recording")],
)
def test_open_of_what_is_not_there(recorded: Recorded, tmp_path: Path, recording: str, code: str) -> None:
    key = str(recorded.box.custodian)
    more = (*config(recorded), *recorded.box.access)
    done = clean(cli("open", recording, "-i", key, "-o", str(tmp_path / "out"), *more))
    assert done.returncode == 1
    assert f"[{code}]" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [None, "AGE-SECRET-KEY-1PLANTED\n", "no key at all\n", ""])
def test_open_with_a_key_that_is_none_does_not_show_it(
    recorded: Recorded, tmp_path: Path, content: str | None
) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_text(content)
    more = (*config(recorded), *recorded.box.access)
    done = clean(cli("open", recorded.recording, "-i", str(key), "-o", str(tmp_path / "out"), *more))
    assert done.returncode == 1
    assert "PLANTED" not in done.stderr and "no key at all" not in done.stderr
    assert ("[open.no-key]" if content is None else "[seal.bad-identity]") in done.stderr


def test_open_to_a_full_disk_gets_no_traceback(recorded: Recorded, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"1" * 200_000)
    done = opened(recorded, str(small_disk / "out.mp4"))
    assert done.returncode == Exit.UNAVAILABLE
    assert "[disk.full]" in done.stderr


def test_open_to_a_directory_that_is_not_there(recorded: Recorded, tmp_path: Path) -> None:
    done = opened(recorded, str(tmp_path / "nothing" / "out.mp4"))
    assert done.returncode in (Exit.FAILED, Exit.INTEGRITY)
    assert "No such file or directory" in done.stderr


# status


def test_status_of_a_box_that_never_ran_is_exit_69(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    done = clean(cli("status", "-c", str(box.config)))
    assert done.returncode == 69
    assert done.stderr.startswith("edgeward: no agent has written a status here [status.none]\n")


def test_status_after_a_stop_is_exit_69_at_once(recorded: Recorded) -> None:
    done = clean(recorded.said[STOPPED, "status"])
    assert done.returncode == 69
    assert "NOT RUNNING" in done.stdout
    as_json = clean(recorded.said[STOPPED, "status --json"])
    assert as_json.returncode == 69
    assert json.loads(as_json.stdout)["running"] is False


def test_status_after_a_crash_is_exit_69(recorded: Recorded, tmp_path: Path) -> None:
    """A status that was left behind by a process that is gone."""
    box = make_box(tmp_path)
    (tmp_path / "run").mkdir()
    left = json.loads((recorded.box.root / "run" / "status.json").read_text())
    (tmp_path / "run" / "status.json").write_text(json.dumps({**left, "running": True, "mono_ns": 1}))
    assert clean(cli("status", "-c", str(box.config))).returncode == 69


def test_status_and_verify_while_it_records(recorded: Recorded) -> None:
    done = clean(recorded.said[RECORDING, "status"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("test-box: running (boot 1, ")
    assert "ch0: signal present, 640x360 at " in done.stdout
    as_json = clean(recorded.said[RECORDING, "status --json"])
    assert as_json.returncode == 0
    assert json.loads(as_json.stdout)["running"] is True
    verified = clean(recorded.said[RECORDING, "verify"])
    assert verified.returncode == 2
    assert verified.stdout.startswith("incomplete: ")
    rows = json.loads(clean(recorded.said[RECORDING, "recordings --json"]).stdout)
    assert [row["state"] for row in rows] == ["open"]


# keygen


def test_keygen_makes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    done = clean(cli("keygen", "-o", str(path)))
    recipient = done.stdout.strip()
    comment, identity = path.read_text().splitlines()
    assert done.returncode == 0
    assert recipient.startswith("age1") and comment == f"# public key: {recipient}"
    assert identity.startswith("AGE-SECRET-KEY-1")
    assert identity not in done.stdout + done.stderr
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("link", [False, True])
def test_keygen_never_overwrites(tmp_path: Path, link: bool) -> None:
    path = tmp_path / "key.txt"
    if link:
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_text("precious")
    done = clean(cli("keygen", "-o", str(path)))
    assert (done.returncode, done.stdout) == (1, "")
    assert "[file.exists]" in done.stderr
    assert "choose another name" in done.stderr
    assert link or path.read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()


# run


def test_run_with_another_disk_is_exit_74(recorded: Recorded, tmp_path: Path) -> None:
    box = make_box(tmp_path)
    shutil.copytree(recorded.box.root / "state", tmp_path / "state")
    (tmp_path / "vault").mkdir()
    done = clean(cli("run", "-c", str(box.config)))
    assert done.returncode == 74
    assert f"the vault of this box is not at {box.vault} [vault.missing]" in done.stderr
    assert "what to do: mount its disk" in done.stderr
    (tmp_path / "vault" / "vault.json").write_text('{"v": 1, "id": "other"}')
    done = clean(cli("run", "-c", str(box.config)))
    assert done.returncode == 74
    assert "[vault.foreign]" in done.stderr


def test_run_of_a_finite_source_ends_by_itself(tmp_path: Path) -> None:
    source = 'kind = "synthetic"\nwidth = 640\nheight = 360\nrate = "25"\ngop_s = 0.4\nseconds = 1.0\n'
    box = make_box(tmp_path, source=source)
    agent = start(box)
    try:
        assert agent.wait(15) == 0
    finally:
        stop(agent)
    assert [leaf.body["frames"] for leaf in box.leaves(LeafType.SEGMENT)] == [25]
    assert clean(cli("verify", "-c", str(box.config))).returncode == 0
