"""Every fault of a camera, over a real RTSP connection to a real agent: judged right, and told over MQTT."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.rtsp_faults import CASES, play

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
