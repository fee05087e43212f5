"""A film that carries everything a film can say besides its pictures, and not a byte of it in the copy.

Planted: tags of container and stream, the place of recording (`udta`, `©xyz`), a subtitle track, an attached
file, sound, and in the video itself SEI of both kinds of user data: unregistered (type 5) and, as captions
are, registered (type 4, ITU-T T.35). Each holds a word of its own: in the film, and not in the copy.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from agent.deid.offline import deidentify
from tests.fakes.face_films import SIZE, RedDetector, picture, policy, samples, walking

TAG, PLACE, SUBTITLE = "ZHANG-SAN-4711", "+31.2304+121.4737", "SUBTITLE-WANG-WU"
UNREGISTERED, CAPTION, ATTACHED = "SEI-ZHAO-LIU", "CAPTION-SUN-QI", "ATTACHED-ZHOU-BA"
# MOV holds places, Matroska subtitles and attached files.
WORDS = {"mov": (TAG, UNREGISTERED, CAPTION, PLACE), "mkv": (TAG, UNREGISTERED, CAPTION, SUBTITLE, ATTACHED)}
STREAMS = {"mov": ["audio", "video"], "mkv": ["attachment", "audio", "subtitle", "video"]}
_ESCAPED_ZEROS = b"\x00\x00"


def sei(kind: int, payload: bytes) -> bytes:
    """One SEI unit (ISO/IEC 14496-10, 7.3.2.3) with its length before it, as MP4 has it."""
    unit = bytes([6, kind, len(payload)]) + payload + b"\x80"
    assert _ESCAPED_ZEROS not in unit
    assert len(payload) < 255
    return len(unit).to_bytes(4, "big") + unit


USER_DATA = sei(5, bytes(range(1, 17)) + UNREGISTERED.encode())
# Country code of the USA, provider ATSC, user identifier GA94 (ATSC A/53 part 4, 6.2.3).
CAPTIONS = sei(4, b"\xb5\x00\x31GA94\x03" + CAPTION.encode())


def write_talkative_film(path: Path) -> Path:
    options = {"preset": "ultrafast", "crf": "18", "x264-params": "keyint=20:min-keyint=20:scenecut=0"}
    written = path.with_suffix(".srt")
    written.write_text(f"1\n00:00:00,000 --> 00:00:01,000\n{SUBTITLE}\n", encoding="utf-8")
    with av.open(str(path), "w") as container, av.open(str(written)) as subtitles:
        container.metadata.update({"title": TAG, "artist": TAG, "comment": TAG, "location": PLACE})
        container.metadata["creation_time"] = "2026-05-04T08:09:10Z"
        video = container.add_stream("libx264", rate=25, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.metadata["title"] = TAG
        sound = container.add_stream("aac", rate=48000)
        words = None
        if path.suffix == ".mkv":
            words = container.add_stream_from_template(subtitles.streams.subtitles[0])
            container.add_attachment("name.txt", "text/plain", ATTACHED.encode())
        for number in range(40):
            container.mux([talkative(one) for one in video.encode(picture(number, walking(number)))])
        container.mux([talkative(one) for one in video.encode(None)])
        noise = np.random.default_rng(1).normal(0, 0.1, (1, 48000)).astype(np.float32)
        heard = AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
        heard.sample_rate, heard.pts = 48000, 0
        container.mux(sound.encode(heard))
        container.mux(sound.encode(None))
        for said in subtitles.demux() if words is not None else ():
            if said.dts is not None and words is not None:
                said.stream = words
                container.mux(said)
    return path


def talkative(packet: Packet[VideoStream]) -> Packet[Stream]:
    """The same picture with both kinds of user data before it; the encoder gives start codes."""
    data = bytes(packet)
    spoken = b"".join(b"\x00\x00\x00\x01" + unit[4:] for unit in (USER_DATA, CAPTIONS))
    new = Packet(spoken + data)
    new.stream, new.time_base = packet.stream, packet.time_base
    new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
    new.is_keyframe = packet.is_keyframe
    return new


@pytest.fixture(scope="module", params=["mov", "mkv"])
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_talkative_film(tmp_path_factory.mktemp("films") / f"film.{request.param}")


@pytest.fixture(scope="module")
def copy(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("copies") / "out.mp4"
    deidentify(film, output, policy(), RedDetector())
    return output


def test_every_planted_word_is_in_the_film_and_none_in_the_copy(film: Path, copy: Path) -> None:
    for word in WORDS[film.suffix[1:]]:
        assert word.encode() in film.read_bytes(), word
        assert word.encode() not in copy.read_bytes(), word


def test_the_film_has_all_streams_and_the_copy_one(film: Path, copy: Path) -> None:
    with av.open(str(film)) as container:
        assert sorted(stream.type for stream in container.streams) == STREAMS[film.suffix[1:]]
        assert TAG in container.metadata.values()
    with av.open(str(copy)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
        assert set(container.streams.video[0].metadata) <= {"language", "handler_name", "vendor_id"}
    assert len(samples(copy)) == 40


def test_the_copy_has_no_box_for_user_data_and_no_time(copy: Path) -> None:
    """`udta` and `meta` hold tags and places; movie, track and media headers hold times of recording."""
    data = copy.read_bytes()
    for kind in (b"\xa9xyz", b"loci", b"uuid", b"chap", b"soun", b"sbtl", b"\xa9nam", b"\xa9too"):
        assert kind not in data
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        place = data.index(kind) + 4
        assert data[place] == 0  # version 0: two times of 32 bits follow the flags
        assert data[place + 4 : place + 12] == bytes(8)


def test_decoded_pictures_of_the_copy_have_nothing_beside_them(film: Path, copy: Path) -> None:
    assert {"SEI_UNREGISTERED"} <= beside(film)
    assert beside(copy) == set()


def beside(path: Path) -> set[str]:
    with av.open(str(path)) as container:
        # PyAV's types call the kind of side data a number.
        return {data.type.name for frame in container.decode(video=0) for data in frame.side_data}  # type: ignore[attr-defined]
