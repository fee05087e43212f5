"""Sources that give more than the spec allows, through recorder, messages, ledger and the sealed file.

What leaves the box is looked at with PyAV (size, rate, codec, no sound) and compared with the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import Box, cli, make_box, running, wait_for_segments, wait_until
from tests.fakes.clips import write_clip
from tests.fakes.rtsp import rtsp_server

CONFORM = 'on_nonconforming = "conform"\n'


@dataclass(frozen=True, slots=True)
class Looked:
    """What a player sees of an opened recording."""

    codec: str
    size: tuple[int, int]
    pictures: int
    rate: float
    audio: int
    b_frames: bool


def opened(box: Box) -> Looked:
    """Opens the only recording as a custodian does, and decodes all of it."""
    [recording] = box.verify().recordings
    out = box.root / "out.mp4"
    done = cli(
        "open", recording.recording, "-i", str(box.custodian), "-o", str(out), "--vault", str(box.vault),
        *box.access,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with av.open(str(out), "r") as container:
        video = container.streams.video[0]
        times = [float(frame.time) for frame in container.decode(video)]
        assert times == sorted(times)
        return Looked(
            codec=video.codec_context.name,
            size=(video.codec_context.width, video.codec_context.height),
            pictures=len(times),
            rate=(len(times) - 1) / (times[-1] - times[0]),
            audio=len(container.streams.audio),
            b_frames=bool(video.codec_context.has_b_frames),
        )


def segments(box: Box) -> list[dict[str, Any]]:
    return [dict(leaf.body) for leaf in box.leaves(LeafType.SEGMENT)]


def grades(body: dict[str, Any]) -> dict[str, str]:
    return {finding["rule"]: finding["grade"] for finding in body["findings"]}


def finished(box: Box) -> None:
    """Runs the agent until a finite source has ended."""
    with running(box) as agent:
        wait_until("the recording is closed", lambda: bool(box.leaves(LeafType.RECORDING_CLOSED)), 60.0)
    assert agent.returncode == 0
    assert box.verify().result == "ok"


@contextmanager
def camera_box(folder: Path, spec: str, **camera: Any) -> Iterator[Box]:
    with rtsp_server(**camera) as server:
        yield make_box(folder, source=f'kind = "rtsp"\nurl = "{server.url}"\n', spec=spec)


def test_a_camera_that_sends_sound_and_too_large_pictures(tmp_path: Path) -> None:
    spec = f'width = 320\nheight = 240\nrate = "25"\nduplicate_max_percent = false\n{CONFORM}'
    with camera_box(tmp_path, spec, size=(640, 480), audio=True) as box, running(box):
        wait_for_segments(box, 3)
        wait_until("the alarm", lambda: "spec.excess" in {a["code"] for a in box.status()["alarms"]})
    looked = opened(box)
    assert (looked.codec, looked.size, looked.audio) == ("h264", (320, 240), 0)
    body = segments(box)[1]
    assert (body["width"], body["height"]) == (320, 240)
    assert (grades(body)["size"], grades(body)["audio"]) == ("conforming", "degraded")
    done = body["conformed"]
    assert (done["changes"], done["encoder"]) == (["size"], "libx264")
    came = done["delivered"]
    assert (came["codec"], came["width"], came["height"], came["region"]) == ("h264", 640, 480, None)
    assert came["frames"] - body["frames"] <= 1
    assert (came["left_out"], came["undecoded"], came["dropped"], body["dropped"]) == (0, 0, 0, 0)


def test_without_an_order_to_conform_the_cameras_own_bits_are_recorded_without_its_sound(
    tmp_path: Path,
) -> None:
    spec = 'width = 320\nheight = 240\nrate = "25"\nduplicate_max_percent = false\n'
    with camera_box(tmp_path, spec, size=(640, 480), audio=True) as box, running(box):
        wait_for_segments(box, 2)
    looked = opened(box)
    assert (looked.codec, looked.size, looked.audio) == ("h264", (640, 480), 0)
    body = segments(box)[0]
    assert (grades(body)["size"], grades(body)["audio"]) == ("nonconforming", "degraded")
    assert body["conformed"] is None


@pytest.mark.parametrize(
    ("size", "kept"), [((3840, 2160), (1920, 1080)), ((1920, 1080), (1920, 1080))], ids=["4k", "1080p"]
)
def test_4k_where_1080p_is_allowed(tmp_path: Path, size: tuple[int, int], kept: tuple[int, int]) -> None:
    write_clip(tmp_path / "clip.mp4", size=size, frames=60)
    box = make_box(
        tmp_path,
        source=f'kind = "file"\npath = "{tmp_path}/clip.mp4"\npace = "fast"\n',
        spec=f'width = 1920\nheight = 1080\nrate = "25"\n{CONFORM}',
    )
    finished(box)
    looked = opened(box)
    assert (looked.size, looked.pictures) == (kept, 60)
    assert looked.rate == pytest.approx(25)
    bodies = segments(box)
    assert {grades(body)["size"] for body in bodies} == {"conforming"}
    if size == kept:
        assert {body["conformed"] for body in bodies} == {None}
    else:
        assert {body["conformed"]["delivered"]["width"] for body in bodies} == {3840}
        assert sum(body["conformed"]["delivered"]["frames"] for body in bodies) == 60


def test_60_hz_where_30_hz_is_allowed(tmp_path: Path) -> None:
    script = '[[channel.source.script]]\nkind = "rate-change"\nat_s = 0.5\nfor_s = 60\nvalue = "60"\n'
    box = make_box(
        tmp_path,
        source='kind = "synthetic"\nwidth = 320\nheight = 192\nrate = "30"\nseconds = 12.0\ngop_s = 1.0\n'
        'pace = "fast"\n' + script,
        spec=f'width = 320\nheight = 192\nrate = "30"\n{CONFORM}',
        segment_s=3.0,
    )
    finished(box)
    bodies = segments(box)
    changed = next(number for number, body in enumerate(bodies) if body["conformed"] is not None)
    assert bodies[changed - 1]["reason"] == "conforming"
    for body in bodies[changed:-1]:
        assert body["conformed"]["changes"] == ["rate"]
        assert (grades(body)["rate"], grades(body)["lost"]) == ("conforming", "conforming")
        came = body["conformed"]["delivered"]
        assert came["left_out"] == pytest.approx(came["frames"] / 2, abs=2)
    assert opened(box).size == (320, 192)


def test_the_sealed_file_says_itself_that_its_bits_are_not_the_cameras(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", size=(640, 480), frames=30)
    box = make_box(
        tmp_path,
        source=f'kind = "file"\npath = "{tmp_path}/clip.mp4"\npace = "fast"\n',
        spec=f'width = 320\nheight = 240\nrate = "25"\n{CONFORM}'
        "region = { left = 0.0, top = 0.0, width = 1.0, height = 0.5 }\n",
    )
    finished(box)
    looked = opened(box)
    assert looked.size == (320, 120)
    [body, *_] = segments(box)
    assert body["conformed"]["delivered"]["region"] == [0, 0, 640, 240]
