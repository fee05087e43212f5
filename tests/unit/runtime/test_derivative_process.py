"""The process of a derivative over its real sockets, its sealed files opened: no face, no clear byte.

The test plays the keeper at one socket and the channel's process at the other. The process runs in a thread
of the test; waiting is for its messages only.
"""

from __future__ import annotations

import io
import json
import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import TypeVar

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.deid.models import FACES, PinnedModel
from agent.formats import ipc_v1 as ipc
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.host.clock import SystemClock
from agent.model.errors import Refuse
from agent.model.media import Captured
from agent.model.spec import CollectionSpec
from agent.model.times import NS_PER_S
from agent.runtime import derivative_process
from agent.runtime.channel_settings import ChannelSettings
from agent.runtime.derivative_handover import Feed, Tap, media_pair
from agent.runtime.derivative_process import DerivativeProcess, MakeDetectors
from agent.runtime.derivative_settings import (
    NO_SOURCE,
    DerivativeSettings,
    decode_derivative,
    encode_derivative,
)
from agent.runtime.derivative_stream import Detectors
from agent.runtime.message_socket import MessageSocket
from agent.seal.age_reader import open_bytes
from agent.seal.recording_key import new_key_pair
from tests.fakes.derived_films import POLICY, SPEC, film_packets
from tests.fakes.face_films import NEUTRAL, RedDetector, most_red, write_film

KEYS = new_key_pair(os.urandom)
RECORDING = "01939f2a-7c00-7abc-8def-0123456789ab"
MINUTE_NS = 60 * NS_PER_S
NO_TEXT = ipc.TextZones(profile=None, recognised=False, zones=None)
LOOKS_FOR_TEXT = POLICY.replace('text = false\ntext_absent = "drawn by a test"', "text = true")
M = TypeVar("M", bound=ipc.FromChannel)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4")


def red(_policy: DeidPolicy) -> tuple[Detectors, tuple[PinnedModel, ...]]:
    return Detectors(faces=RedDetector()), (FACES,)


def settings(
    policy: str = POLICY, keep_free_bytes: int = 0, spec: CollectionSpec = SPEC
) -> DerivativeSettings:
    return DerivativeSettings(
        channel=ChannelSettings(
            channel="ch0-deid",
            level=3,
            category="dt",
            purpose="teaching",
            source=NO_SOURCE,
            spec=spec,
            segment_ns=60 * NS_PER_S,
            keep_free_bytes=keep_free_bytes,
        ),
        policy=policy,
        policy_sha256="0c" * 32,
        models="/nowhere",
    )


@dataclass(slots=True)
class Session:
    """The keeper's and the channel process's side of one process."""

    folder: Path
    keeper: socket.socket
    tap: Tap
    thread: Thread
    heard: list[ipc.FromChannel] = field(default_factory=list)
    zones: ipc.TextZones = NO_TEXT
    opens: bool = True

    def hears(self, kind: type[M]) -> M:
        """Reads on until such a message has come, answering as a keeper does."""
        for _ in range(40):  # a beat comes every second, whatever else does not
            ready, _, _ = select.select([self.keeper], [], [], 20)
            assert ready, f"never came: {kind.__name__}"
            data = self.keeper.recv(ipc.MAX_BYTES)
            assert data, f"left without {kind.__name__}"
            message = ipc.decode_from_channel(data)
            self.heard.append(message)
            if isinstance(message, ipc.SourceOpened) and self.opens:
                self.says(self.zones)
                self.says(self.order())
            if isinstance(message, kind):
                return message
        raise AssertionError(f"never came: {kind.__name__}")

    def says(self, message: ipc.ToChannel) -> None:
        """As the keeper does: a process that has just left is noticed by its end of the socket."""
        with suppress(BrokenPipeError):
            self.keeper.send(ipc.encode(message))

    def order(self) -> ipc.StartRecording:
        closed = [message for message in self.heard if isinstance(message, ipc.SegmentClosed)]
        return ipc.StartRecording(
            recording=RECORDING,
            directory=str(self.folder),
            recipient=KEYS.recipient,
            next_number=len(closed),
            epoch_mono_ns=None,
        )

    def plays(self, film: Path, change: Callable[[Captured], Captured] = lambda one: one) -> None:
        """All of it at once. It arrives a minute from now: however slow the test runs, nothing is late."""
        source, packets = film_packets(film, SystemClock())
        self.tap.opened(source)
        for captured in packets:
            self.tap.take(change(replace(captured, arrived_ns=captured.arrived_ns + MINUTE_NS)))
        source.close()

    def stop(self) -> list[ipc.SegmentClosed]:
        """All segments."""
        self.says(ipc.StopChannel())
        self.hears(ipc.Stopped)
        self.thread.join(20)
        return [message for message in self.heard if isinstance(message, ipc.SegmentClosed)]

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.age"))

    def pictures(self) -> list[NDArray[np.uint8]]:
        """What a custodian sees."""
        found: list[NDArray[np.uint8]] = []
        for path in self.files():
            plain = open_bytes(path.read_bytes(), [KEYS.identity])
            with av.open(io.BytesIO(plain), "r") as container:
                found += [
                    frame.to_ndarray(format="yuv420p").astype(np.uint8) for frame in container.decode(video=0)
                ]
        return found


