"""What a camera's answers say, also when they are of the wrong shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.device import onvif_reading as reading
from agent.device.onvif_plan import Encoder, Offer, Range
from agent.model.errors import Retry

CONFIGURATION: dict[str, Any] = {
    "token": "main",
    "Name": "main",
    "Encoding": "H264",
    "Resolution": {"Width": 1920, "Height": 1080},
    "Quality": 4.0,
    "RateControl": {"FrameRateLimit": 30, "EncodingInterval": 2, "BitrateLimit": 8192},
    "H264": {"GovLength": 50, "H264Profile": "High"},
}
ENCODER = Encoder(codec="h264", size=(1920, 1080), rate=30, bitrate_kbps=8192, gop_frames=50, profile="high")


def _time(**changes: object) -> object:
    date = {"Year": 2026, "Month": 11, "Day": 24}
    time = {"Hour": 0, "Minute": 0, "Second": 1}
    for name, value in changes.items():
        (date if name in date else time)[name] = value  # type: ignore[assignment]  # wrong on purpose
    return {"UTCDateTime": {"Date": date, "Time": time}}


@pytest.mark.parametrize(
    ("answer", "expected_ns"),
    [
        (_time(), 1_795_478_401_000_000_000),
        (_time(Second=60), 1_795_478_459_000_000_000),
        (_time(Month=13), None),
        (_time(Year=None), None),
        (_time(Year=True), None),
        (_time(Year=0), None),
        ({"UTCDateTime": None}, None),
        (None, None),
    ],
)
def test_the_camera_s_clock(answer: object, expected_ns: int | None) -> None:
    assert reading.device_time_ns(answer) == expected_ns


def test_profiles_without_a_token_or_a_video_encoder() -> None:
    found = reading.media_profiles(
        [
            {"token": "a", "VideoEncoderConfiguration": CONFIGURATION, "AudioEncoderConfiguration": {}},
            {"token": "b", "VideoEncoderConfiguration": None},
            {"token": "c", "VideoEncoderConfiguration": {**CONFIGURATION, "Resolution": None}},
            {"token": "d", "VideoEncoderConfiguration": {**CONFIGURATION, "token": 4}},
            {"token": None, "VideoEncoderConfiguration": CONFIGURATION},
            {"token": "x" * 101, "VideoEncoderConfiguration": CONFIGURATION},
            "no profile",
        ]
    )
    assert [(one.token, one.encoder, one.has_audio) for one in found] == [
        ("a", ENCODER, True),
        ("b", None, False),
        ("c", None, False),
        ("d", None, False),
    ]


def test_the_offer_of_the_encoder() -> None:
    h264 = {
        "ResolutionsAvailable": [{"Width": 640, "Height": 480}, {"Width": 0, "Height": 1}, None],
        "FrameRateRange": {"Min": 1, "Max": 30},
        "GovLengthRange": {"Min": 9, "Max": 1},
        "H264ProfilesSupported": ["Main", "Unheard-of", 7],
    }
    answer = {"H264": h264, "Extension": {"H264": {"BitrateRange": {"Min": 256, "Max": 8192}}}}
    assert reading.offer(answer) == Offer(
        sizes=((640, 480),),
        rate=Range(low=1, high=30),
        bitrate_kbps=Range(low=256, high=8192),
        profiles=("main",),
    )
    assert reading.offer({}) == Offer()


def test_a_changed_configuration_keeps_what_it_does_not_name() -> None:
    wanted = Encoder(
        codec="h264", size=(1280, 720), rate=25, bitrate_kbps=4000, gop_frames=25, profile="main"
    )
    asked = reading.with_settings(CONFIGURATION, wanted)
    assert reading.encoder(asked) == wanted
    assert asked["RateControl"]["EncodingInterval"] == 1
    assert (asked["Quality"], asked["token"]) == (4.0, "main")
    assert reading.encoder(CONFIGURATION) == ENCODER, "the original is not touched"


def test_settings_that_the_camera_does_not_have_are_not_made_up() -> None:
    bare = {
        "Encoding": "JPEG",
        "Resolution": {"Width": 640, "Height": 480},
        "RateControl": None,
        "H264": None,
    }
    now = reading.encoder(bare)
    assert now == Encoder(
        codec="jpeg", size=(640, 480), rate=None, bitrate_kbps=None, gop_frames=None, profile=None
    )
    assert reading.with_settings(bare, now) == bare


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("rtsp://192.0.2.1:8554/a?b=c", ("rtsp://192.0.2.1:8554/a?b=c", None)),
        (" rtsp://192.0.2.1/a#x ", ("rtsp://192.0.2.1/a", None)),
        ("rtsp://admin:planted@192.0.2.1/a", ("rtsp://192.0.2.1/a", None)),
        ("rtsp://admin:planted@10.0.0.5:554/a", ("rtsp://192.0.2.1:554/a", "10.0.0.5")),
        ("rtsps://[2001:db8::1]:322/a@b", ("rtsps://192.0.2.1:322/a%40b", "2001:db8::1")),
    ],
)
def test_pictures_come_from_the_configured_host_only(uri: str, expected: tuple[str, str | None]) -> None:
    assert reading.stream_address({"Uri": uri}, "192.0.2.1") == expected


def test_a_configured_ipv6_host_stands_in_brackets() -> None:
    found, moved = reading.stream_address({"Uri": "rtsp://[2001:DB8::1]/a"}, "2001:db8::1")
    assert (found, moved) == ("rtsp://[2001:db8::1]/a", None)


@pytest.mark.parametrize(
    "uri",
    [
        None, 5, "", "rtsp://", "http://192.0.2.1/a", "file:///etc/passwd",
        "rtsp://u:planted/p@192.0.2.1/a", "rtsp://[bad/a", "rtsp://192.0.2.1:99999/a",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_not_repeated(uri: object) -> None:
    with pytest.raises(Retry) as caught:
        reading.stream_address({"Uri": uri}, "192.0.2.1")
    assert caught.value.code == "source.garbage"
    assert "planted" not in str(caught.value) + caught.value.advice


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([{"Namespace": "other", "XAddr": "http://a"}, {"Namespace": "m", "XAddr": "http://b"}], "http://b"),
        ([{"Namespace": "m", "XAddr": None}], None),
        ({"Media": {"XAddr": "http://c"}}, "http://c"),
        (None, None),
    ],
)
def test_the_address_of_the_media_service(answer: object, expected: str | None) -> None:
    assert reading.media_address(answer, "m") == expected


_NAMES = st.sampled_from(
    [
        "Uri",
        "token",
        "H264",
        "Encoding",
        "Resolution",
        "Width",
        "RateControl",
        "Media",
        "XAddr",
        "UTCDateTime",
    ]
)
_ANSWERS = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
)


@given(_ANSWERS)
def test_no_shape_of_an_answer_raises_anything_else(answer: object) -> None:
    reading.device_time_ns(answer)
    reading.media_profiles(answer)
    reading.media_address(answer, "m")
    reading.offer(answer)
    found = reading.encoder(answer)
    assert found is None or found.size[0] > 0
    try:
        address, _ = reading.stream_address(answer, "192.0.2.1")
    except Retry as error:
        assert error.code == "source.garbage"
    else:
        assert address.startswith(("rtsp://192.0.2.1", "rtsps://192.0.2.1"))
