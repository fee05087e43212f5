"""`edgeward discover`: what is listed of the devices of a machine, and of what cameras answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.cli.verbs.discover import Device, cameras, capture_devices, lines, nodes
from agent.device.onvif_discovery import Found
from agent.device.profiles import load_profiles


def a_dev(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /dev with a grabber of two nodes, a bare node, and something that is no video device."""
    by_path = root / "v4l" / "by-path"
    by_path.mkdir(parents=True)
    for name in ("video0", "video1", "video2", "video10", "videotext"):
        (root / name).touch()
    for number, name in ((0, "pci-0-usb-0:1:1.0-video-index0"), (1, "pci-0-usb-0:1:1.0-video-index1")):
        (by_path / name).symlink_to(root / f"video{number}")
    monkeypatch.setattr(
        "agent.cli.verbs.discover.is_video_node", lambda path: path.resolve().name != "video10"
    )
    return root


def test_each_device_is_listed_once_by_its_stable_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev = a_dev(tmp_path, monkeypatch)
    found = [path.relative_to(dev).as_posix() for path in nodes(dev)]
    assert found == ["v4l/by-path/pci-0-usb-0:1:1.0-video-index0", "video2"]


def test_a_node_that_no_profile_knows_is_of_no_known_model(tmp_path: Path) -> None:
    [device] = capture_devices(load_profiles().profiles, [tmp_path / "video7"])
    assert device == Device(source=str(tmp_path / "video7"), name="a video device", profile=None)


def test_a_camera_is_named_as_probe_takes_it() -> None:
    found = Found(
        host="192.0.2.7",
        addresses=("http://192.0.2.7/onvif/device_service", "https://192.0.2.7/onvif/device_service"),
        name="Ward 3",
        hardware="SIM-1",
    )
    silent = Found(host="192.0.2.8", addresses=("http://192.0.2.8/x",), name=None, hardware=None)
    table = lines(cameras([found, silent]))
    assert table == [
        "onvif://192.0.2.7/onvif/device_service  Ward 3 SIM-1  -",
        "https://192.0.2.7/onvif/device_service  Ward 3 SIM-1  -",
        "onvif://192.0.2.8/x                     a camera  -",
    ]


def test_where_there_is_nothing_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("agent.cli.verbs.discover.nodes", lambda _dev: [])
    assert main(["discover", "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out) == []
    assert "nothing was found" in told.err


def test_an_address_of_another_machine_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["discover", "--interface", "192.0.2.1"]) != 0
    assert "discovery.interface" in capsys.readouterr().err
