"""`edgeward probe onvif://…`: the camera is asked, found in the profiles, measured, and not written to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.main import main
from tests.fakes.onvif_camera import PASSWORD, USER, OnvifCamera, onvif_camera
from tests.fakes.rtsp import rtsp_server


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n", encoding="utf-8")
    path.chmod(0o400)
    return path


@pytest.mark.requires("gst-rtsp-server")
def test_a_camera_is_known_by_what_it_tells(
    password_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.toml"
    spec.write_text('width = 320\nheight = 240\nrate = "25"\n')
    with rtsp_server(user=USER, password=PASSWORD) as server, onvif_camera() as camera:
        camera.stream_uri = server.url
        source = camera.url.replace("http://", "onvif://")
        arguments = ["probe", source, "--username", USER, "--password-file", str(password_file)]
        code = main([*arguments, "--spec", str(spec), "--seconds", "2.5", "--json"])
        assert "SetVideoEncoderConfiguration" not in camera.operations
    out, err = capfd.readouterr()
    assert PASSWORD not in out + err
    assert code == Exit.OK, out + err
    probed = json.loads(out)
    assert probed["device"]["profile"].startswith("hikvision/")
    assert (probed["width"], probed["height"]) == (320, 240)


def test_a_camera_that_does_not_let_us_in(password_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with onvif_camera(OnvifCamera(login="basic")) as camera:
        source = camera.url.replace("http://", "onvif://")
        code = main(["probe", source, "--username", USER, "--password-file", str(password_file)])
    out, err = capfd.readouterr()
    assert code == Exit.INCOMPLETE
    assert "source.unauthorized" in err
    assert PASSWORD not in out + err
