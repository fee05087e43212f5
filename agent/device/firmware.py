"""Firmware against the floors of a device profile (docs/formats/device-profile-v1.md; STD 6.3). Pure.

Guarantees: each floor that a version is below is one finding with its advisories, border and remedy; a
version that is missing, or that a floor's comparison can't read, is a finding too, never a pass. Leaves out
how the version was read from the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent.formats.profile_rules import build_date, numbers
from agent.formats.profile_v1 import Compare, DeviceProfile, Floor


class FirmwareStatus(StrEnum):
    """What is wrong with a firmware version."""

    BELOW_FLOOR = "below-floor"
    UNREADABLE = "unreadable"
    OTHER_BRANCH = "other-branch"
    NOT_TOLD = "not-told"


# No version is longer; what a device tells is not to be trusted in any way.
_LONGEST = 200
# Found by one floor alone; the others are found by all floors of the same advisories.
_OF_ONE = (FirmwareStatus.BELOW_FLOOR, FirmwareStatus.UNREADABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareFinding:
    """One thing that is wrong: the version as the device tells it, what is required, and what to do."""

    status: FirmwareStatus
    version: str
    required: str
    cve: tuple[str, ...]
    remedy: str
    url: str

    def render(self) -> str:
        """One line for people."""
        what = {
            FirmwareStatus.BELOW_FLOOR: f"firmware {self.version!r} is too old",
            FirmwareStatus.UNREADABLE: f"firmware {self.version!r} can't be compared",
            FirmwareStatus.OTHER_BRANCH: f"firmware {self.version!r} is of a branch that no advisory names",
            FirmwareStatus.NOT_TOLD: "the device doesn't tell its firmware",
        }[self.status]
        return f"{what}: {self.required} is required ({', '.join(self.cve)}); {self.remedy}"


def is_below(floor: Floor, version: str) -> bool | None:
    """True when `version` is below `floor`, None when that can't be told from it.

    A floor of another branch, or one that begins at a newer version, is not above anything: False.
    """
    text = version.strip()[:_LONGEST]
    if floor.branch is not None:
        if not _is_of_branch(floor, text):
            return False
        text = text[len(floor.branch) :]
    read = build_date if floor.compare is Compare.BUILD_DATE else numbers
    found = read(text)
    if not found:
        return None
    if floor.from_version is not None and _cut(found, read(floor.from_version)) < read(floor.from_version):
        return False
    if floor.at_least is not None:
        border = read(floor.at_least)
        return _cut(found, border) < border
    border = read(floor.above or "")
    return _cut(found, border) <= border


def firmware_findings(profile: DeviceProfile, version: str | None) -> tuple[FirmwareFinding, ...]:
    """What is wrong with `version` (None: the device doesn't tell it), in the order of the floors.

    Floors of several branches with the same advisories stand for one border: a version that belongs to none
    of these branches is one finding, and so is a version that isn't told.
    """
    urls = {note.id: note.url for note in profile.source}
    told = (version or "").strip()[:_LONGEST]
    found = []
    for advisories in dict.fromkeys(floor.cve for floor in profile.floor):
        floors = [floor for floor in profile.floor if floor.cve == advisories]
        for status, floor in _statuses(floors, told):
            finding = FirmwareFinding(
                status=status,
                version=told[:80],
                required=_required(floor) if len(floors) == 1 or status in _OF_ONE else _one_of(floors),
                cve=advisories,
                remedy=floor.remedy,
                url=urls[floor.source],
            )
            found.append(finding)
    return tuple(found)


def _statuses(floors: list[Floor], version: str) -> Iterator[tuple[FirmwareStatus, Floor]]:
    """What is wrong with `version` by floors that have the same advisories."""
    if not version:
        yield FirmwareStatus.NOT_TOLD, floors[0]
        return
    ours = [floor for floor in floors if _is_of_branch(floor, version)]
    if not ours:
        yield FirmwareStatus.OTHER_BRANCH, floors[0]
    for floor in ours:
        below = is_below(floor, version)
        if below is not False:
            yield FirmwareStatus.UNREADABLE if below is None else FirmwareStatus.BELOW_FLOOR, floor


def _is_of_branch(floor: Floor, version: str) -> bool:
    """True when `version` begins with the whole name of the floor's branch: B12 is not B122."""
    if floor.branch is None:
        return True
    rest = version[len(floor.branch) :]
    is_cut = floor.branch[-1].isalnum() and rest[:1].isalnum()
    return version.casefold().startswith(floor.branch.casefold()) and not is_cut


def _one_of(floors: list[Floor]) -> str:
    return "one of: " + ", ".join(_required(floor) for floor in floors)


def _required(floor: Floor) -> str:
    border = f"at least {floor.at_least}" if floor.at_least is not None else f"newer than {floor.above}"
    if floor.compare is Compare.BUILD_DATE:
        border = f"a build of {floor.at_least} or later" if floor.at_least else f"a build after {floor.above}"
    return f"{border} in branch {floor.branch}" if floor.branch is not None else border


def _cut(version: tuple[int, ...], border: tuple[int, ...]) -> tuple[int, ...]:
    """`version` with as many numbers as `border`; missing ones are 0."""
    return (version + (0,) * len(border))[: len(border)]
