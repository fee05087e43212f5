"""The installed set of device profiles: reads a directory whole, or says everything that is wrong in it.

Guarantees: one problem makes the whole set unusable, since a device could silently fall to a lower
profile; every problem of every file is told at once. Leaves out the format of a file
(`agent/formats/profile_v1.py`) and matching (`agent/device/profile_match.py`). The directory
`firmware-profiles` lies beside the package `agent`, in a checkout and in an installed wheel alike
(docs/decisions/0014-device-profiles.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.device.profile_match import overlapping_rules
from agent.formats.config_v1 import ConfigProblem
from agent.formats.profile_v1 import DeviceProfile, Kind, Scope, parse
from agent.formats.toml_lines import line_of
from agent.model.errors import Refuse

INSTALLED = Path(__file__).resolve().parents[2] / "firmware-profiles"
_LARGEST_BYTES = 64 * 1024
_MUST_HAVE_GENERIC = (Kind.V4L2, Kind.RTSP, Kind.ONVIF)


@dataclass(frozen=True, slots=True)
class ProfileSet:
    """A checked set, ordered by id."""

    directory: Path
    profiles: tuple[DeviceProfile, ...]

    def get(self, profile_id: str) -> DeviceProfile:
        """The profile of that id. Raises `Refuse` `profiles.none`."""
        for profile in self.profiles:
            if profile.id == profile_id:
                return profile
        raise Refuse(
            "profiles.none", f"there is no profile {profile_id[:100]!r}", "see `edgeward profiles list`"
        )


def load_profiles(directory: Path = INSTALLED) -> ProfileSet:
    """The set in `directory`. Raises `Refuse` `profiles.broken` with the first problem."""
    found = read_profiles(directory)
    if isinstance(found, ProfileSet):
        return found
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise Refuse(
        "profiles.broken",
        f"the device profiles can't be used: {found[0]}{more}",
        f"run `edgeward profiles check {directory}` and correct the files",
    )


def read_profiles(directory: Path) -> ProfileSet | tuple[str, ...]:
    """The set in `directory`, or every problem as `FILE:LINE: KEY: TEXT`."""
    if not directory.is_dir():
        return (f"{directory}: there is no such directory",)
    problems: list[str] = []
    texts: dict[str, tuple[Path, str]] = {}
    profiles: list[DeviceProfile] = []
    for path in sorted(directory.rglob("*")):
        if path.is_dir():
            continue
        text = _text(path, directory)
        if isinstance(text, ConfigProblem):
            problems.append(text.render(str(path)))
            continue
        parsed = parse(text)
        if isinstance(parsed, tuple):
            problems += [problem.render(str(path)) for problem in parsed]
            continue
        wanted = path.relative_to(directory).with_suffix("").as_posix()
        if parsed.id != wanted:
            problem = ConfigProblem(
                line=line_of(text, ("id",)), key="id", text=f"the path says {wanted!r}: make them equal"
            )
            problems.append(problem.render(str(path)))
        texts[parsed.id] = (path, text)
        profiles.append(parsed)
    problems += _between_files(profiles, texts)
    if not problems:
        problems += _lacking(directory, profiles)
    if problems:
        return tuple(problems)
    return ProfileSet(directory, tuple(sorted(profiles, key=lambda profile: profile.id)))


def _text(path: Path, directory: Path) -> str | ConfigProblem:
    depth = len(path.relative_to(directory).parts)
    if path.suffix != ".toml" or depth != 2 or path.is_symlink():
        return ConfigProblem(line=None, key="", text="not <vendor>/<model>.toml: move it elsewhere")
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return ConfigProblem(line=None, key="", text=f"larger than {_LARGEST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        return ConfigProblem(line=None, key="", text=f"can't be read: {error.strerror}")
    except UnicodeDecodeError:
        return ConfigProblem(line=None, key="", text="not UTF-8: save it as UTF-8")


def _between_files(profiles: list[DeviceProfile], texts: dict[str, tuple[Path, str]]) -> list[str]:
    """Rules of two files that one device can satisfy at one rank; told at the second file."""
    found = []
    for first, first_number, second, second_number in overlapping_rules(profiles):
        path, text = texts[second.id]
        problem = ConfigProblem(
            line=line_of(text, ("match", second_number)),
            key=f"match.{second_number}",
            text=f"the same device can match {first.id} (match.{first_number}): let them exclude each other",
        )
        found.append(problem.render(str(path)))
    return found


def _lacking(directory: Path, profiles: list[DeviceProfile]) -> list[str]:
    there = {profile.kind for profile in profiles if profile.scope is Scope.GENERIC}
    return [
        f"{directory}: there is no generic profile for {kind.value}: unknown devices would have none"
        for kind in _MUST_HAVE_GENERIC
        if kind not in there
    ]
