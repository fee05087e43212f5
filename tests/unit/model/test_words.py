"""The words of the model: ids and times have one spelling, errors say what to do, no repr shows a secret."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.errors import AgentError, Halt, Refuse, Retry
from agent.model.ids import BOX_PATTERN, CHANNEL_PATTERN, is_recording_id, new_uuid7
from agent.model.source_settings import RtspSettings
from agent.model.times import from_rfc3339, rfc3339
from agent.model.verdict import Grade, worst

NS = 1_000_000_000
LAST = 253_402_300_800 * NS - 1  # the end of the year 9999


@given(st.integers(0, (1 << 48) * 1_000_000 - 1), st.binary(min_size=10, max_size=10))
def test_a_recording_id_is_a_version_7_uuid_of_its_time(wall_ns: int, random: bytes) -> None:
    text = new_uuid7(wall_ns, random)
    value = UUID(text)
    assert is_recording_id(text)
    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert value.int >> 80 == wall_ns // 1_000_000


@given(st.integers(0, LAST), st.integers(0, LAST), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_time(one: int, other: int, random: bytes) -> None:
    first, second = sorted((one, other))
    if first // 1_000_000 != second // 1_000_000:
        assert new_uuid7(first, b"\xff" * 10) < new_uuid7(second, random)


@given(st.binary(max_size=20).filter(lambda data: len(data) != 10))
def test_an_id_needs_ten_random_bytes(random: bytes) -> None:
    with pytest.raises(ValueError, match="ten random bytes"):
        new_uuid7(0, random)


@pytest.mark.parametrize(
    "text",
    ["", "01a20b87-3fc9-73f8-8307-89737bba734", "01A20B87-3FC9-73F8-8307-89737BBA7342",
     "01a20b87-3fc9-43f8-8307-89737bba7342", "01a20b87-3fc9-73f8-c307-89737bba7342",
     "01a20b87-3fc9-73f8-8307-89737bba7342\n", " 01a20b87-3fc9-73f8-8307-89737bba7342",
     "01a20b873fc973f8830789737bba7342", "../01a20b87-3fc9-73f8-8307-89737bba7342"],
)  # fmt: skip
def test_other_spellings_are_no_ids(text: str) -> None:
    assert not is_recording_id(text)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            CHANNEL_PATTERN,
            ("ch0", "a", "or-3-left", "a" * 16),
            ("", "0ch", "Ch0", "a" * 17, "a_b", "a/b", "é"),
        ),
        (BOX_PATTERN, ("or-3", "3", "a" * 63), ("", "-a", "OR", "a" * 64, "a.b", "a+b", "a#b")),
    ],
)
def test_names_that_become_topics_and_paths(
    pattern: str, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    assert all(re.fullmatch(pattern, name) for name in good)
    assert not any(re.fullmatch(pattern, name) for name in bad)


@given(st.integers(0, LAST))
def test_a_time_has_one_spelling_with_microseconds(wall_ns: int) -> None:
    text = rfc3339(wall_ns)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    assert from_rfc3339(text) == wall_ns // 1000 * 1000


def test_known_times() -> None:
    assert rfc3339(1_795_478_400_123_456_789) == "2026-11-24T00:00:00.123456Z"
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"
    assert from_rfc3339("2026-11-24T00:00:00.999999Z") == 1_795_478_400_999_999_000


@given(st.lists(st.integers(0, LAST), min_size=2, max_size=5))
def test_spelled_times_sort_like_times(times: list[int]) -> None:
    assert [rfc3339(one) for one in sorted(times)] == sorted(rfc3339(one) for one in times)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-24", "2026-11-24T00:00:00Z", "2026-11-24T00:00:00.123456",
     "2026-11-24T00:00:00.123456+00:00", "2026-11-24T00:00:00.1Z",
     "2026-11-24 00:00:00.123456Z", "2026-13-24T00:00:00.123456Z", "x"],
)  # fmt: skip
def test_other_spellings_are_no_times(text: str) -> None:
    with pytest.raises(ValueError):
        from_rfc3339(text)


def test_an_error_has_a_code_a_text_and_an_advice() -> None:
    error = Retry("disk.full", "no space", "free some", after_s=3.0)
    assert (error.code, error.text, error.advice, error.after_s) == (
        "disk.full",
        "no space",
        "free some",
        3.0,
    )
    assert str(error) == "no space [disk.full]"
    assert all(issubclass(kind, AgentError) for kind in (Retry, Refuse, Halt))
    assert not issubclass(Halt, Retry | Refuse)


def test_the_worst_grade_decides() -> None:
    good, middle, bad = Grade.CONFORMING, Grade.DEGRADED, Grade.NONCONFORMING
    assert worst([]) is good
    assert worst([good, middle, good]) is middle
    assert worst([middle, bad, good]) is bad


def test_a_password_shows_in_no_repr() -> None:
    settings = RtspSettings(url="rtsp://192.0.2.1/x", username="reader", password="planted")
    assert "planted" not in repr(settings)
    assert "planted" not in f"{settings}"


@pytest.mark.parametrize(
    "url",
    ["", "rtsp://", "http://192.0.2.1/", "192.0.2.1", "rtsp://192.0.2.1:0/", "rtsp://192.0.2.1:99999/",
     "rtsp://reader:planted@192.0.2.1/", "rtsp://planted@192.0.2.1/", "rtsp://reader:a/planted@192.0.2.1/",
     "rtsp://reader:12/planted@192.0.2.1/", "rtsp://[planted/", "rtsp://reader:a?planted@192.0.2.1/",
     "rtsp://reader:12#planted@192.0.2.1/"],
)  # fmt: skip
def test_an_address_with_credentials_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(Refuse) as caught:
        RtspSettings(url=url)
    assert caught.value.code == "source.settings"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for part in ("planted", "reader", "192.0.2.1"):
        assert part not in f"{caught.value} {caught.value.advice}"


@pytest.mark.parametrize(
    "url", ["rtsp://192.0.2.1/x", "rtsps://cam.local:322/a%40b?c=1", "rtsp://[2001:db8::1]:554/"]
)
def test_ordinary_addresses_are_taken(url: str) -> None:
    assert RtspSettings(url=url).url == url
