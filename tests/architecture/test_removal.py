"""No other delete path (STD 10.1): nothing below agent/ removes, moves or shortens a file of a recording but
agent/vault/removal.py.

Every mention of a call that takes a file, a name or content away is in the list below with its reason; a new
one fails, and an entry that nothing needs any more fails too. The walk goes by names: a call under another
name needs an import or a getattr, which are found as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "agent").rglob("*.py"))
REMOVAL = "agent/vault/removal.py"

# Whatever they are called on.
NAMES = {
    "unlink", "rmdir", "removedirs", "rmtree", "truncate", "ftruncate", "rename", "renames", "renameat2",
    "unlinkat", "O_TRUNC", "write_bytes", "write_text", "fallocate",
}  # fmt: skip
# With the module before them: lists have `remove`, text has `replace`.
DOTTED = {"os.remove", "os.replace", "shutil.move"}
PROGRAMS = {"rm", "shred", "unlink", "rmdir", "truncate", "find", "mv", "srm", "wipefs", "blkdiscard"}

_OWN_FILE = "a temporary or own file of what is written there, never a recording's"
# (file, function, what is named): why it may.
ALLOWED = {
    ("agent/runtime/deid_film.py", "make_derivative", "unlink"): "its own new files, when one failed",
    ("agent/deid/offline.py", "deidentify", "unlink"): "its own new file, when the run failed",
    ("agent/deid/pictures.py", "PictureWriter.__init__", "open for writing"): "av's output to a stream",
    (REMOVAL, "RemovalDisk.unlink", "unlink"): "the port of the delete path",
    (REMOVAL, "SystemRemovalDisk.unlink", "unlink"): "the delete path",
    (REMOVAL, "SystemRemovalDisk.remove_directory", "rmdir"): "the delete path",
    (REMOVAL, "remove_some", "unlink"): "the delete path, through its port",
    ("agent/vault/segment_file.py", "SegmentFile.discard", "unlink"): (
        "a segment of which no frame was written, so that the next try can have its number"
    ),
    ("agent/vault/store.py", "quarantine", "rename"): "moves aside what no leaf explains, never away",
    ("agent/authority/disk.py", "Disk.rename", "rename"): "the authority's own directory",
    ("agent/authority/disk.py", "SystemDisk.rename", "replace"): "the authority's own directory",
    ("agent/authority/disk.py", "SystemDisk.rename", "rename"): "the authority's own directory",
    ("agent/authority/disk.py", "SystemDisk.remove", "unlink"): "the authority's own directory",
    ("agent/authority/disk.py", "SystemDisk.remove_tree", "rmtree"): "the authority's own directory",
    ("agent/authority/epoch.py", "EpochKey.settle", "rename"): "the authority's own directory",
    ("agent/host/files.py", "write_atomic", "unlink"): "its own temporary file",
    ("agent/host/files.py", "write_atomic", "replace"): (
        "the target that its caller names: capsule and manifest only while a directory is made that did not "
        "exist (vault/store.py, open_recording)"
    ),
    ("agent/host/files.py", "write_again", "unlink"): _OWN_FILE,
    ("agent/host/files.py", "write_again", "replace"): "a copy with the same bytes takes the file's place",
    ("agent/host/files.py", "_copy", "unlink"): _OWN_FILE,
    ("agent/capture/fragment_mux.py", "FragmentMux.__init__", "open for writing"): "av's output to memory",
    ("agent/capture/joiner.py", "Joiner._part_for", "open for writing"): "av's output to the given stream",
    ("agent/capture/encoder.py", "_stream_of", "open for writing"): "av's output to nowhere",
    ("agent/device/drivers/demux.py", "detached", "open for writing"): "av's output to memory",
    ("agent/control/door.py", "Door.open", "unlink"): "the door's socket in the runtime directory",
    ("agent/control/door.py", "Door.open", "replace"): "the door's socket in the runtime directory",
    ("agent/control/door.py", "Door.close", "unlink"): "the door's socket in the runtime directory",
    ("agent/demo/broker.py", "start_broker", "write_text"): "the demo's own place",
    ("agent/demo/place.py", "write_config", "write_text"): "the demo's own place",
    ("agent/demo/place.py", "_remove_earlier", "rmtree"): "the demo's own place, marked as such",
    ("agent/ledger/tiles.py", "Tiles.drop_partial", "unlink"): "a partial hash tile, after a fuller one",
    ("agent/ledger/tiles.py", "Tiles.drop_partial", "rmdir"): "the same",
    ("agent/ledger/witness.py", "Witness.reset", "unlink"): "the witness's own memory of a box",
    ("agent/runtime/access_records.py", "FileRecord.begin", "unlink"): _OWN_FILE,
    ("agent/runtime/disposal_check.py", "_limits", "unlink"): "the word in a certificate",
    ("agent/runtime/enrolment.py", "_write_once", "unlink"): _OWN_FILE,
    ("agent/runtime/metrics_file.py", "write", "unlink"): _OWN_FILE,
    ("agent/runtime/metrics_file.py", "write", "replace"): _OWN_FILE,
    ("agent/runtime/metrics_file.py", "write", "O_TRUNC"): _OWN_FILE,
    ("agent/runtime/status.py", "write", "replace"): "status.json in the runtime directory",
    ("agent/runtime/status.py", "write", "write_text"): "status.json in the runtime directory",
}  # fmt: skip


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def uses(path: Path) -> Iterator[tuple[str, str, str]]:
    """(file, innermost function with its class, what is named)."""
    yield from _walk(name_of(path), ast.parse(path.read_text(encoding="utf-8")), ())


def _walk(file: str, node: ast.AST, inside: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inside = (*inside, node.name)
        if node.name in NAMES:
            yield file, ".".join(inside), node.name
    for named in _named(node):
        yield file, ".".join(inside), named
    for child in ast.iter_child_nodes(node):
        yield from _walk(file, child, inside)


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and (node.attr in NAMES or ast.unparse(node) in DOTTED):
        yield node.attr
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield node.id
    elif isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil"):
        yield from (one.name for one in node.names if f"{node.module}.{one.name}" in DOTTED)
        yield from (one.name for one in node.names if one.name in NAMES)
    elif isinstance(node, ast.Call):
        yield from _called(node)
    elif isinstance(node, ast.List | ast.Tuple) and node.elts and isinstance(node.elts[0], ast.Constant):
        first = node.elts[0].value  # the arguments of a program
        if isinstance(first, str) and first.rpartition("/")[2] in PROGRAMS:
            yield first


def _called(node: ast.Call) -> Iterator[str]:
    function = node.func
    # One argument: Path.replace. Text needs two, a date and a dataclass name theirs.
    alone = len(node.args) == 1 and not node.keywords
    if alone and isinstance(function, ast.Attribute) and function.attr == "replace":
        yield "replace"
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    given = [*node.args, *(one.value for one in node.keywords if one.arg == "mode")]
    words = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if name == "getattr" and any(word in NAMES or f"os.{word}" in DOTTED for word in words):
        yield "getattr"
    if name == "open" and any("w" in word and set(word) <= set("wb+t") for word in words):
        yield "open for writing"


FOUND = {use for path in SOURCES for use in uses(path)}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_what_takes_away_is_known_with_its_reason(path: Path) -> None:
    assert {use for use in uses(path) if use not in ALLOWED} == set()


def test_no_reason_without_its_use() -> None:
    assert set(ALLOWED) - FOUND == set()


def test_only_removal_takes_away_what_lies_in_a_vault() -> None:
    """The files of the vault's floor are few enough to be named one by one."""
    below = {use for use in FOUND if use[0].startswith("agent/vault/")}
    assert {file for file, _, _ in below} == {REMOVAL, "agent/vault/segment_file.py", "agent/vault/store.py"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("import os\nos.remove('x')", ["remove"]),
        ("from os import remove", ["remove"]),
        ("from shutil import rmtree as gone", ["rmtree"]),
        ("path.replace(other)", ["replace"]),
        ("'a'.replace('a', 'b')", []),
        ("moment.replace(year=1)", []),
        ("[1].remove(1)", []),
        ("getattr(path, 'unlink')()", ["getattr"]),
        ("open('x', 'wb')", ["open for writing"]),
        ("path.open(mode='w')", ["open for writing"]),
        ("open('x', 'rb')", []),
        ("run(['/bin/rm', '-r', 'x'])", ["/bin/rm"]),
        ("os.open(path, os.O_WRONLY | os.O_TRUNC)", ["O_TRUNC"]),
        ("os.truncate(path, 0)", ["truncate"]),
    ],
)
def test_the_search_finds_them(text: str, named: list[str]) -> None:
    assert [one for _, _, one in _walk("x.py", ast.parse(text), ())] == named
