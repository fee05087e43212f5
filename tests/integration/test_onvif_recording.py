"""The whole agent with an ONVIF camera: set over ONVIF, recorded over RTSP, opened again after an outage."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.formats.ledger_v1 import LeafType
from tests.fakes.agents import make_box, running, wait_for_segments, wait_until
from tests.fakes.onvif_camera import PASSWORD, USER, onvif_camera
from tests.fakes.rtsp import rtsp_server


@pytest.mark.requires("gst-rtsp-server")
def test_it_is_set_and_recorded_and_set_again_after_an_outage(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    secret.chmod(0o400)
    with onvif_camera() as camera:
        source = f'kind = "onvif"\nurl = "{camera.url}"\nusername = "{USER}"\npassword_file = "{secret}"\n'
        box = make_box(tmp_path, source=source, spec='width = 320\nheight = 240\nrate = "25"\n')
        with rtsp_server(user=USER, password=PASSWORD) as server:
            camera.stream_uri = server.url
            with running(box):
                wait_for_segments(box, 2)
                assert camera.operations.count("SetVideoEncoderConfiguration") == 1
                asked = camera.operations.count("GetVideoEncoderConfiguration")
                server.kill()
                wait_until("the alarm", lambda: bool(box.leaves(LeafType.ALARM_RAISED)))
                with rtsp_server(user=USER, password=PASSWORD, port=server.port):
                    before = len(box.leaves(LeafType.SEGMENT))
                    wait_for_segments(box, before + 2, timeout_s=60.0)
        assert camera.operations.count("GetProfiles") >= 2, "it is asked at every open"
        assert camera.operations.count("GetVideoEncoderConfiguration") == asked, "it was right: not written"
    assert box.verify().problems == ()
    texts = [path.read_bytes() for path in box.root.rglob("*") if path.is_file() and path != secret]
    assert not any(PASSWORD.encode() in text for text in texts)
