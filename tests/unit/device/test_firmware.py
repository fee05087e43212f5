"""Firmware against floors: what is older is found, what can't be compared is never a pass."""

from __future__ import annotations

import pytest

from agent.device.firmware import FirmwareStatus, firmware_findings, is_below
from agent.device.profiles import load_profiles
from agent.formats.profile_v1 import Compare, DeviceProfile, Floor

PROFILES = {one.id: one for one in load_profiles().profiles}


def floor(
    *,
    at_least: str | None = None,
    above: str | None = None,
    from_version: str | None = None,
    branch: str | None = None,
    compare: Compare = Compare.NUMBERS,
) -> Floor:
    raw = {
        "cve": ["CVE-2021-12345"],
        "compare": compare,
        "at_least": at_least,
        "above": above,
        "from": from_version,
        "branch": branch,
        "remedy": "update",
        "source": "page",
    }
    return Floor.model_validate(raw)


@pytest.mark.parametrize(
    ("border", "version", "below"),
    [
        (floor(at_least="11.11.140"), "11.11.85", True),
        (floor(at_least="11.11.140"), "11.11.140", False),
        (floor(at_least="11.11.140"), "12.0", False),
        (floor(at_least="1.2.3"), "1.2", True),
        (floor(at_least="7.80 B128"), "7.80.0127", True),
        (floor(at_least="7.80 B128"), "7.87.0029", False),
        (floor(above="2.21.02"), "2.21.02_20230110", True),
        (floor(above="2.21.02"), "2.21.03_20230110", False),
        (floor(above="11.5"), "11.5.64", True),
        (floor(above="11.5"), "11.6.1", False),
        (floor(above="11.5", from_version="10.5"), "10.4.9", False),
        (floor(above="11.5", from_version="10.5"), "10.12.3", True),
        (floor(above="V5.4.0 build 160530"), "V5.4.0 build 160401", True),
        (floor(above="V5.4.0 build 160530"), "V5.4.0 build 160531", False),
        (floor(above="V5.4.0 build 160530"), "V5.7.3 build 220112", False),
        (floor(above="6.5.230215", branch="DIPC-B1213"), "DIPC-B1213.6.5.230215", True),
        (floor(above="6.5.230215", branch="DIPC-B1213"), "dipc-b1213.6.6.230301", False),
        (floor(above="6.5.230215", branch="DIPC-B1213"), "DIPC-B1216.1.0.200101", False),
        (floor(above="6.5.230215", branch="DIPC-B1213"), "DIPC-B12134.1.0.200101", False),
        (floor(at_least="1.2"), "9" * 100_000, False),
        (
            floor(at_least="2021-06-01", compare=Compare.BUILD_DATE),
            "2.800.16.0.R, Build Date: 2021-05-31",
            True,
        ),
        (
            floor(at_least="2021-06-01", compare=Compare.BUILD_DATE),
            "2.800.16.0.R, Build Date: 2021-06-01",
            False,
        ),
        (floor(above="2021-07-02", compare=Compare.BUILD_DATE), "V5.5.800 build 210702", True),
        (floor(above="2021-07-02", compare=Compare.BUILD_DATE), "V5.5.800 build 210703", False),
        (floor(above="2021-07-02", compare=Compare.BUILD_DATE), "V5.5.800", None),
        (floor(at_least="1.2"), "unknown", None),
    ],
)
def test_versions_and_borders(border: Floor, version: str, below: bool | None) -> None:
    assert is_below(border, version) is below


def statuses(profile: DeviceProfile, version: str | None) -> list[tuple[FirmwareStatus, str]]:
    return [(one.status, one.cve[0]) for one in firmware_findings(profile, version)]


def test_a_camera_below_two_floors_has_two_findings_with_advisory_and_remedy() -> None:
    profile = PROFILES["hikvision/ds-2cd2xx2f-i"]
    assert statuses(profile, "V5.4.0 build 160530") == [
        (FirmwareStatus.BELOW_FLOOR, "CVE-2017-7921"),
        (FirmwareStatus.BELOW_FLOOR, "CVE-2021-36260"),
    ]
    [_, second] = firmware_findings(profile, "V5.4.0 build 160530")
    assert second.url == "https://www.cve.org/CVERecord?id=CVE-2021-36260"
    assert "a build after 2021-07-02 is required" in second.render()
    assert profile.floor[1].remedy in second.render()


def test_only_the_branch_that_the_device_runs_counts() -> None:
    profile = PROFILES["uniview/ipc322lb-sf28-a"]
    assert len(firmware_findings(profile, "DIPC-B1226.3.6.230105")) == 1
    assert firmware_findings(profile, "DIPC-B1226.3.7.230401") == ()


def test_a_branch_that_no_advisory_names_is_one_finding() -> None:
    profile = PROFILES["uniview/ipc322lb-sf28-a"]
    [other] = firmware_findings(profile, "DIPC-B9999.9.9.990101")
    assert other.status is FirmwareStatus.OTHER_BRANCH
    assert "newer than 6.5.230215 in branch DIPC-B1213" in other.render()
    [untold] = firmware_findings(profile, None)
    assert untold.status is FirmwareStatus.NOT_TOLD


def test_axis_ranges_of_one_advisory_are_judged_each() -> None:
    profile = PROFILES["axis/axis-os-camera"]
    assert statuses(profile, "11.11.85") == [(FirmwareStatus.BELOW_FLOOR, "CVE-2025-0324")]
    assert statuses(profile, "12.2.1") == [(FirmwareStatus.BELOW_FLOOR, "CVE-2025-0324")]
    assert statuses(profile, "11.11.141") == statuses(profile, "12.4.0") == []
    assert [cve for _, cve in statuses(profile, "10.12.206")] == ["CVE-2024-0054", "CVE-2023-21413"]
    assert statuses(profile, "5.51.7") == []


def test_a_version_that_is_missing_or_unreadable_is_never_a_pass() -> None:
    profile = PROFILES["dahua/ipc-hx3xxx-hx5xxx"]
    assert {status for status, _ in statuses(profile, None)} == {FirmwareStatus.NOT_TOLD}
    assert {status for status, _ in statuses(profile, " ")} == {FirmwareStatus.NOT_TOLD}
    assert {status for status, _ in statuses(profile, "2.800.0000016.0.R")} == {FirmwareStatus.UNREADABLE}
    assert statuses(profile, "2.840.0000000.1.R, Build Date: 2024-01-01") == []
    [first, _] = firmware_findings(profile, None)
    assert first.render().startswith("the device doesn't tell its firmware: a build of 2021-06-01 or later")


def test_a_grabber_has_no_floor_and_no_finding() -> None:
    assert firmware_findings(PROFILES["magewell/usb-capture-hdmi"], None) == ()
