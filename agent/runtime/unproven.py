"""What the files of a vault say of its recordings when the ledger is gone: a list, and nothing of it proven.

Guarantees: reads manifests, names, sizes and headers under `recordings/` and writes nothing; a directory that
can't be read, or whose manifest is none, is a row with its problems, never left out. Leaves out every proof:
whoever can write to the disk can have made all of it, and what is missing at the end can't be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.formats import manifest_v1
from agent.formats.manifest_v1 import Manifest
from agent.host.files import translate
from agent.model.errors import AgentError, Refuse
from agent.seal.outside import look_at
from agent.vault.layout import CAPSULE_NAME, MANIFEST_NAME, RECORDINGS, segment_number
from agent.vault.store import FoundFile, list_recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """One directory under `recordings/`. `manifest` is None when it has none that can be read."""

    directory: str
    manifest: Manifest | None
    segments: int
    size_bytes: int
    problems: tuple[str, ...]


def recordings_from_files(vault: Path) -> tuple[Unproven, ...]:
    """One for each directory, and for each stray file, sorted. Raises what the disk says of the listing."""
    if not (vault / RECORDINGS).is_dir():
        raise Refuse(
            "vault.none",
            f"there are no recordings at {vault}",
            f"name the directory that holds {RECORDINGS}/",
        )
    root = vault / RECORDINGS
    names = sorted(path.name for path in root.iterdir())
    files: dict[str, list[FoundFile]] = {name: [] for name in names}
    for file in list_recordings(vault):
        files.setdefault(file.path.split("/")[1], []).append(file)
    return tuple(
        _of_folder(vault, name, found)
        if (root / name).is_dir() and not (root / name).is_symlink()
        else _stray(name, found)
        for name, found in sorted(files.items())
    )


def _stray(name: str, files: list[FoundFile]) -> Unproven:
    return Unproven(
        directory=name,
        manifest=None,
        segments=0,
        size_bytes=sum(file.size_bytes for file in files),
        problems=(f"{RECORDINGS}/{name} is no directory, and belongs to no recording",),
    )


def _of_folder(vault: Path, directory: str, files: list[FoundFile]) -> Unproven:
    problems: list[str] = []
    base = f"{RECORDINGS}/{directory}"
    sizes: dict[int, int] = {}
    for file in files:
        name = file.path.removeprefix(f"{base}/")
        number = segment_number(name)
        if number is not None:
            sizes[number] = file.size_bytes
        elif name not in (CAPSULE_NAME, MANIFEST_NAME):
            problems.append(f"{file.path} belongs to no recording")
    manifest = _manifest(vault / base / MANIFEST_NAME, problems)
    if manifest is not None and manifest.recording != directory:
        problems.append(f"{MANIFEST_NAME} is that of recording {manifest.recording}")
    _header(vault / base / CAPSULE_NAME, manifest, problems)
    for number in sorted(sizes):
        _header(vault / base / f"{number:08d}.mp4.age", manifest, problems)
    missing = sorted(set(range(max(sizes, default=-1) + 1)) - set(sizes))
    if missing:
        problems.append(f"segments are missing: {len(missing)}, the first is number {missing[0]}")
    return Unproven(
        directory=directory,
        manifest=manifest,
        segments=len(sizes),
        size_bytes=sum(sizes.values()),
        problems=tuple(problems),
    )


def _manifest(path: Path, problems: list[str]) -> Manifest | None:
    try:
        with path.open("rb") as stream:
            return manifest_v1.parse(stream.read(manifest_v1.MAX_BYTES + 1)).manifest
    except OSError as error:
        problems.append(translate(error, path, "reading").text)
    except Refuse as error:
        problems.append(error.text)
    return None


def _header(path: Path, manifest: Manifest | None, problems: list[str]) -> None:
    try:
        with path.open("rb") as stream:
            outside = look_at(stream.read)
    except OSError as error:
        problems.append(translate(error, path, "reading").text)
    except AgentError as error:
        problems.append(f"{path.name}: {error.text}")
    else:
        if outside is None:
            problems.append(f"{path.name} ends in its header")
        elif manifest is not None and outside.suite != manifest.suite:
            problems.append(f"{path.name} is sealed with {outside.suite}, the manifest says {manifest.suite}")
