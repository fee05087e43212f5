"""The V4L2 driver on a device that a script speaks for: signals, loss, replug, faults."""

from __future__ import annotations

import errno
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from agent.device.v4l2_buffers import StreamRequest
from agent.device.v4l2_structs import Request
from agent.model.device_report import Why
from agent.model.errors import Retry
from tests.fakes.video_nodes import FULL_HD_60, HD_60, PAL, S_STD, FakeDevice, Shot, dv_timings
from tests.unit.device.v4l2_sources import HD, camera, ending, grabber, opened, refusal, spec, take

# --- inputs, modes and signals ---


def test_the_input_is_chosen() -> None:
    device = camera(inputs=3)
    opened(device, spec(), 2)
    assert device.input == 2


def test_an_input_that_is_not_there() -> None:
    assert refusal(camera(), number=5).code == "source.refused"


def test_an_analogue_input_follows_the_standard_of_its_source() -> None:
    device = camera(standard=PAL)
    opened(device, spec())
    assert int.from_bytes(device.set_to[S_STD], "little") == PAL


def test_an_unknown_standard_is_not_set() -> None:
    device = camera(standard=0)
    opened(device, spec())
    assert S_STD not in device.set_to


def test_a_grabber_follows_its_source_and_never_enlarges() -> None:
    device = grabber()
    facts = opened(device, spec((1920, 1080), "60")).facts
    assert device.set_to[Request.S_DV_TIMINGS] == HD_60
    assert (facts.width, facts.height, facts.declared_rate) == (1280, 720, Fraction(60))
    assert facts.device is not None
    assert [(d.setting, d.got, d.why) for d in facts.device.differences] == [
        ("size", "1280x720", Why.NOT_OFFERED)
    ]
    assert facts.device.media_profile == "Input 0: NV12 1280x720 from 1280x720p at 60 Hz"


def test_a_grabber_that_prefers_a_wrong_mode_says_why_the_source_sends_it() -> None:
    device = grabber(edid=b"no edid at all")
    facts = opened(device, spec((1920, 1080), "60")).facts
    assert facts.device is not None
    assert [d.setting for d in facts.device.differences] == ["size", "preferred mode (EDID)"]
    assert not opened(device, spec(HD, "60")).facts.device.differences  # type: ignore[union-attr]  # it has one


def test_a_mode_that_the_grabber_refuses_is_told() -> None:
    device = grabber(refuse={Request.S_DV_TIMINGS: errno.EINVAL})
    facts = opened(device, spec(HD, "60")).facts
    assert facts.device is not None
    assert ("timings", Why.REFUSED) in [(d.setting, d.why) for d in facts.device.differences]


SIGNALS = [
    ({"timings": errno.ENOLINK}, "no cable"),
    ({"timings": errno.ENOLCK}, "unstable"),
    ({"timings": errno.ERANGE}, "can't take"),
    ({"timings": errno.ERANGE, "status": 0x100}, "can't take"),
    ({"status": 0x2}, "no cable"),
    ({"status": 0x1}, "is off"),
    ({"status": 0x100}, "unstable"),
]
SIGNAL_IDS = [
    "no-link",
    "no-lock",
    "range",
    "range-and-no-lock",
    "status-signal",
    "status-power",
    "status-lock",
]


@pytest.mark.parametrize(("state", "words"), SIGNALS, ids=SIGNAL_IDS)
def test_without_a_signal_it_is_not_opened(state: dict[str, Any], words: str) -> None:
    device = grabber()
    _become(device, state)
    failure = refusal(device, spec(HD, "60"))
    assert isinstance(failure, Retry)
    assert failure.code == "source.no-signal"
    assert words in failure.text
    assert failure.after_s <= 1.0
    assert Request.S_FMT not in device.asked


@pytest.mark.parametrize("tells", [True, False], ids=["event", "no-event"])
@pytest.mark.parametrize(("state", "words"), SIGNALS, ids=SIGNAL_IDS)
def test_a_signal_that_goes_is_noticed_while_pictures_go_on(
    state: dict[str, Any], words: str, tells: bool
) -> None:
    device = grabber()
    if not tells:
        device.refuse[StreamRequest.SUBSCRIBE_EVENT] = errno.EINVAL
    device.at[90] = lambda: _become(device, state | {"events": 1})
    taken, failure = ending(opened(device, spec(HD, "60")))
    assert failure.code == "source.no-signal"
    assert words in failure.text
    assert len(taken) - 90 <= (1 if tells else 61), "noticed within a second, at once when the driver tells"

    _become(device, {"timings": HD_60, "status": 0, "events": 0})
    assert len(take(opened(device, spec(HD, "60")), 3)) == 3


@pytest.mark.parametrize("tells", [True, False], ids=["event", "no-event"])
def test_another_mode_ends_it_and_is_followed_at_the_next_opening(tells: bool) -> None:
    device = grabber()
    device.at[30] = lambda: _become(device, {"timings": FULL_HD_60, "events": int(tells)})
    taken, failure = ending(opened(device, spec(HD, "60")))
    assert failure.code == "source.changed"
    assert "from 1280x720p at 60 Hz to 1920x1080p at 60 Hz" in failure.text
    assert 30 <= len(taken) <= 91
    assert opened(device, spec(HD, "60")).facts.width == 1920


