"""A canary: what must never lie on a disk in clear is looked for in the raw bytes of the disk.

The real daemon keeps state, vault and runtime directory on a small ext4 file system in an image file. It
records a clip with 64 random bytes in every key frame, and tries a camera and a broker that are not there,
each with a password. After a normal end, after kill -9 of channel and keeper, and on a full disk the image
is unmounted and searched, freed blocks and journal included: no hit of the pattern, the custodian's key,
the recordings' private keys or a password, in any spelling; nor in the daemon's log. Then the same search
must find each of them once they were really written. Core dumps are off for each of our processes, and
the service may not be swapped. Without loop devices a plain directory is searched instead, and a warning
says so: freed blocks are then not seen.
"""

from __future__ import annotations

import io
import os
import secrets
import signal
import subprocess
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.formats import bech32
from agent.formats.ledger_v1 import LeafType
from agent.runtime.opening import open_recording_to
from agent.seal.capsule import open_capsule, read_identity_file
from tests.fakes.agents import ROOT, Box, make_box, start, stop, wait_for_segments, wait_until

IMAGE_BYTES = 48 << 20
BLOCK = 1 << 12
PIECE = 1 << 22
CAMERA_PASSWORD = "camera-secret-4f7a1c"
BROKER_PASSWORD = "broker-secret-91be02"
ABSENT = """
[[channel]]
id = "ch1"
category = "dt"
level = 4
purpose = "test"
lawful_basis = "test"
plan = {{ scene = "imaging-diagnosis", place = ["test-room"], responsible = "tester", policy = "test-1" }}
[channel.source]
kind = "rtsp"
url = "rtsp://127.0.0.1:1/cam"
username = "edge"
password_file = "{folder}/camera"
[channel.spec]
width = 320
height = 192
rate = "25"
"""


