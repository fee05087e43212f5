"""The demo's directory and its search for clear text: it removes no other run and misses nothing clear."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.capture.boxes import free_box
from agent.demo import plaintext
from agent.demo.place import make_place, write_config
from agent.demo.plaintext import Hit, search, windows
from agent.runtime.load_config import load
from agent.seal.capsule import read_identity_file

NEEDLE = b"needle in clear text, 32 bytes.."


def mdat(content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + b"mdat" + content


def test_a_run_has_a_directory_and_a_key_of_its_own(tmp_path: Path) -> None:
    place = make_place(tmp_path, os.urandom, keep=False)
    assert place.root.parent == tmp_path / ".demo"
    assert place.root.stat().st_mode & 0o777 == 0o700
    assert place.identity.stat().st_mode & 0o777 == 0o600
    assert read_identity_file(place.identity.read_text()) == (place.secret,)
    assert place.secret not in repr(place)
    os.close(place.lock)


def test_the_configuration_is_one_that_the_agent_takes(tmp_path: Path) -> None:
    parent = tmp_path / 'odd "name" \\ ü'
    parent.mkdir()
    place = make_place(parent, os.urandom, keep=False)
    write_config(place, "127.0.0.1", 1883)
    config = load(place.config)
    assert (config.box.vault_dir, config.box.state_dir) == (place.vault, place.state)
    assert config.custodians.recipients == (place.recipient,)
    assert config.mqtt is not None
    assert (config.mqtt.host, config.mqtt.port) == ("127.0.0.1", 1883)
    assert place.secret not in place.config.read_text()
    os.close(place.lock)


def test_earlier_runs_are_removed_and_running_or_foreign_ones_are_not(tmp_path: Path) -> None:
    ended = make_place(tmp_path, os.urandom, keep=False)
    os.close(ended.lock)
    running = make_place(tmp_path, os.urandom, keep=True)
    assert ended.root.exists()
    folder = tmp_path / ".demo"
    (folder / "run-foreign").mkdir()
    (folder / "other").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "demo.lock").touch()
    (folder / "run-link").symlink_to(elsewhere)
    latest = make_place(tmp_path, os.urandom, keep=False)
    assert not ended.root.exists()
    assert {path.name for path in folder.iterdir()} == {
        running.root.name, latest.root.name, "run-foreign", "other", "run-link",
    }  # fmt: skip
    assert (elsewhere / "demo.lock").exists()
    os.close(running.lock)
    os.close(latest.lock)


def test_where_nothing_can_be_written_a_temporary_directory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    place = make_place(tmp_path / "file", os.urandom, keep=False)
    assert place.root.parent == tmp_path
    assert place.root.name.startswith("edgeward-demo-")
    os.close(place.lock)


def test_clear_text_is_found_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plaintext, "_PIECE", 64)
    (tmp_path / "deep").mkdir()
    for offset in range(96):
        path = tmp_path / "deep" / "file"
        path.write_bytes(b"." * offset + NEEDLE + b"." * 70)
        assert search(tmp_path, [NEEDLE], tmp_path / "none") == [Hit(path, "opened video", offset)]
    path.write_bytes(b"." * 500 + NEEDLE[:-1])
    assert search(tmp_path, [NEEDLE], tmp_path / "none") == []


def test_each_needle_is_told_once_per_file_and_by_a_name_that_shows_nothing(tmp_path: Path) -> None:
    for name in ("a", "b", "key"):
        (tmp_path / name).write_bytes(b"AGE-SECRET-KEY-1XYZ" + NEEDLE * 3)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    hits = search(tmp_path, [*plaintext.WORDS, NEEDLE, NEEDLE], tmp_path / "key")
    assert [(hit.file.name, hit.what, hit.at) for hit in hits] == [
        ("a", "AGE-SEC", 0), ("a", "opened video", 19), ("b", "AGE-SEC", 0), ("b", "opened video", 19),
    ]  # fmt: skip


def test_windows_are_spread_over_all_of_the_video_and_only_of_it() -> None:
    video = os.urandom(200_000)
    media = free_box(4000) + mdat(video[:90_000]) + free_box(9) + mdat(video[90_000:])
    found = windows(media)
    assert len(found) == len(set(found)) == plaintext.WANTED_WINDOWS
    places = [place for window in found if (place := video.find(window)) >= 0]
    assert len(places) >= len(found) - 4  # a window may hold the header of its box
    assert places == sorted(places)
    assert places[0] < 10_000 and places[-1] > 190_000
    assert all(len(window) == plaintext.WINDOW for window in found)


def test_what_any_file_may_hold_is_no_window() -> None:
    assert windows(mdat(bytes(100_000))) == []
    assert windows(mdat(b"abcdefgh" * 10_000)) == []
    assert windows(b"") == []
    few = windows(mdat(bytes(1000) + os.urandom(320)))
    assert 0 < len(few) < plaintext.LEAST_WINDOWS