def test_a_mode_that_is_measured_a_little_otherwise_is_the_same() -> None:
    device = grabber()
    nearly = dv_timings(1280, 720, clock=74_175_000, blank=(370, 30))
    device.at[30] = lambda: _become(device, {"timings": nearly, "events": 1})
    assert len(take(opened(device, spec(HD, "60")), 200)) == 200


def _become(device: FakeDevice, state: dict[str, Any]) -> None:
    for name, value in state.items():
        setattr(device, name, value)


# --- loss, replug, faults ---


def test_an_unplugged_device_is_lost_and_found_again_at_its_path() -> None:
    device = camera()
    device.at[10] = lambda: _become(device, {"plugged": False})
    taken, failure = ending(opened(device, spec()))
    assert (len(taken), failure.code) == (10, "source.lost")
    assert device.open_nodes == 0
    assert refusal(device).code == "source.missing"
    device.plugged = True
    assert len(take(opened(device, spec()), 5)) == 5


def test_a_silent_device_is_noticed_within_two_seconds() -> None:
    device = camera()
    device.at[10] = lambda: _become(device, {"silent": True})
    source = opened(device, spec())
    taken, failure = ending(source)
    assert failure.code == "source.stalled"
    assert device.clock.mono_ns() - taken[-1].arrived_ns <= 2_000_000_000


def test_a_device_that_never_delivers_is_noticed_too() -> None:
    device = camera(silent=True)
    started_ns = device.clock.mono_ns()
    taken, failure = ending(opened(device, spec()))
    assert (taken, failure.code) == ([], "source.stalled")
    assert device.clock.mono_ns() - started_ns <= 2_000_000_000


@pytest.mark.parametrize(
    ("request_", "number", "code"),
    [
        (StreamRequest.STREAMON, errno.ENOSPC, "source.no-bandwidth"),
        (StreamRequest.STREAMON, errno.EIO, "source.lost"),
        (StreamRequest.REQBUFS, errno.EBUSY, "source.busy"),
        (StreamRequest.QBUF, errno.EINVAL, "source.refused"),
        (StreamRequest.DQBUF, errno.EIO, "source.lost"),
    ],
    ids=["no-bandwidth", "stream-fails", "busy", "buffer-refused", "picture-fails"],
)
def test_faults_while_streaming(request_: StreamRequest, number: int, code: str) -> None:
    device = camera()
    source = opened(device, spec())
    device.refuse[request_] = number
    taken, failure = ending(source)
    assert (taken, failure.code) == ([], code)
    assert request_ in device.asked
    assert device.open_nodes == 0


def test_an_error_of_the_driver_without_a_signal_is_no_signal() -> None:
    device = grabber()
    source = opened(device, spec(HD, "60"))
    device.refuse[StreamRequest.DQBUF] = errno.EIO
    device.timings = errno.ENOLINK
    assert ending(source)[1].code == "source.no-signal"


def test_lost_pictures_are_counted_and_leave_holes() -> None:
    device = camera()
    device.shots.extend([Shot(), Shot(), Shot(skipped=3), Shot()])
    source = opened(device, spec())
    taken = take(source, 4)
    assert source.lost == 3
    steps = [after.dts - before.dts for before, after in pairwise(taken)]
    assert steps == [40_000, 160_000, 40_000]


@pytest.mark.parametrize(
    "shot", [Shot(flags=0x2040), Shot(used=100), Shot(used=0)], ids=["flagged", "cut-off", "empty"]
)
def test_damaged_pictures_are_counted_and_not_handed_out(shot: Shot) -> None:
    device = camera()
    device.shots.extend([Shot(), shot, Shot()])
    source = opened(device, spec())
    taken = take(source, 2)
    assert (source.damaged, source.lost) == (1, 0)
    assert taken[1].dts - taken[0].dts == 80_000


def test_a_driver_without_times_gets_those_of_arrival() -> None:
    device = camera()
    device.shots.extend(Shot(flags=0) for _ in range(3))
    assert [c.dts for c in take(opened(device, spec()), 3)] == [0, 40_000, 80_000]


def test_close_at_any_time() -> None:
    device = camera()
    source = opened(device, spec())
    packets = source.packets()
    next(packets)
    source.close()
    source.close()
    assert list(packets) == []
    assert device.open_nodes == 0
    unread = opened(device, spec())
    unread.close()
    assert list(unread.packets()) == []
    assert device.open_nodes == 0


def test_closing_while_a_picture_is_awaited_lets_the_reader_let_go() -> None:
    device = camera()
    source = opened(device, spec())
    closer: Callable[[], None] = source.close
    device.at[5] = closer
    assert len(take(source, 50)) == 6
    assert device.open_nodes == 0
