"""A running stream with a planted face: whatever goes wrong, no sample of the face comes out.

The face is the only red there is (`tests/fakes/face_films.py`); each test looks at every picture
that a player would show.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from agent.deid.boxes import Box
from agent.deid.live import Whole
from agent.deid.text_rules import DeviceText, PartZone
from agent.model.errors import Refuse
from agent.runtime.derivative_handover import Coded, StreamTold
from tests.fakes.derived_films import POLICY, SPEC, Derived, broken, facts_and_packets, handed
from tests.fakes.face_films import (
    NEUTRAL,
    SIDE,
    SIZE,
    Place,
    RedDetector,
    late,
    most_red,
    policy,
    walking,
    write_film,
)

FRAMES = 60
FAR_BEHIND_NS = 2_000_000_000


# The device writes its clock into the left upper corner.
CLOCK = DeviceText(
    profile="maker/model",
    recognised=True,
    zones=(PartZone(Fraction(0), Fraction(0), Fraction(1, 4), Fraction(1, 6)),),
)
FINDS_TEXT = policy(POLICY.replace('text = false\ntext_absent = "drawn by a test"', "text = true"))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[StreamTold, list[Coded]]:
    return facts_and_packets(handed(write_film(tmp_path_factory.mktemp("films") / "film.mp4")))


Film = tuple[StreamTold, list[Coded]]


def assert_no_face(derived: Derived) -> None:
    assert all(most_red(packed) < NEUTRAL for packed in derived.pictures())


def whole(derived: Derived) -> set[Whole]:
    return {one.whole for one in derived.masked if one.whole is not None}


def is_filled(packed: NDArray[np.uint8]) -> bool:
    """Black from edge to edge, as far as a codec keeps it."""
    return int(packed[: SIZE[1]].max()) < 40


def test_the_film_itself_shows_its_face(film: Film) -> None:
    class Blind(RedDetector):
        def find(self, rgb: NDArray[np.uint8]) -> tuple[()]:
            return ()

    told, packets = film
    shown = Derived(told, Blind()).take(packets).pictures()
    assert max(most_red(packed) for packed in shown) > NEUTRAL


def test_no_sample_of_the_face_comes_out_and_the_rest_stays(film: Film) -> None:
    told, packets = film
    derived = Derived(told, RedDetector()).take(packets)
    assert_no_face(derived)
    shown = derived.pictures()
    assert len(shown) == FRAMES and not any(is_filled(packed) for packed in shown[2:-2])
    for number in range(10, 50):
        left, top = walking(number)
        assert shown[number][top : top + SIDE, left : left + SIDE].max() < 40
        assert shown[number][: SIZE[1]].max() > 150
    assert [made.captured.pts for made in derived.made] == sorted(packet.pts for packet in packets)


def test_arrivals_are_those_of_the_original(film: Film) -> None:
    told, packets = film
    derived = Derived(told, RedDetector()).take(packets)
    arrived = {packet.pts: packet.arrived_ns for packet in packets}
    assert all(made.captured.arrived_ns == arrived[made.captured.pts] for made in derived.made)
    assert derived.made[0].captured.is_key


def test_until_a_face_was_found_pictures_are_filled_for_the_first_second(tmp_path: Path) -> None:
    told, packets = facts_and_packets(handed(write_film(tmp_path / "late.mp4", late)))
    derived = Derived(told, RedDetector()).take(packets)
    shown = derived.pictures()
    assert all(is_filled(packed) for packed in shown[:25]) and not is_filled(shown[26])
    assert_no_face(derived)


@pytest.mark.parametrize(
    ("calls", "wholly"),
    [(range(1000), True), (range(8, 12), False), ((0,), False), ((15,), False)],
    ids=["always", "some", "first", "one"],
)
def test_a_detector_that_raises_costs_whole_pictures(film: Film, calls: list[int], wholly: bool) -> None:
    told, packets = film
    derived = Derived(told, RedDetector(broken=list(calls))).take(packets)
    assert_no_face(derived)
    filled = [is_filled(packed) for packed in derived.pictures()]
    assert any(filled) and all(filled) is wholly
    assert derived.tally.take().failed == min(len(list(calls)), FRAMES // 2)


def test_a_detector_that_breaks_unforeseen_ends_the_stream_with_nothing_unmasked(film: Film) -> None:
    told, packets = film
    derived = Derived(told, RedDetector(broken=[9], error=RuntimeError("a defect")))
    with pytest.raises(RuntimeError):
        derived.take(packets)
    assert_no_face(derived)


@pytest.mark.parametrize("hit", [(5,), (5, 6, 7), (20,), tuple(range(3, 55))], ids=str)
def test_packets_that_cannot_be_decoded_are_whole_pictures_until_the_next_key_frame(
    film: Film, hit: tuple[int, ...]
) -> None:
    told, packets = film
    changed = [broken(one) if number in hit else one for number, one in enumerate(packets)]
    derived = Derived(told, RedDetector()).take(changed)
    assert_no_face(derived)
    assert Whole.PICTURE in whole(derived)


def test_noise_instead_of_packets_gives_no_picture_of_anything(film: Film) -> None:
    told, packets = film
    noise = np.random.default_rng(7)
    changed = [replace(one, data=noise.bytes(len(one.data))) for one in packets]
    derived = Derived(told, RedDetector()).take(changed)
    assert derived.made == []
    assert derived.tally.take().dropped == FRAMES


def test_a_group_that_is_missing_is_a_new_beginning(film: Film) -> None:
    told, packets = film
    keys = [number for number, one in enumerate(packets) if one.is_key]
    derived = Derived(told, RedDetector())
    derived.take(packets[: keys[1]], drain=False).missed()
    assert len(derived.made) == keys[1]
    assert derived.masked[-1].whole is Whole.END  # nobody has looked at what came after it
    derived.take(packets[keys[2] :])
    assert_no_face(derived)
    assert len(derived.made) == FRAMES - (keys[2] - keys[1])


def test_what_hangs_on_a_missing_key_frame_is_dropped_and_counted(film: Film) -> None:
    told, packets = film
    keys = [number for number, one in enumerate(packets) if one.is_key]
    derived = Derived(told, RedDetector()).take(packets[1:])
    assert len(derived.made) == FRAMES - keys[1]
    assert derived.tally.take().dropped == keys[1] - 1
    assert_no_face(derived)


def test_what_the_tap_left_out_while_it_was_followed_is_counted(film: Film) -> None:
    told, packets = film
    before = [replace(one, left_out=70) for one in packets[:20]]
    after = [replace(one, left_out=77) for one in packets[20:]]
    derived = Derived(told, RedDetector()).take([*before, *after])
    assert derived.tally.take().dropped == 7


def after(first: list[Coded], then: list[Coded]) -> list[Coded]:
    """Both, one behind the other in time."""
    shift = first[-1].pts + first[1].pts - first[0].pts - then[0].pts
    return [*first, *(replace(one, pts=one.pts + shift, dts=one.dts + shift) for one in then)]


def test_another_size_in_the_middle_begins_anew(tmp_path: Path) -> None:
    def standing(_number: int) -> Place:
        return (300, 150)

    large = (402, 242)
    # As a camera sends it: parameter sets in front of each key frame.
    told, packets = facts_and_packets(handed(write_film(tmp_path / "small.h264")))
    _, larger = facts_and_packets(handed(write_film(tmp_path / "large.h264", standing, size=large)))
    spec = replace(SPEC, width=large[0], height=large[1])
    derived = Derived(told, RedDetector(), spec=spec).take(after(packets, larger))
    assert_no_face(derived)
    begun = [made.captured for made in derived.made if made.captured.begins]
    assert len(begun) == 1 and begun[0].is_key
    shapes = [packed.shape for packed in derived.pictures()]
    assert set(shapes) == {(SIZE[1] * 3 // 2, SIZE[0]), (large[1] * 3 // 2, large[0])}
    assert len(shapes) == 2 * FRAMES
    assert Whole.END in whole(derived)


def write_odd_film(path: Path) -> Path:
    """One picture of 321x181 pixels in 4:4:4, where that can be."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 321, 181, "yuv444p"
        frame = VideoFrame.from_ndarray(np.full((3, 181, 321), 128, np.uint8), format="yuv444p")
        for packet in (*video.encode(frame), *video.encode(None)):
            container.mux(packet)
    return path


