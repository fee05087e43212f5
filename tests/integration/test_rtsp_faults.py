"""Every fault of a camera, over a real RTSP connection to a real agent: judged right, and told over MQTT."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from agent.model.source_settings import SyntheticSettings
from tests.fakes.agents import Box, make_box, running, wait_for_segments
from tests.fakes.rtsp import rtsp_server
from tests.fakes.rtsp_cameras import rtsp_cameras
from tests.integration.rtsp_faults import CASES, play
from tests.integration.test_conforming import opened

AT_S = 25.0


@pytest.mark.requires("mosquitto", "gst-rtsp-server")
def test_each_fault_of_an_rtsp_camera_is_judged_with_its_value_and_told(tmp_path: Path) -> None:
    found = play(tmp_path, CASES, AT_S)
    for case in CASES:
        outcome = found[case.name]
        assert outcome.told_s is not None, f"{case.name}: no alarm"
        if not case.rule:
            continue
        worst = [one for one in outcome.findings if (one["rule"], one["grade"]) == (case.rule, case.grade)]
        assert any(case.measured in one["measured"] for one in worst), f"{case.name}: {worst}"
        assert not any(f"{case.rule}: " in text for text in outcome.early), f"{case.name}: {outcome.early}"


@pytest.mark.requires("gst-rtsp-server")
def test_sound_of_an_rtsp_camera_is_told_and_in_no_recording(tmp_path: Path) -> None:
    with rtsp_server(audio=True) as camera:
        box = make_box(
            tmp_path,
            source=f'kind = "rtsp"\nurl = "{camera.url}"\n',
            spec='width = 320\nheight = 240\nrate = "25"\n',
        )
        with running(box):
            wait_for_segments(box, 2)
    assert any("the source sends audio; it is dropped" in text for text in _alarms(box))
    assert opened(box).audio == 0


@pytest.mark.requires("gst-rtsp-server")
def test_4k_of_an_rtsp_camera_where_1080p_is_allowed_is_told(tmp_path: Path) -> None:
    # Two pictures a second: 4K pictures are dear to paint.
    large = SyntheticSettings(width=3840, height=2160, rate=Fraction(2), gop_s=1.0)
    with rtsp_cameras([large]) as rig:
        box = make_box(
            tmp_path,
            source=f'kind = "rtsp"\nurl = "{rig.urls[0]}"\n',
            spec='width = 1920\nheight = 1080\nrate = "2"\n',
        )
        rig.play()
        with running(box):
            wait_for_segments(box, 2, 60)
    assert any("size: 3840x2160 px, required 1920x1080 px" in text for text in _alarms(box))


def _alarms(box: Box) -> list[str]:
    return [str(leaf.body["text"]) for leaf in box.leaves(LeafType.ALARM_RAISED)]
