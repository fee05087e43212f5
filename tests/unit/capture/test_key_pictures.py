"""Which pictures are decoded, what comes out for them, and that nothing hostile gets out of it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from agent.capture.key_pictures import KeyPictures
from agent.capture.observed import BurstCheck, PictureCheck
from agent.device.drivers import open_source
from agent.device.drivers.demux import facts_of
from agent.model.media import Captured, StreamFacts
from agent.model.source_settings import Fault, FaultKind, Pace, SyntheticSettings
from agent.model.spec import PictureLimits
from agent.model.times import NS_PER_S
from tests.fakes.clock import FakeClock


class Stream:
    """A synthetic camera's packets."""

    def __init__(self, *script: Fault, seconds: float = 12, gop_s: float = 1.0) -> None:
        settings = SyntheticSettings(
            width=320, height=192, pace=Pace.FAST, seconds=seconds, gop_s=gop_s, script=script
        )
        source = open_source(settings, FakeClock())
        self.facts = source.facts
        self.packets = list(source.packets())
        self.start_ns = self.packets[0].arrived_ns

    def looked(
        self, limits: PictureLimits | None = None
    ) -> tuple[KeyPictures, list[PictureCheck], list[BurstCheck]]:
        return look(self.facts, self.packets, limits or PictureLimits())


def look(
    facts: StreamFacts, packets: list[Captured], limits: PictureLimits
) -> tuple[KeyPictures, list[PictureCheck], list[BurstCheck]]:
    looker = KeyPictures(facts, limits)
    results = [looker.take(captured) for captured in packets]
    return looker, [c for c, _ in results if c is not None], [b for _, b in results if b is not None]


@pytest.mark.parametrize(
    ("every_s", "gop_s", "seconds"), [(1.0, 1.0, 1), (2.0, 1.0, 2), (1.0, 2.0, 2), (3.0, 2.0, 4)]
)
def test_at_most_one_picture_in_so_many_seconds(every_s: float, gop_s: float, seconds: int) -> None:
    stream = Stream(gop_s=gop_s)
    _, checks, _ = stream.looked(PictureLimits(check_every_s=every_s))
    at = [(check.at_ns - stream.start_ns) / NS_PER_S for check in checks]
    assert at == list(range(0, 12, seconds))
    assert [check.before_ns for check in checks] == [None, *(check.at_ns for check in checks[:-1])]
    assert [check.numbers.changed is None for check in checks] == [True] + [False] * (len(checks) - 1)


def test_the_numbers_are_those_of_the_picture() -> None:
    _, checks, _ = Stream(Fault(kind=FaultKind.BLACK, at_s=4, for_s=4)).looked()
    dark = [check.numbers.dark_share > 0.99 for check in checks]
    assert dark == [False] * 4 + [True] * 4 + [False] * 4


@pytest.mark.parametrize(("value", "repeats"), [(None, 0), ("5", 2), ("2", 6)])
def test_bursts_find_repeated_pictures(value: str | None, repeats: int) -> None:
    script = () if value is None else (Fault(kind=FaultKind.DUPLICATE, at_s=0, for_s=60, value=value),)
    stream = Stream(*script, seconds=24)
    _, checks, bursts = stream.looked()
    assert len(checks) == 24
    assert len(bursts) == 3
    assert all(burst.compared == 13 for burst in bursts)
    assert all(burst.repeats >= repeats for burst in bursts)
    assert value is not None or not any(burst.repeats for burst in bursts)


def test_a_burst_ends_at_the_next_key_frame() -> None:
    _, checks, bursts = Stream(gop_s=0.4, seconds=4).looked()
    assert len(checks) == 5
    assert [burst.compared for burst in bursts] == [7]


def test_nothing_is_decoded_when_nothing_is_asked() -> None:
    looker, checks, bursts = Stream(seconds=3).looked(PictureLimits(check_every_s=None))
    assert (checks, bursts, looker.undecoded) == ([], [], 0)
    _, checks, bursts = Stream(seconds=3).looked(PictureLimits(burst_every_s=None))
    assert (len(checks), bursts) == (3, [])


@pytest.mark.parametrize("how", ["cut", "noise", "empty"])
def test_what_can_not_be_decoded_is_counted_and_nothing_is_raised(how: str) -> None:
    stream = Stream(seconds=4)
    noise = np.random.default_rng(5).bytes(4000)
    spoilt: list[Captured] = []
    for captured in stream.packets:
        whole = bytes(captured.packet)
        data = {"cut": whole[:9], "noise": whole[:4] + noise, "empty": b"\x00"}[how]
        spoilt.append(replace(captured, packet=Packet(data)))
    looker, checks, _ = look(stream.facts, spoilt, PictureLimits(burst_every_s=None))
    assert looker.undecoded + len(checks) == 4
    assert looker.undecoded >= 3
    good = Stream(seconds=2)
    assert all(looker.take(captured)[0] is None for captured in good.packets[1:20])


@pytest.mark.parametrize(
    ("encoder", "pixels", "options"),
    [
        ("libx264", "yuv420p", {"bf": "2"}),
        ("libx264", "yuv422p10le", {}),
        ("libx264", "gray", {}),
        ("libx265", "yuv420p", {"x265-params": "log-level=none:bframes=3"}),
        ("libx265", "yuv420p10le", {"x265-params": "log-level=none"}),
    ],
)
def test_codecs_depths_and_reordering(encoder: str, pixels: str, options: dict[str, str]) -> None:
    """From an MP4: parameter sets in the extradata, packets with lengths."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        assert isinstance(output, OutputContainer)
        stream = output.add_stream(encoder, rate=25, options={"preset": "ultrafast", "g": "25", **options})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 192, pixels
        for number in range(60):
            luma = np.full((192, 320), 126, np.uint8)
            luma[40:120, 4 * number : 4 * number + 40] = 200
            grey = av.VideoFrame.from_ndarray(luma, format="gray")
            frame = grey.reformat(format="yuv420p", dst_color_range=1).reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with av.open(BytesIO(buffer.getvalue())) as container:
        assert isinstance(container, InputContainer)
        video = container.streams.video[0]
        facts = facts_of(video, has_audio=False)
        packets = [
            Captured(packet, number * NS_PER_S // 25, 0, 0, packet.is_keyframe, packet.size)
            for number, packet in enumerate(p for p in container.demux(video) if p.size)
        ]
        looker, checks, bursts = look(facts, packets, PictureLimits())
    assert looker.undecoded == 0
    assert len(checks) == 3
    assert bursts[0].repeats == 0
    assert bursts[0].compared > 0
    assert all(100 < check.numbers.luma < 150 for check in checks)