def test_pictures_with_an_odd_side_are_refused(tmp_path: Path) -> None:
    told, packets = facts_and_packets(handed(write_odd_film(tmp_path / "odd.mp4")))
    with pytest.raises(Refuse) as caught:
        Derived(told, RedDetector()).take(packets)
    assert caught.value.code == "deid.size"


def test_more_pixels_than_the_plan_allows_are_reduced_after_masking(tmp_path: Path) -> None:
    told, packets = facts_and_packets(handed(write_film(tmp_path / "film.mp4")))
    half = replace(SPEC, width=SIZE[0] // 2, height=SIZE[1] // 2)
    derived = Derived(told, RedDetector(), spec=half).take(packets)
    assert_no_face(derived)
    assert {packed.shape[1] for packed in derived.pictures()} == {SIZE[0] // 2 - SIZE[0] // 2 % 2}


@pytest.mark.parametrize(
    "device",
    [
        None,
        DeviceText(profile="generic/generic-rtsp", recognised=False, zones=()),
        DeviceText(profile="maker/model", recognised=True, zones=None),
    ],
    ids=["no-profile", "not-recognised", "profile-does-not-know"],
)
def test_where_nobody_knows_the_devices_text_every_picture_is_filled_and_none_is_looked_at(
    film: Film, device: DeviceText | None
) -> None:
    told, packets = film
    detector = RedDetector()
    derived = Derived(told, detector, chosen=FINDS_TEXT, device=device).take(packets)
    assert all(is_filled(packed) for packed in derived.pictures())
    assert len(derived.made) == FRAMES and whole(derived) == {Whole.DEVICE} and detector.calls == 0


def test_the_zones_of_device_and_policy_are_filled(film: Film) -> None:
    told, packets = film
    zone = '\n[[zone]]\nx = "3/4"\ny = "0"\nwidth = "1/4"\nheight = "1/6"\n'
    chosen = policy(POLICY.replace('text_absent = "drawn by a test"\n', "") + zone)
    derived = Derived(told, RedDetector(), chosen=chosen, device=CLOCK).take(packets)
    assert_no_face(derived)
    for packed in derived.pictures():
        assert packed[:28, :76].max() < 40 and packed[:28, 246:].max() < 40
    assert derived.pictures()[30][:28, 100:220].max() > 100


def test_text_that_is_in_doubt_costs_the_whole_picture(film: Film) -> None:
    class Watch:
        def look(self, number: int, picture: object) -> None:
            assert picture is not None

        def boxes(self, number: int) -> tuple[Box, ...] | None:
            return None if number < 30 else (Box(0, 0, 80, 30),)

    told, packets = film
    derived = Derived(told, RedDetector(), chosen=FINDS_TEXT, device=CLOCK, watch=Watch()).take(packets)
    shown = derived.pictures()
    assert [is_filled(packed) for packed in shown[:-2]] == [True] * 30 + [False] * (FRAMES - 32)
    assert all(packed[:28, :78].max() < 40 for packed in shown)
    assert_no_face(derived)


@pytest.mark.parametrize(
    ("late_ns", "shown"), [(0, 60), (400_000_000, 30), (900_000_000, 15), (FAR_BEHIND_NS, 0)], ids=str
)
def test_overload_leaves_pictures_out_and_counts_them(film: Film, late_ns: int, shown: int) -> None:
    told, packets = film
    derived = Derived(told, RedDetector()).take(packets, late_ns)
    counts = derived.tally.take()
    assert (counts.seen, counts.dropped) == (shown, FRAMES - shown)
    assert_no_face(derived)


def test_after_an_overload_it_goes_on_at_a_key_frame(film: Film) -> None:
    told, packets = film
    hold_up = range(25, 30)
    numbers = {id(one): number for number, one in enumerate(packets)}
    derived = Derived(told, RedDetector()).take(
        packets, lambda one: FAR_BEHIND_NS if numbers[id(one)] in hold_up else 0
    )
    assert_no_face(derived)
    counts = derived.tally.take()
    assert counts.seen + counts.dropped == FRAMES
    keys = [number for number, one in enumerate(packets) if one.is_key]
    assert counts.dropped == keys[2] - 25


def test_a_mosaic_comes_out_of_the_live_track_too(film: Film) -> None:
    told, packets = film
    chosen = policy(POLICY.replace('"fill"', '"mosaic"'))
    derived = Derived(told, RedDetector(), chosen=chosen).take(packets)
    left, top = walking(30)
    packed = derived.pictures()[30][top : top + SIDE, left : left + SIDE].astype(int)
    assert np.median(np.abs(np.diff(packed, axis=1))) <= 1
