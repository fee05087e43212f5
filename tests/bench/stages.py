"""Where the channel's processor time goes: the same stream through more and more of the channel process.

Guarantees: each stage is the one before and one part of the agent more, as it is imported, on the live
stream; the parts that a stage leaves out are replaced by ones that do nothing. `run(stage, url, folder)`
works until it is ended from outside; as a program it takes these as arguments. Stages of one table run at
the same time, one process each, so that they see the same stream and the same noise.
"""

from __future__ import annotations

import cProfile
import os
import signal
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import FrameType

import av

from agent.capture.fragment_mux import FragmentMux
from agent.device.drivers.rtsp import open_source
from agent.formats.ipc_v1 import FromChannel, StartRecording
from agent.host.clock import SystemClock
from agent.model.ids import RecordingId
from agent.model.media import Accepted, Captured, Sealed, Stored
from agent.model.ports.source import Source
from agent.model.source_settings import RtspSettings
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.runtime import recorder, segment_writer
from agent.runtime.channel_settings import ChannelSettings
from agent.seal.recording_key import new_key_pair
from agent.vault.segment_file import SegmentFile

STAGES = (
    ("read", "PyAV reads packets, nothing else"),
    ("source", "the RTSP driver: timestamps repaired, arrivals stamped"),
    ("measure", "+ gate, cut decision, picture size, meter, heartbeat"),
    ("mux", "+ fragmented MP4"),
    ("seal", "+ age: ChaCha20-Poly1305 in 64 KiB chunks"),
    ("write", "+ SHA-256 and write(2)"),
    ("sync", "+ fdatasync(2) every 500 ms"),
)


class _NoWriter:
    """Stands for `SegmentWriter`: takes packets and forgets them."""

    durable_frames = durable_media_ns = size_bytes = 0

    def __init__(self, *_parts: object, **_named: object) -> None: ...

    def add(self, captured: Captured) -> None: ...

    def close(self) -> Stored:
        return _stored()


class _OnlyMux(_NoWriter):
    """Stands for `SegmentWriter`: packs and forgets."""

    def __init__(
        self, _place: object, *, template: object, parameter_sets: bytes | None, **_: object
    ) -> None:
        self._mux = FragmentMux(
            template,
            _forget,
            fragment_ns=segment_writer.FRAGMENT_NS,
            description=b"{}",
            parameter_sets=parameter_sets,
        )

    def add(self, captured: Captured) -> None:
        self._mux.add(captured)

    def close(self) -> Stored:
        self._mux.close()
        return _stored()


class _NoFile:
    """Stands for `SegmentFile`: ciphertext goes nowhere."""

    size_bytes = 0

    def __init__(self, *_parts: object) -> None: ...

    def write(self, piece: Sealed) -> None: ...

    def sync(self) -> None: ...

    def close(self, *, final: bool) -> Stored:
        return _stored(final=final)


def _forget(_accepted: Accepted) -> None: ...


def _stored(*, final: bool = True) -> Stored:
    return Stored(
        recording=RecordingId("none"),
        number=0,
        name="00000000.mp4.age",
        size_bytes=0,
        sha256="0" * 64,
        final=final,
    )


def run(stage: str, url: str, folder: Path) -> None:
    """The stream of `url` through `stage`, until the process is ended."""
    if stage == "read":
        options = {"rtsp_transport": "tcp", "fpsprobesize": "0"}
        with av.open(url, options=options) as container:
            for _packet in container.demux(container.streams.video[0]):
                pass
        return
    source = open_source(RtspSettings(url=url), SystemClock())
    if stage == "source":
        for _captured in source.packets():
            pass
        return
    _leave_out(stage)
    _record(source, folder)


def _leave_out(stage: str) -> None:
    """Replaces the parts behind `stage`."""
    if stage == "measure":
        setattr(recorder, "SegmentWriter", _NoWriter)  # noqa: B010  (a module has no such type to assign)
    elif stage == "mux":
        setattr(recorder, "SegmentWriter", _OnlyMux)  # noqa: B010
    elif stage == "seal":
        setattr(segment_writer, "SegmentFile", _NoFile)  # noqa: B010
    elif stage == "write":
        setattr(SegmentFile, "sync", lambda _self: None)  # noqa: B010


def _record(source: Source, folder: Path) -> None:
    spec = CollectionSpec(width=1920, height=1080, rate=Fraction(25))
    settings = ChannelSettings(
        channel="ch0",
        level=4,
        category="dt",
        purpose="test",
        source=RtspSettings(url="rtsp://127.0.0.1/none"),
        spec=spec,
        segment_ns=60 * NS_PER_S,
        keep_free_bytes=0,
    )
    one = recorder.Recorder(_tell_nobody, settings, SystemClock(), os.urandom)
    recipient = new_key_pair(os.urandom).recipient
    one.start(
        StartRecording(
            recording="01900000-0000-7000-8000-000000000000",
            directory=str(folder),
            recipient=recipient,
            next_number=0,
            epoch_mono_ns=None,
        )
    )
    one.source_opened(source)
    take: Callable[[Captured], None] = one.take
    packets: Iterator[Captured] = source.packets()
    for captured in packets:
        take(captured)


def _tell_nobody(_message: FromChannel) -> None: ...


def _profiled(result: str, stage: str, url: str, folder: Path) -> None:
    """Leaves at SIGTERM with what the profiler saw in `result`."""
    profiler = cProfile.Profile()

    def leave(_number: int, _frame: FrameType | None) -> None:
        profiler.disable()
        profiler.dump_stats(result)
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    profiler.runcall(run, stage, url, folder)


def main() -> None:
    """`python -m tests.bench.stages STAGE URL FOLDER`, profiled into `EDGEWARD_BENCH_PROFILE` if set."""
    stage, url, folder = sys.argv[1:]
    if result := os.environ.get("EDGEWARD_BENCH_PROFILE"):
        _profiled(result, stage, url, Path(folder))
    else:
        run(stage, url, Path(folder))


if __name__ == "__main__":
    main()
