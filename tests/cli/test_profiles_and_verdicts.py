"""`edgeward profiles` and `edgeward probe --spec`: what a technician reads, and a script's exit codes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from agent.cli.main import main
from agent.device.drivers import open_source
from agent.device.profiles import INSTALLED
from agent.model.errors import Retry
from agent.model.media import Captured
from agent.model.ports.source import Source
from tests.fakes.clips import write_clip

HIKVISION = ("--manufacturer", "HIKVISION", "--model", "DS-2CD2032F-I")


class Told:
    """Runs the program in this process and keeps what it says."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys)


def spec(tmp_path: Path, **changed: object) -> str:
    keys: dict[str, object] = {"width": 320, "height": 240, "rate": "25"} | changed
    path = tmp_path / "spec.toml"
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
    return str(path)


def test_the_shipped_profiles_are_good(told: Told) -> None:
    code, out, err = told("profiles", "check")
    assert (code, err) == (Exit.OK, "")
    assert re.fullmatch(r".*/firmware-profiles: good, \d+ profiles\n", out)


def test_check_tells_every_problem_with_its_line(told: Told, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(INSTALLED, tmp_path / "set"))
    path = broken / "bosch/ip-camera.toml"
    path.write_text(
        path.read_text().replace("level = 4", "level = 1").replace('kind = "onvif"', 'kind = "x"')
    )
    code, out, err = told("profiles", "check", str(broken))
    assert (code, out) == (Exit.CONFIG, "")
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{path}:4: kind: ")
    assert re.match(rf"{path}:\d+: plan\.level: ", lines[1])
    code, _, err = told("profiles", "list", "--dir", str(broken))
    assert code == Exit.FAILED
    assert "[profiles.broken]" in err


def test_list_and_show_say_what_was_not_tried(told: Told) -> None:
    code, out, _ = told("profiles", "list")
    assert code == Exit.OK
    assert re.search(
        r"^elgato/cam-link-4k +v4l2 +model +Elgato Cam Link 4K +\(not tried on hardware\)$", out, re.M
    )
    code, out, _ = told("profiles", "list", "--json")
    assert any(row["id"] == "generic/vivid" for row in json.loads(out))
    code, out, _ = told("profiles", "show", "elgato/cam-link-4k")
    assert code == Exit.OK
    for part in ("not tried on hardware", "stalls-at-start", "[stall-patch] https://lore.kernel.org/"):
        assert part in out
    code, _, err = told("profiles", "show", "acme/none")
    assert code == Exit.FAILED
    assert "[profiles.none]" in err


def test_match_of_a_known_grabber(told: Told) -> None:
    code, out, _ = told("profiles", "match", "--usb", "2935:0006")
    assert code == Exit.OK
    assert out.splitlines()[:3] == [
        "profile: magewell/usb-capture-hdmi (Magewell USB Capture HDMI)",
        "because: usb '2935:0006'",
        "  trust: known",
    ]


def test_match_of_an_unknown_grabber_is_an_alarm(told: Told) -> None:
    code, out, _ = told("profiles", "match", "--usb", "0000:0001", "--json")
    assert code == Exit.FAILED
    found = json.loads(out)
    assert (found["profile"], found["trust"]) == ("generic/generic-uvc", "unknown-device")
    assert found["alarm"]["code"] == "device.unknown"
    assert found["deidentification_possible"] is False


@pytest.mark.parametrize(
    ("firmware", "code", "statuses"),
    [
        ("V5.4.0 build 160530", Exit.FAILED, ["below-floor", "below-floor"]),
        ("V5.7.3 build 220112", Exit.OK, []),
        (None, Exit.FAILED, ["not-told", "not-told"]),
    ],
)
def test_match_of_a_camera_tells_its_firmware(
    told: Told, firmware: str | None, code: int, statuses: list[str]
) -> None:
    version = () if firmware is None else ("--firmware", firmware)
    found, out, _ = told("profiles", "match", *HIKVISION, *version, "--json")
    assert found == code
    assert [one["status"] for one in json.loads(out)["firmware"]] == statuses
    _, out, _ = told("profiles", "match", *HIKVISION, *version)
    assert out.count("FIRMWARE") == len(statuses)