@contextmanager
def session(
    folder: Path, chosen: DerivativeSettings | None = None, make: MakeDetectors = red
) -> Iterator[Session]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    media, feed = media_pair()
    over_the_wire = decode_derivative(encode_derivative(chosen or settings()))
    process = DerivativeProcess(
        MessageSocket(theirs), Feed(feed), over_the_wire, SystemClock(), os.urandom, make
    )

    def run() -> None:
        with theirs, feed:
            process.run()

    thread = Thread(target=run, daemon=True)
    openings = iter(range(100))
    with ours, media:
        made = Session(folder, ours, Tap(media, lambda: str(next(openings))), thread)
        thread.start()
        yield made
    thread.join(20)
    assert not thread.is_alive()


def test_a_film_becomes_sealed_segments_without_its_face(tmp_path: Path, film: Path) -> None:
    with session(tmp_path) as one:
        ready = one.hears(ipc.DerivativeReady)
        one.plays(film)
        one.hears(ipc.SegmentOpened)
        [closed] = one.stop()
    shown = one.pictures()
    assert len(shown) == 60 and all(most_red(packed) < NEUTRAL for packed in shown)
    assert ready.models == (ipc.ModelTold(name=FACES.name, version=FACES.version, sha256=FACES.file_hash),)
    assert ready.policy_sha256 == "0c" * 32 and ready.profile == "live" and ready.limits
    counts = closed.deid
    assert counts is not None
    assert (counts.seen, counts.masked, counts.dropped, counts.failed) == (60, 60, 0, 0)
    assert counts.asked == 30 and counts.boxes == (1, 1, 1)
    assert closed.measured.frames == 60 and closed.final


def test_no_clear_byte_of_the_pictures_is_on_the_disk(tmp_path: Path, film: Path) -> None:
    with session(tmp_path) as one:
        one.plays(film)
        one.hears(ipc.SegmentOpened)
        one.stop()
    [path] = one.files()
    plain = open_bytes(path.read_bytes(), [KEYS.identity])
    with av.open(io.BytesIO(plain), "r") as container:
        coded = [bytes(packet) for packet in container.demux(video=0) if packet.size > 200]
    on_disk = path.read_bytes()
    assert coded and not any(data[50:90] in on_disk for data in coded)
    assert b'"channel":"ch0-deid"' in plain and b'"purpose":"teaching"' in plain
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name}


def refusing(error: Refuse) -> MakeDetectors:
    def make(_policy: DeidPolicy) -> tuple[Detectors, tuple[PinnedModel, ...]]:
        raise error

    return make


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"models": "none"}, "deid.no-model"),
        ({"models": "wrong"}, "deid.model-hash"),
        ({"policy": "not a policy"}, "deid.bad-policy"),
        ({"policy": POLICY.split("[approved]")[0]}, "deid.bad-policy"),
    ],
    ids=["model-missing", "model-of-other-bytes", "no-policy", "unapproved"],
)
def test_without_model_or_policy_nothing_is_decoded(
    tmp_path: Path, film: Path, chosen: dict[str, str], code: str
) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / FACES.file).write_bytes(b"another model")
    recording = tmp_path / "recording"
    recording.mkdir()
    models = wrong if chosen.get("models") == "wrong" else tmp_path

    def make(policy: DeidPolicy) -> tuple[Detectors, tuple[PinnedModel, ...]]:
        return derivative_process.detectors_in(models, policy)

    with session(recording, settings(chosen.get("policy", POLICY)), make) as one:
        one.plays(film)
        trouble = one.hears(ipc.Trouble)
        one.hears(ipc.Stopped)
    assert trouble.code == code and trouble.advice
    assert not one.files()
    assert not [message for message in one.heard if isinstance(message, ipc.DerivativeReady)]


def test_of_a_device_that_no_profile_knows_nothing_but_filled_pictures_come_out(
    tmp_path: Path, film: Path
) -> None:
    with session(tmp_path, settings(LOOKS_FOR_TEXT)) as one:
        one.zones = ipc.TextZones(profile="generic/generic-rtsp", recognised=False, zones=None)
        one.plays(film)
        one.hears(ipc.SegmentOpened)
        [closed] = one.stop()
    assert closed.deid is not None and closed.deid.whole_device == closed.deid.seen == 60
    height = SPEC.height
    assert all(packed[:height].max() < 40 for packed in one.pictures())


