"""What each purpose of STD 8.2 demands: accepted runs, refused runs, and what the film then holds."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from agent.deid.boxes import Area
from agent.deid.detector_profiles import detector_profile
from agent.deid.models import FACES
from agent.deid.offline import Done, deidentify
from agent.deid.policy import check_can_be_done, track_settings
from agent.deid.purposes import (
    PURPOSES_LIVE,
    Window,
    check_approver,
    check_live,
    check_run,
    field_of,
    keeps_times,
    random_id,
)
from agent.deid.report import RunFacts, report_of
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.formats.deid_report_v1 import encode
from agent.model.errors import Refuse
from tests.fakes.face_films import NEUTRAL, POLICY, SIZE, RedDetector, most_red, policy, samples, write_film

STUDY = """
[study]
reference = "EC-2026-41"
longest_s = 1.5

[study.field]
x = "1/8"
y = "1/4"
width = "1/2"
height = "1/2"
"""
EDUCATION = '\n[education]\nhands = "all wear gloves"\n'
ASSIST = (
    '\n[assist]\nofficers = ["age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", '
    '"age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm"]\n'
)
TABLES = {"general": "", "education": EDUCATION, "research": STUDY, "newtech": STUDY, "assist": ASSIST}


def window(start: str, end: str) -> Window:
    return Window(start_s=Fraction(start), end_s=Fraction(end))


SECOND = window("0.4", "1.4")


def for_purpose(purpose: str) -> DeidPolicy:
    return policy(POLICY.replace('"general"', f'"{purpose}"') + TABLES[purpose])


def refusal(purpose: str, window: Window | None, *, linked: bool) -> str:
    with pytest.raises(Refuse) as caught:
        check_run(for_purpose(purpose), window, linked=linked)
    return caught.value.code


@pytest.mark.parametrize(
    ("purpose", "window", "linked"),
    [
        ("general", None, False), ("education", None, False), ("research", SECOND, False),
        ("newtech", SECOND, False), ("assist", None, True),
        ("research", window("0", "1.5"), False),
    ],
)  # fmt: skip
def test_a_run_that_fits_its_purpose(purpose: str, window: Window | None, linked: bool) -> None:
    check_run(for_purpose(purpose), window, linked=linked)


@pytest.mark.parametrize(
    ("purpose", "window", "linked", "code"),
    [
        ("general", SECOND, False, "deid.window"), ("general", None, True, "deid.link"),
        ("education", None, True, "deid.link"), ("education", SECOND, False, "deid.window"),
        ("research", None, False, "deid.window"), ("research", SECOND, True, "deid.link"),
        ("research", window("0", "1.6"), False, "deid.window"),
        ("research", window("1", "1"), False, "deid.window"),
        ("research", window("-1", "0"), False, "deid.window"),
        ("newtech", None, False, "deid.window"), ("newtech", SECOND, True, "deid.link"),
        ("assist", None, False, "deid.link"), ("assist", SECOND, True, "deid.window"),
    ],
)  # fmt: skip
def test_a_run_that_does_not(purpose: str, window: Window | None, linked: bool, code: str) -> None:
    assert refusal(purpose, window, linked=linked) == code


@pytest.mark.parametrize(
    "user", ["data protection officer", "Data Protection Officer", " data  protection officer".strip(),
             "ｄａｔａ protection officer"],
)  # fmt: skip
def test_a_user_can_not_approve(user: str) -> None:
    """STD 8.2 f, whatever the spelling."""
    wrong = policy(POLICY.replace('"teaching staff"', f'"somebody", "{user}"'))
    with pytest.raises(Refuse) as caught:
        check_can_be_done(wrong)
    assert caught.value.code == "deid.approver-is-user"


def test_neither_can_who_signs() -> None:
    check_approver(policy(), "dpo")
    with pytest.raises(Refuse) as caught:
        check_approver(policy(), "Teaching Staff")
    assert caught.value.code == "deid.approver-is-user"


@pytest.mark.parametrize("purpose", sorted(TABLES))
def test_live_serves_what_needs_no_film(purpose: str) -> None:
    if purpose in PURPOSES_LIVE:
        check_live(for_purpose(purpose))
    else:
        with pytest.raises(Refuse) as caught:
            check_live(for_purpose(purpose))
        assert caught.value.code == "deid.purpose"


def test_for_education_masks_reach_over_the_ears() -> None:
    profile = detector_profile("careful")
    wide = track_settings(for_purpose("education"), profile, Fraction(25))
    usual = track_settings(for_purpose("general"), profile, Fraction(25))
    assert (wide.dilation, usual.dilation) == (1.8, profile.dilation)


def test_a_field_lies_inwards_on_even_pixels() -> None:
    assert field_of(for_purpose("general"), SIZE) is None
    assert field_of(for_purpose("research"), SIZE) == Area(42, 46, 200, 136)
    with pytest.raises(Refuse) as caught:
        field_of(for_purpose("research"), (62, 62))
    assert caught.value.code == "deid.field"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4", audio=True)


def run(film: Path, output: Path, purpose: str, window: Window | None = SECOND) -> Done:
    return deidentify(film, output, for_purpose(purpose), RedDetector(), window=window)


@pytest.mark.parametrize("purpose", ["research", "newtech"])
def test_a_study_keeps_its_field_and_its_window_only(purpose: str, film: Path, tmp_path: Path) -> None:
    done = run(film, tmp_path / "out.mp4", purpose)
    assert (done.frames, done.outside, done.size) == (25, 35, (158, 90))
    with av.open(str(tmp_path / "out.mp4")) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == (158, 90)
        frames = list(container.decode(video))
    assert [frame.time for frame in frames] == [pytest.approx(number / 25) for number in range(25)]
    original = samples(film)
    for number, frame in enumerate(frames):
        packed = frame.to_ndarray(format="yuv420p").astype(np.uint8)
        assert most_red(packed) < NEUTRAL
        # A corner of the field that no face comes near shows frame 10 and those after it.
        part, whole = packed[70:90, :20].astype(int), original[number + 10][116:136, 42:62].astype(int)
        assert abs(part - whole).mean() < 4


def test_a_window_in_which_no_picture_lies(film: Path, tmp_path: Path) -> None:
    with pytest.raises(Refuse) as caught:
        run(film, tmp_path / "out.mp4", "research", window("10", "11"))
    assert caught.value.code == "deid.window"
    assert list(tmp_path.iterdir()) == []


def test_new_technology_gets_even_times_so_that_no_camera_can_be_told(tmp_path: Path) -> None:
    """The film's pictures come 3, 5, 4, 4 … ticks apart: a camera's own unrest."""
    assert keeps_times(for_purpose("research"))
    assert not keeps_times(for_purpose("newtech"))
    film = uneven(write_film(tmp_path / "film.mp4"), tmp_path / "uneven.mkv")
    for purpose, even in (("research", False), ("newtech", True)):
        output = tmp_path / f"{purpose}.mp4"
        run(film, output, purpose, window("0", "1.4"))
        with av.open(str(output)) as container:
            times = [frame.time for frame in container.decode(video=0)]
        steps = {round(later - before, 3) for before, later in pairwise(times)}
        assert (len(steps) == 1) is even
        assert times[0] == 0


def uneven(source: Path, target: Path) -> Path:
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.dts is None or packet.pts is None:
                continue
            moved = Fraction(packet.pts) * packet.time_base + Fraction(1, 200) * (number % 2)
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = round(moved * 1000)
            packet.stream = stream
            new.mux(packet)
    return target


def facts(link_hash: str | None = None) -> RunFacts:
    return RunFacts(
        id=random_id(bytes(range(16))), policy_hash="0" * 64, signed_by=None, device=None,
        link_hash=link_hash, models=(FACES,),
    )  # fmt: skip


def test_reports_say_what_the_purpose_keeps(film: Path, tmp_path: Path) -> None:
    done = run(film, tmp_path / "out.mp4", "research")
    report = report_of(done, for_purpose("research"), facts())
    assert report.study is not None
    assert (report.study.reference, report.study.field) == ("EC-2026-41", (42, 46, 200, 136))
    assert (report.width, report.height, report.frames.written) == (158, 90, 25)
    assert (report.faces.asked, report.faces.boxes_per_second) == (8, (1,))
    education = report_of(replace(done), for_purpose("education"), facts())
    assert any("all wear gloves" in line for line in education.limits)
    assist = report_of(done, for_purpose("assist"), facts("d" * 64))
    assert assist.link_sha256 == "d" * 64


def test_a_report_for_new_technology_holds_no_way_back(film: Path, tmp_path: Path) -> None:
    """Two runs on films of other lengths, other sound and other damage tell the same but for hash and id."""
    other = write_film(tmp_path / "other.mp4", frames=75)
    reports = []
    for number, source in enumerate((film, other)):
        done = run(source, tmp_path / f"{number}.mp4", "newtech")
        text = json.loads(encode(report_of(done, for_purpose("newtech"), facts())))
        assert text.pop("output_sha256")
        reports.append(text)
    assert reports[0] == reports[1]
    assert reports[0]["text"]["asked"] is None
    assert reports[0]["link_sha256"] is None


def test_ids_are_random_and_say_no_time() -> None:
    text = random_id(bytes(16))
    assert text == "00000000-0000-4000-8000-000000000000"
    assert random_id(b"\xff" * 16) == "ffffffff-ffff-4fff-bfff-ffffffffffff"
    with pytest.raises(ValueError, match="sixteen"):
        random_id(bytes(15))
