"""`kind = "v4l2"` from the configuration file to the settings that the driver gets."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from agent.device.v4l2_identity import UsbTexts, usb_texts
from agent.formats.config_v1 import AgentConfig, parse
from agent.model.source_settings import V4l2Settings
from agent.runtime.load_config import source_settings

FILE = """
[box]
id = "box-1"
[custodians]
recipients = ["age1x"]
[[channel]]
id = "ch0"
category = "dt"
purpose = "test"
lawful_basis = "test"
[channel.source]
kind = "v4l2"
{source}
[channel.spec]
width = 1920
height = 1080
rate = "25"
"""


def test_the_settings_of_a_capture_device() -> None:
    config = parse(FILE.format(source='device = "/dev/v4l/by-path/pci-1-usb-2"\ninput = 1'))
    assert isinstance(config, AgentConfig)
    settings = source_settings(config.channel[0])
    assert isinstance(settings, V4l2Settings)
    assert (settings.device, settings.input) == ("/dev/v4l/by-path/pci-1-usb-2", 1)
    assert settings.spec is not None
    assert (settings.spec.width, settings.spec.rate) == (1920, Fraction(25))


@pytest.mark.parametrize(
    ("source", "key", "words"),
    [
        ("", "channel.0.source.device", "missing"),
        ('device = "video0"', "channel.0.source.device", "/dev/"),
        ('device = "/dev/../etc/passwd"', "channel.0.source.device", "/dev/"),
        ('device = "/dev/video0"\ninput = -1', "channel.0.source.input", "greater than or equal to 0"),
        ('device = "/dev/video0"\ndevices = "x"', "channel.0.source.devices", "did you mean 'device'"),
    ],
    ids=["no-device", "not-below-dev", "out-of-dev", "negative-input", "misspelt"],
)
def test_wrong_settings_are_told_with_their_key(source: str, key: str, words: str) -> None:
    problems = parse(FILE.format(source=source))
    assert isinstance(problems, tuple)
    assert [problem.key for problem in problems] == [key]
    assert words in problems[0].text


def test_the_texts_of_a_usb_device(tmp_path: Path) -> None:
    device = tmp_path / "devices/usb1/1-4"
    (device / "1-4:1.0").mkdir(parents=True)
    for name, text in (
        ("idVendor", "1234"),
        ("manufacturer", "Maker\n"),
        ("serial", "A\x0017\n"),
        ("bcdDevice", "0211\n"),
    ):
        (device / name).write_text(text)
    place = tmp_path / "class/video4linux/video7"
    place.mkdir(parents=True)
    (place / "device").symlink_to(device / "1-4:1.0")
    assert usb_texts(Path("/dev/video7"), tmp_path) == UsbTexts(
        manufacturer="Maker", serial="A 17", release="0211"
    )


def test_what_is_no_usb_device_has_no_texts(tmp_path: Path) -> None:
    assert usb_texts(Path("/dev/video7"), tmp_path) == UsbTexts()
