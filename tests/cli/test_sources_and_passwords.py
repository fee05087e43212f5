"""`edgeward probe`, and a box whose camera can't be had: clear texts, exit codes, a password that is nowhere.

The password is planted in a file; afterwards every output, every file of the box and what other users can see
of its processes is searched for it.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from tests.fakes.agents import Box, cli, make_box, running, wait_until
from tests.fakes.clips import write_clip

PASSWORD = "planted/pass:word@3141"
SPELLINGS = ("planted", "3141", "pass%3Aword", "pass:word")
USER = "reader"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o400)
    return path


@pytest.fixture
def closed_port() -> int:
    """Where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A camera that takes no password."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                while data := client.recv(4096):
                    number = next(
                        (line for line in data.split(b"\r\n") if line.lower().startswith(b"cseq:")),
                        b"CSeq: 1",
                    )
                    client.sendall(
                        b"RTSP/1.0 401 Unauthorized\r\n" + number + b"\r\n"
                        b'WWW-Authenticate: Digest realm="r", nonce="n"\r\n\r\n'
                    )

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def hidden(text: str) -> None:
    for spelling in SPELLINGS:
        assert spelling not in text
    assert "Traceback" not in text


def probe(*arguments: str) -> tuple[int, str, str]:
    done = cli("probe", *arguments)
    hidden(done.stdout + done.stderr)
    return done.returncode, done.stdout, done.stderr


def test_probe_measures_a_file(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=50, audio=True)
    code, output, errors = probe(str(clip), "--json")
    assert (code, errors) == (0, "")
    facts = json.loads(output)
    assert (facts["codec"], facts["width"], facts["height"]) == ("h264", 320, 240)
    assert (facts["rate_hz"], facts["frames"], facts["audio"]) == (25.0, 50, True)
    assert facts["gop_max_s"] == 1.0
    assert facts["bitrate_bps"] > 0
    code, output, _ = probe(str(clip))
    assert code == 0
    assert re.search(r"^size +320x240 +320x240$", output, re.MULTILINE)


@pytest.mark.parametrize(
    ("content", "part", "code"),
    [
        (None, "the source's file is not there", "source.missing"),
        (b"", "the source's file holds no video", "source.empty"),
        (b"garbage" * 500, "the source's file is damaged or no video", "source.garbage"),
    ],
)
def test_probe_of_a_file_that_is_no_video(
    tmp_path: Path, content: bytes | None, part: str, code: str
) -> None:
    clip = tmp_path / "clip.mp4"
    if content is not None:
        clip.write_bytes(content)
    exit_code, output, errors = probe(str(clip))
    assert (exit_code, output) == (Exit.INCOMPLETE, "")
    assert part in errors and f"[{code}]" in errors
    assert errors.count("what to do: ") == 1


def test_probe_of_a_camera_that_is_not_there(password_file: Path, closed_port: int) -> None:
    code, output, errors = probe(
        f"rtsp://127.0.0.1:{closed_port}/cam", "--username", USER, "--password-file", str(password_file)
    )
    assert (code, output) == (Exit.INCOMPLETE, "")
    assert f"the camera at 127.0.0.1:{closed_port} can't be reached" in errors
    assert "[source.unreachable]" in errors


def test_probe_of_a_camera_that_does_not_take_the_password(password_file: Path, refusing_port: int) -> None:
    code, output, errors = probe(
        f"rtsp://127.0.0.1:{refusing_port}/cam", "--username", USER, "--password-file", str(password_file)
    )
    assert (code, output) == (Exit.INCOMPLETE, "")
    assert f"the camera at 127.0.0.1:{refusing_port} did not accept the name and password" in errors
    assert "[source.unauthorized]" in errors


@pytest.mark.parametrize(
    "url", [f"rtsp://{USER}:{PASSWORD}@127.0.0.1:9/cam", f"http://{USER}:{PASSWORD}@127.0.0.1/", "rtsp://"]
)
def test_probe_of_an_address_that_is_refused_does_not_repeat_it(url: str) -> None:
    code, output, errors = probe(url)
    assert (code, output) == (Exit.INCOMPLETE, "")
    assert "the RTSP address is not usable [source.settings]" in errors


def test_probe_with_a_password_that_others_can_read(password_file: Path) -> None:
    password_file.chmod(0o444)
    code, _, errors = probe(
        "rtsp://127.0.0.1:9/cam", "--username", USER, "--password-file", str(password_file)
    )
    assert code in (Exit.FAILED, Exit.CONFIG)
    assert f"run: chmod 0400 {password_file}" in errors


@pytest.mark.parametrize("camera", ["absent", "refusing"])
def test_a_box_without_its_camera_raises_an_alarm_and_hides_the_password(
    request: pytest.FixtureRequest, tmp_path: Path, password_file: Path, camera: str
) -> None:
    port = request.getfixturevalue("closed_port" if camera == "absent" else "refusing_port")
    code = "source.unreachable" if camera == "absent" else "source.unauthorized"
    root = tmp_path / "box"
    root.mkdir()
    box = make_box(
        root,
        source=f'kind = "rtsp"\nurl = "rtsp://127.0.0.1:{port}/cam"\nusername = "{USER}"\n'
        f'password_file = "{password_file}"\n',
    )
    with running(box) as agent:
        wait_until("the alarms", lambda: set(codes(box)) == {"device.unknown", code})
        status = cli("status", "-c", str(box.config))
        visible = [seen_by_others(pid) for pid in (agent.pid, channel(box))]
    assert agent.returncode == 0
    assert status.returncode == Exit.FAILED, "an agent with an alarm"
    assert f"ALARM ch0 {code}: the camera at 127.0.0.1:{port} " in status.stdout
    assert "what to do: " in status.stdout
    for text in (status.stdout, status.stderr, *visible):
        hidden(text)
    searched = [path for path in root.rglob("*") if path.is_file()]
    assert {"agent.toml", "log.txt", "status.json", "tail.entries"} <= {path.name for path in searched}
    for path in searched:
        hidden(path.read_bytes().decode("latin-1"))
    assert cli("verify", "-c", str(box.config)).returncode == 0


def codes(box: Box) -> list[str]:
    return [str(alarm["code"]) for alarm in box.status()["alarms"]]


def channel(box: Box) -> int:
    [row] = box.status()["channels"]
    return int(row["pid"])


def seen_by_others(pid: int) -> str:
    """Command line and environment of a process."""
    place = Path(f"/proc/{pid}")
    return ((place / "cmdline").read_bytes() + (place / "environ").read_bytes()).decode("latin-1")
