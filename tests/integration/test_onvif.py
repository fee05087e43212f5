"""An ONVIF camera with every fault that we know: the right code, what reads back otherwise is told, and no
password is in anything that can be seen.
"""

from __future__ import annotations

import logging
import os
import socket
import traceback
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any
from urllib.parse import quote

import pytest

from agent.capture.bitstream import picture_size
from agent.device.drivers import open_source
from agent.device.identity import onvif_camera_facts
from agent.device.onvif_client import prepare
from agent.device.onvif_soap import LARGEST_ANSWER, Limits
from agent.device.profile_match import Trust, match_device
from agent.device.profiles import load_profiles
from agent.formats.ipc_v1 import SourceOpened, decode_from_channel, encode
from agent.host.clock import SystemClock
from agent.model.device_report import Difference, Why
from agent.model.errors import AgentError, Refuse, Retry
from agent.model.source_settings import OnvifSettings
from agent.model.spec import Codec, CollectionSpec
from agent.runtime.channel_process import device_told
from tests.fakes.onvif_answers import Encoding, fault
from tests.fakes.onvif_camera import PASSWORD, USER, OnvifCamera, onvif_camera
from tests.fakes.rtsp import rtsp_server

SPEC = CollectionSpec(
    width=1280, height=720, rate=Fraction(25), bitrate_max_bps=4_000_000, gop_max_s=1.0, profiles=("main",)
)
ASKED = Encoding(width=1280, height=720, rate=25, bitrate=4000, gop=25, profile="Main")
SET = "SetVideoEncoderConfiguration"
# Waits that a test makes on purpose; the others end by an answer.
SHORT = Limits(call_s=0.3, total_s=60.0)