class SmallImage:
    """A file system in a file, or a plain directory where there are no loop devices."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "disk"
        self._image = folder / "disk.img"
        self._mounted = False
        self.is_real = False
        self.path.mkdir()
        with self._image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        if os.geteuid() == 0:
            self.is_real = self.mount(new=True)
        if not self.is_real:
            warnings.warn("no loop device may be mounted: a plain directory is searched", stacklevel=2)

    def mount(self, *, new: bool = False) -> bool:
        if new and not _ran("/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", str(self._image)):
            return False
        self._mounted = _ran("mount", "-o", "loop", str(self._image), str(self.path))
        return self._mounted

    def unmount(self) -> None:
        """All that was written is in the image then. Processes that have just ended may still hold it."""
        if self._mounted:
            wait_until("the image is unmounted", lambda: _ran("umount", str(self.path)))
            self._mounted = False

    def fill(self) -> Path:
        """Takes all that is free, without writing over what was freed."""
        filler = self.path / "filler"
        size, at = IMAGE_BYTES, 0
        with filler.open("wb") as file:
            while size >= BLOCK:
                try:
                    os.posix_fallocate(file.fileno(), at, size)
                    at += size
                except OSError:
                    size //= 2
        return filler

    def hits(self, needles: Mapping[str, list[bytes]]) -> set[str]:
        """The names of those that occur anywhere in the raw bytes."""
        assert not self._mounted
        files = [self._image] if self.is_real else [one for one in self.path.rglob("*") if one.is_file()]
        return {name for file in files for name in hits_in(file, needles)}


def _ran(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def hits_in(file: Path, needles: Mapping[str, list[bytes]]) -> set[str]:
    """Searched in pieces that overlap by as much as the longest needle."""
    overlap = max(len(one) for spellings in needles.values() for one in spellings)
    found: set[str] = set()
    with file.open("rb") as stream:
        rest = b""
        while piece := stream.read(PIECE):
            data = rest + piece
            found |= {name for name, spellings in needles.items() if any(one in data for one in spellings)}
            rest = data[-overlap:]
    return found


@contextmanager
def small_image(folder: Path) -> Iterator[SmallImage]:
    image = SmallImage(folder)
    try:
        yield image
    finally:
        image.unmount()


# -- the clip ------------------------------------------------------------------------------------------


def write_clip_with(canary: bytes, path: Path, seconds: int = 4) -> None:
    """H.264 with the canary as unregistered user data (H.264 annex D.1.7) in front of each key frame."""
    user_data = bytes(range(1, 17)) + canary
    unit = b"\0\0\0\1\x06\x05" + bytes([len(user_data)]) + user_data + b"\x80"
    options = {"preset": "ultrafast", "x264-params": "keyint=10:min-keyint=10:scenecut=0"}
    with av.open(str(path), "w", format="mpegts") as container:
        video = container.add_stream("libx264", rate=25, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 320, 192, "yuv420p"
        for number in range(seconds * 25):
            picture = np.full((192 * 3 // 2, 320), (number * 3) % 200 + 20, np.uint8)
            _mux(container.mux, video.encode(VideoFrame.from_ndarray(picture, format="yuv420p")), unit)
        _mux(container.mux, video.encode(None), unit)


def _mux(mux: Callable[[av.Packet[Any]], None], packets: list[av.Packet[VideoStream]], unit: bytes) -> None:
    for packet in packets:
        data = bytes(packet)
        if packet.is_keyframe:
            slice_at = data.index(b"\0\0\1\x65") if b"\0\0\1\x65" in data else data.index(b"\0\0\1\x25")
            at = slice_at - (data[slice_at - 1] == 0)
            data = data[:at] + unit + data[at:]
        again: av.Packet[Any] = av.Packet(data)
        again.stream, again.time_base = packet.stream, packet.time_base
        again.pts, again.dts, again.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
        mux(again)


# -- the box and its secrets ---------------------------------------------------------------------------


def canary_box(folder: Path, image: SmallImage, canary: bytes) -> Box:
    """Configuration, secrets, clip and log lie outside the image; what the agent itself keeps, inside."""
    clip = folder / "clip.ts"
    write_clip_with(canary, clip)
    for name, password in (("camera", CAMERA_PASSWORD), ("broker", BROKER_PASSWORD)):
        (folder / name).write_text(password + "\n")
        (folder / name).chmod(0o400)
    box = make_box(
        folder,
        source=f'kind = "file"\npath = "{clip}"\nloop = true\n',
        spec='width = 320\nheight = 192\nrate = "25"\n',
        extra='[mqtt]\nhost = "127.0.0.1"\nport = 1\ntls = false\nusername = "edge"\n'
        f'password_file = "{folder}/broker"\n',
    )
    text = box.config.read_text() + ABSENT.format(folder=folder)
    for name in ("state", "vault", "run"):
        text = text.replace(f'"{folder}/{name}"', f'"{image.path}/{name}"')
        (folder / name).symlink_to(image.path / name)
    box.config.write_text(text)
    return box


def recording_keys(box: Box) -> list[str]:
    """The private keys that the capsules hold."""
    identities = read_identity_file(box.custodian.read_text())
    return [
        open_capsule(path.read_bytes(), identities)
        for path in box.vault.resolve().glob("recordings/*/capsule.age")
    ]


def needles_of(box: Box, canary: bytes) -> dict[str, list[bytes]]:
    [custodian] = read_identity_file(box.custodian.read_text())
    keys = recording_keys(box)
    assert keys, "no recording was opened"
    needles = {
        "the pattern": [canary],
        "the custodian's key": spellings_of_key(custodian),
        "the camera's password": spellings(CAMERA_PASSWORD.encode()),
        "the broker's password": spellings(BROKER_PASSWORD.encode()),
    }
    return needles | {f"key of recording {n}": spellings_of_key(key) for n, key in enumerate(keys)}


def spellings_of_key(identity: str) -> list[bytes]:
    _, raw = bech32.decode(identity)
    return [identity.encode(), identity.lower().encode(), *spellings(raw)]


def spellings(raw: bytes) -> list[bytes]:
    hexadecimal = raw.hex()
    return [raw, hexadecimal.encode(), hexadecimal.upper().encode(), b64encode(raw).rstrip(b"=")]


def processes_of(keeper: int) -> list[psutil.Process]:
    """Keeper, zygote and channels."""
    process = psutil.Process(keeper)
    return [process, *process.children(recursive=True)]


def wait_for_end(processes: list[psutil.Process]) -> None:
    """Until nobody holds the disk any more. A zombie holds nothing."""

    def ended(process: psutil.Process) -> bool:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    wait_until("all processes have ended", lambda: all(ended(process) for process in processes))


# -- what happens --------------------------------------------------------------------------------------


def normal_end(box: Box, _image: SmallImage) -> None:
    agent = start(box)
    try:
        wait_until("this agent records", lambda: recording_pid(box, agent.pid) is not None)
        wait_for_segments(box, len(box.leaves(LeafType.SEGMENT)) + 3)
        processes = processes_of(agent.pid)
        assert stop(agent) == 0
        wait_for_end(processes)
    finally:
        agent.kill()
        agent.wait()


def killed(box: Box, image: SmallImage) -> None:
    """First a channel in the middle of a segment, then the keeper in the middle of another."""
    agent = start(box)
    try:
        wait_for_segments(box, 2)
        victim = recording_pid(box, agent.pid)
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        wait_until("another process records", lambda: recording_pid(box, agent.pid) not in (None, victim))
        wait_for_segments(box, len(box.leaves(LeafType.SEGMENT)) + 2)
        processes = processes_of(agent.pid)
        agent.kill()
        agent.wait()
        wait_for_end(processes)
    finally:
        agent.kill()
        agent.wait()
    normal_end(box, image)


def full_disk(box: Box, image: SmallImage) -> None:
    agent = start(box)
    try:
        wait_for_segments(box, 2)
        processes = processes_of(agent.pid)
        filler = image.fill() if image.is_real else None
        if filler is None:
            stop(agent)
        else:
            assert agent.wait(60) == 74, "integrity at risk: the daemon leaves"
        wait_for_end(processes)
    finally:
        agent.kill()
        agent.wait()


def recording_pid(box: Box, keeper: int) -> int | None:
    """The process of this keeper's channel that has a picture."""
    status = box.status()
    for row in status["channels"] if status.get("pid") == keeper else ():
        if row["id"] == "ch0" and row["pid"] is not None and row["signal"] == "present":
            return int(row["pid"])
    return None


