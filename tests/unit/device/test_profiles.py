"""The installed set of profiles: whole or not at all; what the issue asks of the shipped ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.device.profile_match import DeviceFacts, Trust, match_device
from agent.device.profiles import INSTALLED, ProfileSet, load_profiles, read_profiles
from agent.formats.profile_v1 import Kind, Scope
from agent.model.errors import Refuse

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(INSTALLED, tmp_path / "set"))


def problems(directory: Path) -> tuple[str, ...]:
    found = read_profiles(directory)
    assert isinstance(found, tuple)
    return found


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_set_is_good_and_as_large_as_asked() -> None:
    found = read_profiles(INSTALLED)
    assert isinstance(found, ProfileSet), found
    real = [one for one in found.profiles if one.scope in (Scope.MODEL, Scope.VENDOR)]
    assert len(real) >= 15
    assert {"generic-uvc", "generic-rtsp", "generic-onvif", "vivid", "synthetic"} == {
        one.id.removeprefix("generic/") for one in found.profiles if one.id.startswith("generic/")
    }
    for maker in ("hikvision", "dahua", "axis", "uniview", "bosch", "hanwha"):
        assert any(one.floor for one in real if one.id.startswith(f"{maker}/")), maker
    assert any(one.kind is Kind.V4L2 for one in real)


def test_no_shipped_profile_claims_what_it_can_not_know() -> None:
    for one in load_profiles().profiles:
        assert not one.tried_on_hardware, f"{one.id}: name the report of the bench, and this test's exception"
        if one.scope in (Scope.MODEL, Scope.VENDOR):
            assert one.source, one.id
        for note in one.source:
            if not note.url.startswith("http"):
                assert (ROOT / note.url).is_file(), note.url


def test_a_device_is_released_only_when_it_is_known_where_it_writes() -> None:
    profiles = load_profiles().profiles
    synthetic = match_device(profiles, DeviceFacts(kind=Kind.SYNTHETIC, driver="edgeward-synthetic"))
    grabber = match_device(profiles, DeviceFacts(kind=Kind.V4L2, usb="2935:0006"))
    unknown = match_device(profiles, DeviceFacts(kind=Kind.V4L2, usb="0000:0000"))
    assert synthetic.deidentification_possible
    assert grabber.trust is Trust.KNOWN and not grabber.deidentification_possible
    assert not unknown.deidentification_possible


def test_every_problem_of_every_file_is_told(copy: Path) -> None:
    first, second = copy / "bosch/ip-camera.toml", copy / "reolink/e1-zoom.toml"
    change(first, "level = 4", "level = 6")
    change(second, 'kind = "onvif"', 'kind = "wifi"')
    found = problems(copy)
    assert [one.split(":")[0] for one in found] == [str(first), str(second)]
    with pytest.raises(Refuse, match=r"and 1 more") as refused:
        load_profiles(copy)
    assert refused.value.code == "profiles.broken"


def test_a_file_in_the_wrong_place_or_under_a_wrong_id_is_told(copy: Path) -> None:
    (copy / "bosch/ip-camera.toml").rename(copy / "bosch/other.toml")
    [problem] = problems(copy)
    assert problem.endswith("other.toml:2: id: the path says 'bosch/other': make them equal")
    (copy / "bosch/other.toml").unlink()
    (copy / "README").write_text("x")
    (copy / "deep/er").mkdir(parents=True)
    (copy / "deep/er/x.toml").write_text("")
    (copy / "bosch/link.toml").symlink_to(copy / "reolink/e1-zoom.toml")
    found = problems(copy)
    assert len(found) == 3
    assert all("not <vendor>/<model>.toml" in one for one in found)


def test_two_profiles_for_one_device_are_told_at_the_second(copy: Path) -> None:
    text = (copy / "magewell/usb-capture-hdmi.toml").read_text()
    twin = copy / "magewell/zz-twin.toml"
    twin.write_text(text.replace("magewell/usb-capture-hdmi", "magewell/zz-twin"))
    [problem] = problems(copy)
    assert problem.startswith(f"{twin}:9: match.0: the same device can match magewell/usb-capture-hdmi")


@pytest.mark.parametrize("name", ["generic-uvc", "generic-rtsp", "generic-onvif"])
def test_a_set_without_a_generic_profile_is_refused(copy: Path, name: str) -> None:
    (copy / f"generic/{name}.toml").unlink()
    [problem] = problems(copy)
    assert "there is no generic profile for" in problem


def test_files_that_are_no_text_too_large_or_no_directory(copy: Path) -> None:
    path = copy / "bosch/ip-camera.toml"
    path.write_bytes(b"\xff\xfe")
    assert "not UTF-8" in problems(copy)[0]
    path.write_bytes(b"#" * 70_000)
    assert "larger than 65536 bytes" in problems(copy)[0]
    assert problems(copy / "none") == (f"{copy / 'none'}: there is no such directory",)


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(Refuse) as refused:
        load_profiles().get("acme/none")
    assert refused.value.code == "profiles.none"
