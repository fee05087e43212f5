"""What goes wrong around a box, with real processes: each case has a clear message and an alarm, no password
comes out, and nothing that was durable is lost.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import SYNTHETIC, Box, make_box, running, start, wait_for_segments, wait_until
from tests.fakes.brokers import free_port
from tests.fakes.clips import write_clip
from tests.fakes.disks import small_disk
from tests.fakes.rtsp import rtsp_server

PASSWORD = "pl4nted-Secret"
CAMERA_SPEC = 'width = 320\nheight = 240\nrate = "25"\n'


def _alarm(box: Box, code: str) -> dict[str, Any]:
    """Waits for the alarm and gives it; it must say what to do."""
    found: list[dict[str, Any]] = []

    def raised() -> bool:
        found[:] = [alarm for alarm in box.status()["alarms"] if alarm["code"] == code]
        return bool(found)

    wait_until(f"the alarm {code}; log: {_log(box)}", raised, 30)
    assert found[0]["text"]
    assert found[0]["remedy"]
    return found[0]


def _no_alarm(box: Box) -> None:
    """But the one that stands for good: a camera that is only an address stays an unknown device."""
    wait_until(
        "all alarms are closed",
        lambda: {alarm["code"] for alarm in box.status()["alarms"]} <= {"device.unknown"},
        30,
    )


def _log(box: Box) -> str:
    path = box.root / "log.txt"
    return path.read_text() if path.exists() else ""


def _camera(url: str, password_file: Path | None = None) -> str:
    lines = f'kind = "rtsp"\nurl = "{url}"\n'
    if password_file is not None:
        lines += f'username = "admin"\npassword_file = "{password_file}"\n'
    return lines


def _password_file(folder: Path) -> Path:
    path = folder / "camera.pw"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o400)
    return path


def _password_nowhere(box: Box) -> None:
    """In no file that the agent wrote."""
    files = [path for path in box.root.rglob("*") if path.is_file() and path.name != "camera.pw"]
    assert len(files) > 5
    for path in files:
        assert PASSWORD.encode() not in path.read_bytes(), path


def _gap_causes(box: Box) -> list[str]:
    return [str(leaf.body["cause"]) for leaf in box.leaves(LeafType.GAP)]


@pytest.mark.requires("gst-rtsp-server")
def test_a_camera_that_can_not_be_reached_is_recorded_as_soon_as_it_can(tmp_path: Path) -> None:
    port = free_port()
    source = _camera(f"rtsp://127.0.0.1:{port}/cam", _password_file(tmp_path))
    box = make_box(tmp_path, source=source, spec=CAMERA_SPEC)
    with running(box) as agent:
        alarm = _alarm(box, "source.unreachable")
        assert alarm["severity"] == "critical"
        assert f"127.0.0.1:{port}" in alarm["text"]
        with rtsp_server(user="admin", password=PASSWORD, port=port):
            wait_for_segments(box, 1)
            _no_alarm(box)
    assert agent.returncode == 0
    assert _gap_causes(box) == ["source-lost"], "the time before the first picture is a gap"
    assert box.verify().ok
    _password_nowhere(box)


@pytest.mark.requires("gst-rtsp-server")
def test_a_wrong_password_is_said_and_kept_secret(tmp_path: Path) -> None:
    with rtsp_server(user="admin", password="another") as server:
        box = make_box(tmp_path, source=_camera(server.url, _password_file(tmp_path)), spec=CAMERA_SPEC)
        with running(box):
            alarm = _alarm(box, "source.unauthorized")
    assert "password" in alarm["text"]
    assert "digest" in alarm["remedy"]
    _password_nowhere(box)


@pytest.mark.requires("gst-rtsp-server")
def test_a_stream_that_stops_is_a_gap_and_goes_on(tmp_path: Path) -> None:
    with rtsp_server() as server:
        box = make_box(tmp_path, source=_camera(server.url), spec=CAMERA_SPEC)
        with running(box):
            wait_for_segments(box, 2)
            server.freeze()
            _alarm(box, "source.stalled")
            server.thaw()
            before = len(box.leaves(LeafType.SEGMENT))
            wait_for_segments(box, before + 2)
            _no_alarm(box)
    assert _gap_causes(box) == ["source-lost"]
    report = box.verify()
    assert report.result == "ok-with-gaps", report.problems
    [recording] = report.recordings
    assert recording.gaps == 1


@contextmanager
def _babbler() -> Iterator[int]:
    """A port that answers everything with bytes that are no RTSP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(4096)
                    client.sendall(b"\xff\x00garbage\r\n" * 400)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join()


