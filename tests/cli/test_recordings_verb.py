"""`edgeward recordings`: where recordings stand by the ledger, and what files say when there is none."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.cli.exits import Exit
from agent.cli.main import main
from agent.cli.verbs.recordings import list_rows
from agent.model.commands import CommandType
from tests.unit.runtime.disposals import CLINICAL, DAY_S, EVICTING, DisposalBox
from tests.unit.runtime.vaults import SmallBox


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert main(["recordings", *words]) == code
    out = capsys.readouterr()
    return out.out, out.err


def test_where_held_asked_for_destroyed_and_evicted_recordings_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = DisposalBox(tmp_path, (CLINICAL, EVICTING))
    with box.running() as life:
        box.bring(5)
        held, asked, gone, plain = (box.record(life) for _ in range(4))
        evicted = box.record(life, 1)
        still_open = box.record(life, close=False)
        box.clock.advance(91 * DAY_S)
        life.disposal.hold_set(box.command(CommandType.HOLD_SET, recordings=[held], reason="complaint"))
        pending = box.ask(life, asked)
        done = box.ask(life, gone)
        box.approve(life, done, "bob", "carl")
        note = box.record_of(box.ticket_of(life, gone))
        life.disposal.handlers()[CommandType.DESTROY_EXECUTE](box.execution(done, note))
        assert life.disposal.make_room(1) > 0
        now_ns = box.clock.now().wall_ns
    rows = {str(row["recording"]): row for row in list_rows(box.vault, now_ns)}
    assert [rows[one]["state"] for one in (held, asked, gone, plain, evicted, still_open)] == [
        "closed", "requested", "certified", "closed", "evicted", "open",
    ]  # fmt: skip
    assert rows[asked]["request"] == pending
    assert rows[gone]["request"] == done
    assert rows[plain]["request"] is None
    holds: Any = rows[held]["holds"]
    assert len(holds) == 1
    assert all(rows[one]["holds"] == [] for one in rows if one != held)
    later = {str(row["recording"]): row for row in list_rows(box.vault, now_ns + 400 * DAY_S * 10**9)}
    assert (later[asked]["state"], later[asked]["request"]) == ("closed", None), "a request expires"
    assert later[gone]["state"] == "certified"

    out, _ = said(capsys, "--vault", str(box.vault))
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    assert lines[held].endswith(f"  closed  -  ON HOLD {holds[0]}")
    assert "  certified  " in lines[gone]
    assert "  evicted  " in lines[evicted]
    assert "ON HOLD" not in lines[plain]


@pytest.fixture
def lost(tmp_path: Path) -> tuple[SmallBox, list[str]]:
    """A vault of two recordings whose ledger is gone."""
    box = SmallBox(tmp_path)
    names = box.record(segments=2, recordings=2)
    shutil.rmtree(box.vault / "ledger")
    return box, names


def rows_of(capsys: pytest.CaptureFixture[str], box: SmallBox, code: int = 0) -> list[dict[str, Any]]:
    out, err = said(capsys, "--from-files", "--json", "--vault", str(box.vault), code=code)
    assert err.startswith("NOTHING OF THIS IS PROVEN")
    found = json.loads(out)
    assert found["proven"] is False
    rows: list[dict[str, Any]] = found["recordings"]
    return rows


def test_without_a_ledger_files_are_listed_and_nothing_is_proven(
    lost: tuple[SmallBox, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    box, names = lost
    before = sorted((path, path.stat().st_mtime_ns) for path in box.vault.rglob("*"))
    _, err = said(capsys, "--vault", str(box.vault), code=Exit.FAILED)
    assert "vault.none" in err
    rows = rows_of(capsys, box)
    assert [row["recording"] for row in rows] == names
    for row in rows:
        files = [box.file(row["recording"], number) for number in range(2)]
        assert (row["channel"], row["category"], row["level"], row["state"]) == ("ch0", "dt", 4, "unproven")
        assert (row["segments"], row["size_bytes"]) == (2, sum(file.stat().st_size for file in files))
        assert row["problems"] == []
    out, err = said(capsys, "--from-files", "--vault", str(box.vault))
    assert "NOTHING OF THIS IS PROVEN" in err
    assert all(line.endswith("  unproven") for line in out.splitlines())
    assert sorted((path, path.stat().st_mtime_ns) for path in box.vault.rglob("*")) == before


def test_what_is_the_matter_with_files_is_told(
    lost: tuple[SmallBox, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    box, (one, other) = lost
    box.file(one, 0).unlink()
    os.truncate(box.file(one, 1), 5)
    (box.directory(one) / "note.txt").write_bytes(b"x")
    shutil.copyfile(box.directory(one) / "manifest.json", box.directory(other) / "manifest.json")
    (box.directory(other) / "capsule.age").unlink()
    (box.vault / "recordings" / "empty").mkdir()
    (box.vault / "recordings" / "stray").write_bytes(b"x")
    (box.vault / "recordings" / "link").symlink_to(box.directory(other))
    rows = {row["recording"]: row for row in rows_of(capsys, box, Exit.FAILED)}
    assert rows[one]["problems"] == [
        f"recordings/{one}/note.txt belongs to no recording",
        "00000001.mp4.age ends in its header",
        "segments are missing: 1, the first is number 0",
    ]
    assert rows[other]["problems"][0] == f"manifest.json is that of recording {one}"
    assert "No such file" in rows[other]["problems"][1]
    for name in ("empty", "stray", "link"):
        assert (rows[name]["channel"], rows[name]["segments"]) == (None, 0)
        assert rows[name]["problems"]


def test_a_place_without_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = said(capsys, "--from-files", "--vault", str(tmp_path), code=Exit.FAILED)
    assert out == ""
    assert "vault.none" in err