@pytest.mark.parametrize("story", [normal_end, killed, full_disk], ids=lambda story: story.__name__)
def test_no_secret_is_in_the_raw_bytes_of_the_disk(
    tmp_path: Path, story: Callable[[Box, SmallImage], None]
) -> None:
    canary = secrets.token_bytes(64).replace(b"\0", b"\1")
    with small_image(tmp_path) as image:
        box = canary_box(tmp_path, image, canary)
        story(box, image)
        needles = needles_of(box, canary)
        clear = opened(box)
        assert canary in clear, "the pattern is not in what was recorded: the search would prove nothing"
        image.unmount()
        assert image.hits(needles) == set(), "a secret lies on the disk"
        assert hits_in(tmp_path / "log.txt", needles) == set(), "a secret is in the log"
        check_search_can_fail(image, needles, clear)


def opened(box: Box) -> bytes:
    """All that a custodian gets to see of the first recording."""
    movie = io.BytesIO()
    [first, *_] = box.leaves(LeafType.RECORDING_OPENED)
    identities = read_identity_file(box.custodian.read_text())
    told = open_recording_to(box.vault, str(first.body["recording"]), identities, movie)
    assert told.problems == ()
    return movie.getvalue()


def check_search_can_fail(image: SmallImage, needles: Mapping[str, list[bytes]], clear: bytes) -> None:
    """The clear film and each secret, written as a careless program would, must be found."""
    if image.is_real:
        assert image.mount()
    (image.path / "filler").unlink(missing_ok=True)
    (image.path / "film.mp4").write_bytes(clear)
    for number, (name, found_as) in enumerate(needles.items()):
        if name != "the pattern":
            (image.path / f"secret-{number}").write_bytes(b"x" * 4093 + found_as[0])
    image.unmount()
    assert image.hits(needles) == needles.keys()


# -- memory that could reach a disk --------------------------------------------------------------------


def test_no_process_of_ours_leaves_a_core(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    agent = start(box)
    try:
        wait_for_segments(box, 1)
        processes = processes_of(agent.pid)
        assert len(processes) == 3, "keeper, zygote and one channel"
        for process in processes:
            limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
            [core] = [line.split() for line in limits if line.startswith("Max core file size")]
            assert core[4:6] == ["0", "0"], f"{process.name()} may dump its memory"
        assert stop(agent) == 0
    finally:
        agent.kill()
        agent.wait()


def test_the_service_writes_no_memory_to_a_disk() -> None:
    unit = (ROOT / "systemd" / "edgeward.service").read_text().splitlines()
    assert "LimitCORE=0" in unit
    assert "MemorySwapMax=0" in unit, "pages with keys and pictures could be swapped out"
