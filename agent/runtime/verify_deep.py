"""What `edgeward verify --deep` looks at beyond size and hash: labels, manifest, headers of the sealed files.

Guarantees: for files that are what their leaf names, the manifest is one of version 1 and says what the
opening leaf says (STD 8.1); its keys, the key capsule's header and each segment's header are of one suite,
that of the leaf and of the level, with as many recipients as there must be; each finding names file, leaf,
and what it looks like. Leaves out what needs a key: whose the recipients are, the capsule's inner layers, the
segments' inside.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.formats import manifest_v1
from agent.formats.ledger_v1 import Leaf
from agent.formats.manifest_v1 import Manifest
from agent.host.files import translate
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.runtime.labels import manifest_differences
from agent.seal import suites
from agent.seal.outside import Outside, look_at
from agent.vault.layout import CAPSULE_NAME, MANIFEST_NAME, RECORDINGS


@dataclass(frozen=True, slots=True)
class Finding:
    """`looks_like` says what kind of attack it is; None for a remark, which makes nothing wrong."""

    text: str
    looks_like: str | None


def look_deep(
    vault: Path, opened: Leaf, segments: Sequence[Leaf], wrong: Collection[str]
) -> Iterator[Finding]:
    """Findings of one recording that is there. `wrong` are paths in the vault that have been told already."""
    base = f"{RECORDINGS}/{opened.body['recording']}"
    suite = opened.body["suite"]
    yield from _suite_of_level(opened)
    manifest: Manifest | None = None
    if (path := f"{base}/{MANIFEST_NAME}") not in wrong:
        manifest = yield from _manifest(vault, path, opened)
    if (path := f"{base}/{CAPSULE_NAME}") not in wrong:
        recipients = None if manifest is None else _outer_recipients(manifest)
        yield from _header(vault, path, opened, suite, recipients, final=True)
    for leaf in segments:
        if leaf.body["suite"] != suite:
            yield Finding(
                f"leaf {leaf.n} says suite {leaf.body['suite']}, leaf {opened.n} says {suite}",
                f"resealed: leaf {leaf.n} names another suite than its recording",
            )
        if (path := f"{base}/{leaf.body['name']}") not in wrong:
            yield from _header(vault, path, leaf, suite, 1, final=leaf.body["final"] is not False)


def _suite_of_level(opened: Leaf) -> Iterator[Finding]:
    level, suite = opened.body["level"], opened.body["suite"]
    try:
        asked = suites.for_level(level if isinstance(level, int) else -1).NAME
    except Refuse as error:
        yield Finding(f"leaf {opened.n}: {error.text}", f"relabelled: leaf {opened.n} has no level")
        return
    if suite != asked:
        yield Finding(
            f"leaf {opened.n} says suite {suite}, level {level} asks for {asked}",
            f"relabelled: leaf {opened.n} has another suite than its level",
        )


def _manifest(vault: Path, path: str, opened: Leaf) -> Generator[Finding, None, Manifest | None]:
    """Returns its values when it is a manifest."""
    try:
        parsed = manifest_v1.parse(_read(vault / path, manifest_v1.MAX_BYTES + 1))
    except Refuse as error:
        yield Finding(f"{MANIFEST_NAME}: {error.text}", f"malformed: {path}, as leaf {opened.n} names it")
        return None
    different = manifest_differences(parsed.fields, opened)
    if different:
        names = ", ".join(different)
        yield Finding(
            f"{MANIFEST_NAME} says another {names} than leaf {opened.n}",
            f"relabelled: {path} or leaf {opened.n}, {names}",
        )
    for name, recipient in _recipients(parsed.manifest):
        if not _is_of(recipient, opened.body["suite"]):
            yield Finding(
                f"{MANIFEST_NAME}: {name} is no key of suite {opened.body['suite']}",
                f"resealed: {path} names a key of another kind",
            )
    return parsed.manifest


def _recipients(manifest: Manifest) -> Iterator[tuple[str, str]]:
    yield "recipient", manifest.recipient
    for number, custodian in enumerate(manifest.custodians):
        yield f"custodian {number}", custodian


def _is_of(recipient: str, suite: Json) -> bool:
    try:
        found = suites.by_recipient(recipient).NAME
    except Refuse:
        return False
    return found == suite


def _outer_recipients(manifest: Manifest) -> int:
    """Of the capsule's outermost layer: the ticket, or all custodians (docs/formats/sealed-v1.md)."""
    return len(manifest.custodians) if manifest.ticket is None else 1


def _header(
    vault: Path, path: str, leaf: Leaf, suite: Json, recipients: int | None, *, final: bool
) -> Iterator[Finding]:
    name = Path(path).name
    try:
        outside = _look_at(vault / path)
    except Refuse as error:
        outside, why = None, error.text
    else:
        why = "it ends in its header"
    if outside is None:
        if final:
            yield Finding(f"{name}: {why}", f"malformed: {path}, as leaf {leaf.n} names it")
        else:  # what a stop may leave of a beginning
            yield Finding(f"{name} was cut short, nothing of it can be opened: {why}", None)
        return
    if outside.suite != suite:
        yield Finding(
            f"{name} is sealed with {outside.suite}, the leaf says {suite}",
            f"resealed: {path} is of another suite than leaf {leaf.n} says",
        )
    if recipients is not None and outside.recipients != recipients:
        yield Finding(
            f"{name} is sealed to {outside.recipients} recipients, there must be {recipients}",
            f"resealed: {path}, leaf {leaf.n}: who can open it is not who the manifest names",
        )


def _look_at(path: Path) -> Outside | None:
    try:
        with path.open("rb") as stream:
            return look_at(stream.read)
    except OSError as error:
        raise translate(error, path, "reading") from None


def _read(path: Path, size_bytes: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(size_bytes)
    except OSError as error:
        raise translate(error, path, "reading") from None
