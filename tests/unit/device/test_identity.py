"""Who a V4L2 node is, by a sysfs tree as the kernel lays it out."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.device.identity import is_video_node, video_node_facts
from agent.device.profile_match import DeviceFacts
from agent.formats.profile_v1 import Kind


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A USB grabber: the video node links to interface 2-5:1.0, whose parent 2-5 has the ids."""
    usb = tmp_path / "devices/pci0000:00/usb2/2-5"
    interface = usb / "2-5:1.0"
    node = interface / "video4linux/video0"
    node.mkdir(parents=True)
    (usb / "idVendor").write_text("2935\n")
    (usb / "idProduct").write_text("000A\n")
    (node / "name").write_text("USB Capture HDMI: USB Capture H\n")
    (node / "device").symlink_to(interface)
    driver = tmp_path / "bus/usb/drivers/uvcvideo"
    driver.mkdir(parents=True)
    (interface / "driver").symlink_to(driver)
    (tmp_path / "class/video4linux").mkdir(parents=True)
    (tmp_path / "class/video4linux/video0").symlink_to(node)
    return tmp_path


def test_a_usb_grabber_tells_ids_card_and_driver(sysfs: Path) -> None:
    assert video_node_facts(Path("/dev/video0"), sysfs) == DeviceFacts(
        kind=Kind.V4L2, usb="2935:000a", card="USB Capture HDMI: USB Capture H", driver="uvcvideo"
    )


def test_a_device_on_another_bus_has_no_usb_ids(sysfs: Path) -> None:
    platform = sysfs / "devices/platform/vivid.0"
    node = platform / "video4linux/video1"
    node.mkdir(parents=True)
    (node / "name").write_text("vivid-000-vid-cap\n")
    (node / "device").symlink_to(platform)
    driver = sysfs / "bus/platform/drivers/vivid"
    driver.mkdir(parents=True)
    (platform / "driver").symlink_to(driver)
    (sysfs / "class/video4linux/video1").symlink_to(node)
    assert video_node_facts(Path("/dev/video1"), sysfs) == DeviceFacts(
        kind=Kind.V4L2, card="vivid-000-vid-cap", driver="vivid"
    )


def test_a_node_that_the_kernel_does_not_know_tells_nothing(sysfs: Path) -> None:
    assert video_node_facts(Path("/dev/video9"), sysfs) == DeviceFacts(kind=Kind.V4L2)


def test_what_is_a_video_node(tmp_path: Path) -> None:
    (tmp_path / "video0").write_bytes(b"")
    assert not is_video_node(tmp_path / "video0"), "a file of that name"
    assert not is_video_node(Path("/dev/null")), "another character device"
    assert not is_video_node(tmp_path / "video1"), "nothing"