def test_the_zones_of_the_devices_profile_are_filled(tmp_path: Path, film: Path) -> None:
    with session(tmp_path) as one:
        one.zones = ipc.TextZones(profile="maker/model", recognised=True, zones=(("0", "0", "1/4", "1/6"),))
        one.plays(film)
        one.hears(ipc.SegmentOpened)
        one.stop()
    assert all(packed[:28, :78].max() < 40 for packed in one.pictures())


def test_each_opening_of_the_source_asks_the_keeper_anew(tmp_path: Path, film: Path) -> None:
    with session(tmp_path) as one:
        one.plays(film)
        one.hears(ipc.SegmentOpened)
        one.zones = ipc.TextZones(profile="maker/other", recognised=True, zones=(("0", "0", "1", "1"),))
        one.plays(film)
        one.hears(ipc.SegmentOpened)
        closed = one.stop()
    assert [each.reason for each in closed] == ["source-lost", "stopped"]
    assert len([message for message in one.heard if isinstance(message, ipc.SourceOpened)]) == 2
    shown = one.pictures()
    assert len(shown) == 120 and all(most_red(packed) < NEUTRAL for packed in shown)
    assert all(packed[: SPEC.height].max() < 40 for packed in shown[60:])


def test_without_the_keepers_word_on_text_nothing_is_recorded(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivative_process, "START_TIMEOUT_S", 0.05)
    with session(tmp_path) as one:
        one.opens = False
        one.hears(ipc.DerivativeReady)
        one.plays(film)
        one.hears(ipc.SourceOpened)
        one.says(one.order())  # a recording, but no word on text
        trouble = one.hears(ipc.Trouble)
        one.stop()
    assert trouble.code == "channel.no-recording"
    assert not one.files()


def test_a_silent_original_ends_the_segment_with_all_that_was_inside(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivative_process, "SILENT_NS", 1)
    with session(tmp_path) as one:
        one.plays(film)
        lost = one.hears(ipc.SourceLost)
        one.stop()
    assert (lost.code, lost.finished) == ("source.original", False)
    [closed] = [message for message in one.heard if isinstance(message, ipc.SegmentClosed)]
    assert closed.reason == "source-lost" and closed.measured.frames == 60


def test_overload_is_a_gap_that_says_so(tmp_path: Path, film: Path) -> None:
    order = iter(range(1000))

    def held_up(one: Captured) -> Captured:
        """The second of three groups has waited so long that nothing of it is managed any more."""
        number = next(order)
        return replace(one, arrived_ns=one.arrived_ns - 2 * MINUTE_NS) if 20 <= number < 40 else one

    # A group of this film is 0.8 s long.
    with session(tmp_path, settings(spec=replace(SPEC, gap_max_s=0.5))) as one:
        one.plays(film, held_up)
        gap = one.hears(ipc.GapSeen)
        [closed] = one.stop()
    assert gap.cause == "overload"
    assert closed.deid is not None
    assert (closed.deid.seen, closed.deid.dropped, closed.dropped) == (40, 20, 20)
    assert all(most_red(packed) < NEUTRAL for packed in one.pictures())


def test_a_full_disk_is_told_and_the_rest_is_not_kept_anywhere(tmp_path: Path, film: Path) -> None:
    with session(tmp_path, settings(keep_free_bytes=1 << 62)) as one:
        one.plays(film)
        trouble = one.hears(ipc.Trouble)
        one.stop()
    assert trouble.code == "disk.full" and not one.files()


def test_the_keeper_is_gone_and_the_segment_is_whole(tmp_path: Path, film: Path) -> None:
    with session(tmp_path) as one:
        one.plays(film)
        one.hears(ipc.SegmentOpened)
    assert len(one.pictures()) >= 1
    assert all(most_red(packed) < NEUTRAL for packed in one.pictures())


def test_a_defect_of_the_detector_ends_the_process(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[type[BaseException]] = []
    monkeypatch.setattr("threading.excepthook", lambda told: failures.append(told.exc_type))
    broken = RedDetector(broken=[12], error=RuntimeError("a defect"))

    def make(_policy: DeidPolicy) -> tuple[Detectors, tuple[PinnedModel, ...]]:
        return Detectors(faces=broken), (FACES,)

    with session(tmp_path, make=make) as one:
        one.plays(film)
        one.hears(ipc.SegmentOpened)
        one.thread.join(20)
    assert failures == [RuntimeError]


def test_no_address_or_password_travels_to_the_process() -> None:
    raw = json.loads(encode_derivative(settings()))
    assert set(raw) == {"channel", "policy", "policy_sha256", "models"}
    channel = json.loads(raw["channel"])
    assert channel["kind"] == "file" and channel["source"]["path"] == ""
