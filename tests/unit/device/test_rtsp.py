"""Cameras that are wrong: each failure has its code, comes in time, and tells no password."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from agent.device.drivers import open_source
from agent.host.clock import SystemClock
from agent.model.errors import AgentError, Refuse, Retry
from agent.model.source_settings import RtspSettings
from tests.fakes.rtsp import rtsp_server

pytestmark = pytest.mark.requires("gst-rtsp-server")

PASSWORD = "s3:cr/et@x?"
QUOTED = "s3%3Acr%2Fet%40x%3F"


def _settings(url: str, password: str | None = PASSWORD) -> RtspSettings:
    return RtspSettings(url=url, username="cam" if password else None, password=password)


def _assert_no_password(error: BaseException | None) -> None:
    while error is not None:
        texts = [str(error), repr(error), repr(error.args), repr(vars(error))]
        texts += traceback.format_exception(error)
        assert not any(PASSWORD in text or QUOTED in text for text in texts)
        assert not any("cam:" in text for text in texts)
        assert error.__cause__ is None
        error = error.__context__


def _fails(settings: RtspSettings) -> AgentError:
    with pytest.raises(AgentError) as caught:
        open_source(settings, SystemClock())
    _assert_no_password(caught.value)
    return caught.value


@contextmanager
def _listener(answer: bytes | None) -> Iterator[str]:
    """A TCP server that sends `answer` and hangs up, or says nothing at all."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        held = []

        def serve() -> None:
            connection, _ = server.accept()
            held.append(connection)
            if answer is not None:
                connection.recv(1024)
                connection.sendall(answer)
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/cam"
        for connection in held:
            connection.close()


def test_digest_with_the_right_password_opens_quickly() -> None:
    with rtsp_server(user="cam", password=PASSWORD) as server:
        started = time.monotonic()
        with closing(open_source(_settings(server.url), SystemClock())) as source:
            assert time.monotonic() - started < 1.5  # 0.4 s on a quiet machine
            assert PASSWORD not in repr(source.template) and QUOTED not in repr(source.template)
            assert next(source.packets()).is_key


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_wrong_or_missing_password_waits_a_minute(password: str | None) -> None:
    with rtsp_server(user="cam", password="right") as server:
        error = _fails(_settings(server.url, password))
    assert isinstance(error, Retry)
    assert (error.code, error.after_s) == ("source.unauthorized", 60.0)
    assert "SHA-256" in error.advice


def test_the_planted_password_is_in_no_error() -> None:
    with rtsp_server(user="cam", password="right") as server:
        assert _fails(_settings(server.url)).code == "source.unauthorized"
        assert _fails(_settings(server.url + "-other", "right")).code == "source.not-found"


def test_nobody_listens() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    error = _fails(_settings(f"rtsp://127.0.0.1:{port}/cam"))
    assert isinstance(error, Retry)
    assert error.code == "source.unreachable"


@pytest.mark.parametrize("answer", [b"\x00\xff\x17" * 3000, b"HTTP/1.1 200 OK\r\n\r\n<html>", b""])
def test_something_else_answers(answer: bytes) -> None:
    with _listener(answer) as url:
        error = _fails(_settings(url))
    assert isinstance(error, Retry)
    assert error.code in ("source.garbage", "source.unreachable")


def test_a_device_that_accepts_and_says_nothing_is_given_up() -> None:
    with _listener(None) as url:
        started = time.monotonic()
        assert _fails(_settings(url)).code == "source.unreachable"
        assert time.monotonic() - started < 12


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_silence_is_noticed_within_two_seconds(codec: str) -> None:
    with (
        rtsp_server(codec=codec, user="cam", password=PASSWORD) as server,
        closing(open_source(_settings(server.url), SystemClock())) as source,
    ):
        packets = source.packets()
        for _ in range(30):
            next(packets)
        server.freeze()
        frozen = time.monotonic()
        with pytest.raises(Retry) as caught:
            list(packets)
        assert time.monotonic() - frozen < 2.2
        assert caught.value.code == "source.stalled"
        _assert_no_password(caught.value)
        source.close()
        assert time.monotonic() - frozen < 3.0, "closing a silent camera must not wait for it"


def test_silence_is_noticed_although_the_camera_has_audio() -> None:
    with (
        rtsp_server(audio=True) as server,
        closing(open_source(_settings(server.url, None), SystemClock())) as source,
    ):
        assert source.facts.has_audio
        packets = source.packets()
        next(packets)
        server.freeze()
        with pytest.raises(Retry, match=r"source\.stalled"):
            list(packets)


def test_a_camera_that_dies_is_lost_and_can_be_opened_again() -> None:
    with (
        rtsp_server(user="cam", password=PASSWORD) as server,
        closing(open_source(_settings(server.url), SystemClock())) as source,
    ):
        packets = source.packets()
        next(packets)
        server.kill()
        with pytest.raises(Retry) as caught:
            list(packets)
    assert caught.value.code in ("source.lost", "source.stalled")
    _assert_no_password(caught.value)
    with rtsp_server() as server, closing(open_source(_settings(server.url, None), SystemClock())) as source:
        assert next(source.packets()).is_key


def test_close_from_another_thread_ends_the_reader() -> None:
    with rtsp_server() as server, closing(open_source(_settings(server.url, None), SystemClock())) as source:
        timer = threading.Timer(0.3, source.close)
        timer.start()
        started = time.monotonic()
        assert sum(1 for _ in source.packets()) > 0
        assert time.monotonic() - started < 3
        timer.join()


def test_parameter_sets_only_in_the_description() -> None:
    with (
        rtsp_server(in_band=False) as server,
        closing(open_source(_settings(server.url, None), SystemClock())) as source,
    ):
        assert (source.facts.width, source.facts.height) == (320, 240)
        assert next(source.packets()).is_key


def test_nothing_is_printed() -> None:
    """FFmpeg's own messages hold the URL: a whole process must stay silent on both outputs."""
    program = (
        "import sys\n"
        "from agent.device.drivers import open_source\n"
        "from agent.host.clock import SystemClock\n"
        "from agent.model.errors import AgentError\n"
        "from agent.model.source_settings import RtspSettings\n"
        "settings = RtspSettings(url=sys.argv[1], username='cam', password=sys.argv[2])\n"
        "print(settings)\n"
        "try:\n    open_source(settings, SystemClock())\n"
        "except AgentError as error:\n    print(error.code)\n"
    )
    with rtsp_server(user="cam", password="right") as server:
        command = [sys.executable, "-c", program, server.url, PASSWORD]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[1:] == ["source.unauthorized"]
    assert result.stderr == ""
    assert PASSWORD not in result.stdout


@pytest.mark.parametrize(
    "url", [f"rtsp://cam:{QUOTED}@host/x", "http://host/x", "rtsp:///x", "rtsp://host:99999/x", ""]
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(Refuse) as caught:
        RtspSettings(url=url)
    assert caught.value.code == "source.settings"
    assert "cam" not in str(caught.value)