@pytest.mark.parametrize("usb", ["2935", "2935:xyz1", "29350006"])
def test_ids_that_are_none(told: Told, usb: str) -> None:
    code, _, err = told("profiles", "match", "--usb", usb)
    assert code == Exit.USAGE
    assert "two times four hex digits" in err


def test_probe_of_a_conforming_file(told: Told, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=75)
    code, out, _ = told("probe", str(clip), "--spec", spec(tmp_path))
    assert code == Exit.OK
    assert re.search(r"^size +320x240 px +320x240 px +conforming$", out, re.M)
    assert "\nVERDICT   conforming\nNOTE      the spec allows faults of the picture for up to 30 s" in out
    code, out, _ = told("probe", str(clip), "--spec", spec(tmp_path), "--seconds", "31")
    assert (code, out.endswith("VERDICT   conforming\n")) == (Exit.OK, True)


def test_probe_of_a_file_that_does_not_conform(told: Told, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=75)
    code, out, _ = told("probe", str(clip), "--spec", spec(tmp_path, width=640, rate="30"), "--json")
    assert code == Exit.FAILED
    verdict = json.loads(out)["verdict"]
    assert verdict["grade"] == "nonconforming"
    grades = {one["rule"]: (one["grade"], one["measured"]) for one in verdict["findings"]}
    assert grades["size"] == ("nonconforming", "320x240 px")
    assert grades["rate"][0] == "degraded"
    assert grades["codec"][0] == "conforming"


def test_probe_of_the_synthetic_source_says_that_it_is_a_test_device(told: Told) -> None:
    code, out, _ = told("probe", "synthetic", "--seconds", "1", "--json")
    assert code == Exit.OK
    found = json.loads(out)
    assert (found["width"], found["rate_hz"], found["frames"]) == (1280, 25.0, 25)
    assert (found["device"]["profile"], found["device"]["trust"]) == ("generic/synthetic", "test-device")
    assert (found["verdict"], found["ended"]) == (None, None)


class Leaving:
    """A source that goes away after two of its three seconds."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.facts = source.facts
        self.template = source.template
        self.close = source.close

    def packets(self) -> Iterator[Captured]:
        for number, captured in enumerate(self._source.packets()):
            if number == 50:
                raise Retry("source.lost", "the camera went away", "look at its cable", after_s=1)
            yield captured


def test_a_source_that_goes_away_while_it_is_measured_does_not_conform(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=75)
    monkeypatch.setattr(
        "agent.cli.verbs.probe.open_source", lambda settings, clock: Leaving(open_source(settings, clock))
    )
    code, out, _ = told("probe", str(clip), "--spec", spec(tmp_path))
    assert code == Exit.FAILED
    assert "ENDED     the camera went away [source.lost]\n          look at its cable\n" in out
    assert re.search(r"^frames +- +50, 0 lost, 0 doubled$", out, re.M)
    assert "VERDICT   conforming\n" in out, "what came was as required"


def test_probe_with_a_spec_that_is_wrong(told: Told, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=25)
    code, out, err = told("probe", str(clip), "--spec", spec(tmp_path, rate="fast", widht=1))
    assert (code, out) == (Exit.CONFIG, "")
    assert "spec.toml:3: rate: write a rate" in err
    assert "unknown key: did you mean 'width'?" in err
    code, _, err = told("probe", str(clip), "--spec", str(tmp_path / "none.toml"))
    assert code == Exit.CONFIG
    assert "this file can't be read" in err


def test_probe_of_what_can_not_be_measured(told: Told, tmp_path: Path) -> None:
    code, out, err = told("probe", str(tmp_path / "none.mp4"), "--spec", spec(tmp_path))
    assert (code, out) == (Exit.INCOMPLETE, "")
    assert "[source.missing]" in err