def test_garbage_instead_of_a_camera(tmp_path: Path) -> None:
    with _babbler() as port:
        source = _camera(f"rtsp://127.0.0.1:{port}/cam", _password_file(tmp_path))
        box = make_box(tmp_path, source=source, spec=CAMERA_SPEC)
        with running(box) as agent:
            _alarm(box, "source.garbage")
    assert agent.returncode == 0
    _password_nowhere(box)


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "source.empty"), (b"\x00\x01no video" * 999, "source.garbage")]
)
def test_a_file_that_is_no_video(tmp_path: Path, content: bytes, code: str) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(content)
    box = make_box(tmp_path, source=f'kind = "file"\npath = "{clip}"\nloop = true\n', spec=CAMERA_SPEC)
    with running(box) as agent:
        assert "clip.mp4" not in _alarm(box, code)["text"]  # people name files after patients
        write_clip(tmp_path / "good.mp4").replace(clip)
        wait_for_segments(box, 1)
    assert agent.returncode == 0
    assert box.verify().ok


def test_a_changed_picture_size_cuts_the_segment_and_is_an_alarm(tmp_path: Path) -> None:
    script = '[[channel.source.script]]\nkind = "size-change"\nat_s = 3\nfor_s = 3\nvalue = "320x180"\n'
    box = make_box(tmp_path, source=SYNTHETIC + script)
    with running(box):
        alarm = _alarm(box, "spec.nonconforming")
        _no_alarm(box)
    assert "320x180" in alarm["text"]
    assert "640x360" in alarm["text"]
    segments = box.leaves(LeafType.SEGMENT)
    changed = [leaf.body for leaf in segments if leaf.body["width"] == 320]
    assert {body["height"] for body in changed} == {180}
    assert {body["verdict"] for body in changed} == {"nonconforming"}
    assert [body["reason"] for body in (leaf.body for leaf in segments)].count("size-change") == 2
    assert _gap_causes(box) == []
    assert box.verify().result == "ok"


@pytest.mark.requires("mount (as root)")
def test_a_disk_that_gets_full_stops_recording_and_nothing_else(tmp_path: Path) -> None:
    with small_disk(tmp_path / "vault", "32m") as disk:
        box = make_box(tmp_path)
        text = box.config.read_text().replace("keep_free_bytes = 0", "keep_free_bytes = 8388608")
        box.config.write_text(text)
        with running(box) as agent:
            wait_for_segments(box, 2)
            filler = disk.fill(leave_bytes=6 << 20)
            assert _alarm(box, "disk.full")["severity"] == "critical"
            filler.unlink()
            before = len(box.leaves(LeafType.SEGMENT))
            wait_for_segments(box, before + 2, 40)
            _no_alarm(box)
        assert agent.returncode == 0
        assert _gap_causes(box) == ["disk"]
        report = box.verify()
        assert report.result == "ok-with-gaps", report.problems


@pytest.mark.requires("mount (as root)")
def test_a_disk_without_a_byte_left_halts_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "vault", "16m") as disk:
        box = make_box(tmp_path)
        agent = start(box)
        wait_for_segments(box, 2)
        filler = disk.fill()
        assert agent.wait(60) == 74, "integrity at risk: the daemon leaves"
        log = _log(box)
        assert "ledger.failed" in log
        assert "what to do:" in log
        assert "Traceback" not in log
        filler.unlink()
        before = len(box.leaves(LeafType.SEGMENT))
        with running(box) as again:
            wait_for_segments(box, before + 2, 40)
        assert again.returncode == 0
        report = box.verify()
        assert report.result == "ok-with-gaps", report.problems


@pytest.mark.requires("mount (as root)")
def test_a_read_only_vault_is_named_and_left_alone(tmp_path: Path) -> None:
    with small_disk(tmp_path / "vault", "16m") as disk:
        box = make_box(tmp_path)
        with running(box):
            wait_for_segments(box, 2)
        disk.make_read_only()
        agent = start(box)
        assert agent.wait(30) == 74
        log = _log(box)
        assert "disk.read-only" in log
        assert str(box.vault) in log
        assert "Traceback" not in log
        assert box.verify().ok


def test_a_vault_that_is_not_mounted_is_not_replaced(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    with running(box):
        wait_for_segments(box, 1)
    box.vault.rename(tmp_path / "elsewhere")
    agent = start(box)
    assert agent.wait(30) == 74
    assert "vault.missing" in _log(box)
    assert not (box.vault / "recordings").exists()


def test_without_a_custodian_nothing_is_recorded(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    lines = box.config.read_text().splitlines()
    lines = ["recipients = []" if line.startswith("recipients") else line for line in lines]
    box.config.write_text("\n".join(lines))
    agent = start(box)
    assert agent.wait(30) == 78
    assert "custodians.recipients" in _log(box)
    assert not box.vault.exists()