@pytest.fixture(autouse=True)
def nothing_is_seen(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No password on the standard streams or in a log, whatever happens."""
    caplog.set_level(logging.DEBUG)
    yield
    seen = "".join(capfd.readouterr()) + caplog.text
    assert PASSWORD not in seen and quote(PASSWORD, safe="") not in seen


def _settings(camera: OnvifCamera, **changes: Any) -> OnvifSettings:
    return OnvifSettings(
        **{"url": camera.url, "username": USER, "password": PASSWORD, "spec": SPEC, **changes}
    )


def _prepare(camera: OnvifCamera, limits: Limits | None = None, **changes: Any) -> Any:
    return prepare(_settings(camera, **changes), SystemClock(), os.urandom, limits)


def _fails(camera: OnvifCamera, limits: Limits | None = None, **changes: Any) -> AgentError:
    """The error, which holds no password, and on which nothing hangs that does."""
    with pytest.raises(AgentError) as caught:
        _prepare(camera, limits, **changes)
    error: BaseException | None = caught.value
    while error is not None:
        texts = [str(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
        assert not any(PASSWORD in text or quote(PASSWORD, safe="") in text for text in texts)
        assert isinstance(error, AgentError)
        assert error.__cause__ is None
        error = error.__context__
    return caught.value


def test_a_camera_is_set_to_the_spec_and_read_back() -> None:
    with onvif_camera() as camera:
        report = _prepare(camera).report
        assert camera.encodings["main"] == ASKED
        assert camera.encodings["sub"] == Encoding(width=640, height=480, bitrate=512)
        assert report.differences == ()
        assert report.written == ("size", "rate", "bit rate", "key frame distance", "codec profile")
        assert (report.manufacturer, report.model) == (camera.manufacturer, camera.model)
        assert (report.firmware, report.serial) == (camera.firmware, camera.serial)
        assert report.media_profile == "p-main"
        camera.operations.clear()
        again = _prepare(camera).report
        assert again.written == ()
        assert SET not in camera.operations, "a camera that is right is not written to"
        assert again.differences == ()


def test_what_it_tells_finds_its_profile() -> None:
    with onvif_camera() as camera:
        facts = onvif_camera_facts(_prepare(camera).report)
    match = match_device(load_profiles().profiles, facts)
    assert match.profile.id.startswith("hikvision/")
    assert match.trust in (Trust.KNOWN, Trust.KNOWN_VENDOR)


def test_a_setting_that_is_refused_costs_only_itself() -> None:
    with onvif_camera(OnvifCamera(refuses=frozenset({"rate"}))) as camera:
        report = _prepare(camera).report
        assert camera.encodings["main"] == replace(ASKED, rate=30)
    assert report.differences == (
        Difference(setting="rate", asked="25 frames/s", got="30 frames/s", why=Why.REFUSED),
    )
    assert "rate" not in report.written


def test_rounded_values_are_told() -> None:
    with onvif_camera(OnvifCamera(rounds={"rate": 24, "bitrate": 512})) as camera:
        report = _prepare(camera).report
    assert report.differences == (
        Difference(setting="rate", asked="25 frames/s", got="24 frames/s", why=Why.CHANGED),
        Difference(setting="bit rate", asked="4000 kbit/s", got="3584 kbit/s", why=Why.CHANGED),
    )


def test_values_that_are_not_offered_are_told_and_the_nearest_is_set() -> None:
    with onvif_camera(OnvifCamera(sizes=((640, 480), (1920, 1080)))) as camera:
        report = _prepare(camera).report
        assert (camera.encodings["main"].width, camera.encodings["main"].height) == (640, 480)
    assert report.differences == (
        Difference(setting="size", asked="1280x720", got="640x480", why=Why.NOT_OFFERED),
    )


def test_a_camera_that_tells_no_offer_is_asked_for_the_spec_itself() -> None:
    broken = {"GetVideoEncoderConfigurationOptions": (500, _fault("ter:ActionNotSupported"))}
    with onvif_camera(OnvifCamera(raw=broken)) as camera:
        assert _prepare(camera).report.differences == ()
        assert camera.encodings["main"] == ASKED


def test_without_configure_nothing_is_written_and_all_is_compared() -> None:
    with onvif_camera() as camera:
        report = _prepare(camera, configure=False).report
        assert SET not in camera.operations
    assert {one.why for one in report.differences} == {Why.LEFT_ALONE}
    assert [one.setting for one in report.differences] == [
        "size", "rate", "bit rate", "key frame distance", "codec profile",
    ]  # fmt: skip


def test_without_a_spec_it_is_only_asked() -> None:
    with onvif_camera() as camera:
        report = _prepare(camera, spec=None).report
        assert SET not in camera.operations
    assert (report.model, report.differences, report.written) == (camera.model, (), ())


def test_an_account_that_may_not_set_is_told_once_and_the_pictures_go_on() -> None:
    with onvif_camera(OnvifCamera(raw={SET: (400, _fault("ter:NotAuthorized"))})) as camera:
        report = _prepare(camera).report
        assert camera.operations.count(SET) == 1
    assert report.written == ()
    assert {one.why for one in report.differences} == {Why.REFUSED}
    assert len(report.differences) == 5


def test_h265_is_left_as_it_is() -> None:
    with onvif_camera(OnvifCamera(encodings={"main": Encoding(codec="H265")})) as camera:
        spec = replace(SPEC, codecs=(Codec.H265,), profiles=None, bitrate_max_bps=None)
        report = _prepare(camera, spec=spec).report
        assert SET not in camera.operations
    assert [(one.setting, one.why) for one in report.differences] == [
        ("size", Why.LEFT_ALONE),
        ("rate", Why.LEFT_ALONE),
    ]


def test_sound_is_avoided_or_told() -> None:
    with onvif_camera(OnvifCamera(with_audio=frozenset({"p-main"}))) as camera:
        assert _prepare(camera).report.media_profile == "p-sub"
        named = _prepare(camera, profile="p-main").report
    sound = Difference(setting="audio", asked="none", got="offered", why=Why.LEFT_ALONE)
    assert named.media_profile == "p-main"
    assert sound in named.differences


def test_a_profile_that_is_not_there_is_refused_with_the_ones_that_are() -> None:
    with onvif_camera() as camera:
        error = _fails(camera, profile="gone")
    assert isinstance(error, Refuse)
    assert error.code == "source.no-profile"
    assert "'p-main', 'p-sub'" in error.text


@pytest.mark.parametrize("hours", [-7, 0, 500_000 / 3600])
def test_the_camera_s_clock_is_told_and_does_not_lock_us_out(hours: float) -> None:
    with onvif_camera(OnvifCamera(clock_ahead=timedelta(hours=hours))) as camera:
        report = _prepare(camera).report
        assert camera.rejected == 0
    assert report.clock_ahead_ms == pytest.approx(hours * 3_600_000, abs=5_000)


def test_a_camera_that_tells_no_time_is_signed_with_ours() -> None:
    broken = {"GetSystemDateAndTime": (500, _fault("ter:ActionNotSupported"))}
    with onvif_camera(OnvifCamera(raw=broken)) as camera:
        assert _prepare(camera).report.clock_ahead_ms is None


@pytest.mark.parametrize(
    ("digests", "answered"), [(("SHA-256",), "SHA-256"), (("MD5", "SHA-256"), "SHA-256"), (("MD5",), "MD5")]
)
def test_http_digest(digests: tuple[str, ...], answered: str) -> None:
    with onvif_camera(OnvifCamera(login="digest", digests=digests)) as camera:
        assert _prepare(camera).report.differences == ()
        assert camera.encodings["main"] == ASKED
        assert all(f"algorithm={answered}," in header for header in camera.authorizations)
        assert camera.rejected <= 3, "one challenge for each service, then none"


@pytest.mark.parametrize("login", ["wsse", "digest"])
@pytest.mark.parametrize("password", ["wrong", None])
def test_a_wrong_password_is_tried_once_and_then_not_for_a_minute(login: str, password: str | None) -> None:
    with onvif_camera(OnvifCamera(login=login, digests=("SHA-256",))) as camera:
        error = _fails(camera, password=password)
        assert camera.rejected == {"wsse": 1, "digest": 2}[login]
        assert set(camera.operations) <= {"GetSystemDateAndTime"}
    assert isinstance(error, Retry)
    assert (error.code, error.after_s) == ("source.unauthorized", 60.0)


def test_without_a_name_only_what_is_open_is_asked() -> None:
    with onvif_camera() as camera:
        error = _fails(camera, username=None, password=None)
        assert b"UsernameToken" not in b"".join(camera.bodies)
        assert camera.authorizations == []
    assert error.code == "source.unauthorized"


def test_basic_authentication_is_never_answered() -> None:
    with onvif_camera(OnvifCamera(login="basic")) as camera:
        error = _fails(camera)
        assert camera.authorizations == []
    assert error.code == "source.unauthorized"
    assert "Basic" in error.advice


def test_the_password_itself_is_never_sent() -> None:
    for login in ("wsse", "digest"):
        with onvif_camera(OnvifCamera(login=login)) as camera:
            _prepare(camera)
            sent = b"".join(camera.bodies) + "".join(camera.authorizations).encode()
            assert PASSWORD.encode() not in sent


def _fault(subcode: str) -> bytes:
    return fault(subcode, f"planted: {PASSWORD}")


@pytest.mark.parametrize(
    "operation", ["GetSystemDateAndTime", "GetDeviceInformation", "GetProfiles", "GetStreamUri"]
)
@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"", "source.garbage"),
        (200, b"<a><b>", "source.garbage"),
        (200, PASSWORD.encode(), "source.garbage"),
        (200, b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "source.garbage"),
        (200, b"<html><body/></html>", "source.garbage"),
        (200, b" " * (LARGEST_ANSWER + 1), "source.garbage"),
        (307, b"http://127.0.0.1:9/elsewhere", "source.garbage"),
        (404, b"", "source.not-found"),
        (503, b"busy", "source.garbage"),
    ],
    ids=["empty", "broken", "text", "entity", "html", "huge", "redirect", "not-found", "busy"],
)
def test_an_answer_that_can_t_be_used(operation: str, status: int, body: bytes, code: str) -> None:
    with onvif_camera(OnvifCamera(raw={operation: (status, body)})) as camera:
        error = _fails(camera)
        assert camera.operations[-1] == operation, "it is not asked any further"
    assert isinstance(error, Retry)
    assert error.code == code


def test_a_refusal_of_what_must_be_told_names_the_camera_s_code_only() -> None:
    with onvif_camera(OnvifCamera(raw={"GetProfiles": (400, _fault("ter:Internal"))})) as camera:
        error = _fails(camera)
    assert error.code == "source.refused"
    assert "ter:Internal" in error.text or "Internal" in error.text
    assert "planted" not in error.text


def test_a_slow_camera_is_given_up_in_time() -> None:
    with onvif_camera(OnvifCamera(slow=frozenset({"GetProfiles"}))) as camera:
        error = _fails(camera, SHORT)
        assert error.code == "source.unreachable"
        assert "no answer in time" in error.text
        camera.release.set()
        assert _prepare(camera).report.differences == ()


def test_many_calls_that_are_slow_together_are_given_up_too() -> None:
    with onvif_camera(OnvifCamera(slow=frozenset({"GetSystemDateAndTime"}))) as camera:
        error = _fails(camera, Limits(call_s=60.0, total_s=0.3))
    assert error.code == "source.unreachable"
    assert "not done within 0.3 s" in error.text


def test_a_camera_that_is_off() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    error = _fails(OnvifCamera(port=port))
    assert error.code == "source.unreachable"
    assert "refused" in error.text
    assert f"127.0.0.1:{port}" in error.text


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    error = _fails(OnvifCamera(), url="http://no-such-camera.invalid")
    assert error.code == "source.unreachable"
    assert "its name is not known" in error.text


def test_an_old_camera_without_getservices() -> None:
    with onvif_camera(OnvifCamera(has_get_services=False)) as camera:
        assert _prepare(camera).report.differences == ()
        assert "GetCapabilities" in camera.operations


def test_an_inner_address_is_replaced_by_the_configured_host() -> None:
    camera = OnvifCamera(
        inner_address="http://10.9.8.7:81", stream_uri=f"rtsp://x:{quote('planted', safe='')}@10.9.8.7:554/a"
    )
    with onvif_camera(camera):
        prepared = _prepare(camera)
    assert prepared.stream_url == "rtsp://127.0.0.1:554/a"
    assert prepared.report.differences == (
        Difference(setting="stream host", asked="127.0.0.1", got="10.9.8.7", why=Why.LEFT_ALONE),
    )
    assert "planted" not in repr(prepared)


def test_what_it_says_of_itself_reaches_the_keeper_cut_and_clean() -> None:
    loud = OnvifCamera(manufacturer="A" * 5000, model="B\n\tC", firmware="  ", refuses=frozenset({"rate"}))
    with onvif_camera(loud) as camera:
        report = _prepare(camera).report
    assert (report.manufacturer, report.model, report.firmware) == ("A" * 100, "B C", None)
    message = SourceOpened(codec="h264", width=1, height=1, has_audio=False, device=device_told(report))
    assert decode_from_channel(encode(message)) == message
    assert message.device is not None
    assert message.device.differences[0].got == "30 frames/s"


@pytest.mark.requires("gst-rtsp-server")
@pytest.mark.parametrize("audio", [False, True])
def test_its_pictures_come_by_the_rtsp_driver(audio: bool) -> None:
    with rtsp_server(user=USER, password=PASSWORD, audio=audio) as server, onvif_camera() as camera:
        camera.stream_uri = server.url
        with closing(open_source(_settings(camera), SystemClock())) as source:
            facts = source.facts
            first = next(source.packets())
    assert first.is_key
    assert facts.device is not None
    assert facts.device.model == camera.model
    assert facts.has_audio is audio
    size = picture_size(facts.codec, bytes(first.packet))
    assert size is not None
    assert (size.width, size.height) == (320, 240), "what is measured is not what was set"


@pytest.mark.requires("gst-rtsp-server")
def test_a_stream_that_is_not_there_is_told_as_the_rtsp_driver_tells_it() -> None:
    with rtsp_server(user=USER, password=PASSWORD) as server, onvif_camera() as camera:
        camera.stream_uri = server.url.replace("/cam", "/gone")
        with pytest.raises(Retry) as caught:
            open_source(_settings(camera), SystemClock())
    assert caught.value.code == "source.not-found"
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
