"""What may stand where in the source text: who builds the steps of a segment's life, who reads clocks, who
catches everything, and words that no file may hold.

Each list of exceptions is literal and has its reasons; an exception that nothing needs any more fails too.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from agent.capture.rules import RULES
from agent.cli.main import VERBS
from agent.device.drivers import DRIVERS
from agent.seal.suites import SUITES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "agent").rglob("*.py"))

# Captured -> Accepted -> Sealed -> Stored: a step can't be skipped when only its own floor can make it.
BUILDERS: dict[str, str | tuple[str, ...]] = {
    # A derivative's pictures were captured by a driver in another process, and encoded anew in this one.
    "Captured": ("agent/device/drivers/", "agent/runtime/derivative_stream.py"),
    "Accepted": "agent/capture/",
    "Sealed": "agent/seal/",
    "Stored": "agent/vault/",
}

CLOCKS = {
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("time", "monotonic_ns"),
    ("time", "perf_counter"), ("time", "perf_counter_ns"), ("time", "clock_gettime"),
    ("time", "clock_gettime_ns"), ("time", "process_time"), ("time", "sleep"), ("time", "localtime"),
    ("time", "gmtime"), ("time", "strftime"), ("time", "ctime"), ("datetime", "now"), ("datetime", "utcnow"),
    ("datetime", "today"), ("date", "today"), ("asyncio", "sleep"),
}  # fmt: skip
MAY_READ_CLOCKS = ("agent/host/", "agent/demo/")
# (file, call): why it may.
CLOCK_EXCEPTIONS = {
    (
        "agent/runtime/keeper.py",
        "time.sleep",
    ): "given to boot as its `sleep`, which waits for the vault's lock",
    ("agent/runtime/keeper.py", "asyncio.sleep"): "the tick of the event loop",
    ("agent/runtime/channel_keeper.py", "asyncio.sleep"): "the pause before a process is started again",
}

# (file, function): why it catches everything. What only tidies up and raises again is not meant.
CATCHES_EVERYTHING = {
    ("agent/console/feed.py", "_believe"): "one box's message must not blind the console for the others",
    ("agent/health/engine.py", "_guarded"): "one broken check must not hide what the others find",
    ("agent/link/wire.py", "guarded"): "paho would leave its own state half changed: the link is made anew",
}

CODE = re.compile(r"^[a-z]+(\.[a-z0-9-]+)+$")
BRANCHES = {"Retry", "Refuse", "Halt"}
# (file, argument): the places that hand on a code which was checked where it was first written.
CODES_HANDED_ON = {("agent/seal/capsule.py", "error.code")}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the last part of what is called."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


@pytest.mark.parametrize("name", BUILDERS)
def test_only_its_own_floor_builds_a_step_of_a_segments_life(name: str) -> None:
    built = {name_of(path) for path in SOURCES for called, _ in calls(path) if called == name}
    assert built, f"nobody builds {name}: is it called otherwise now?"
    assert {place for place in built if not place.startswith(BUILDERS[name])} == set()


def test_no_step_is_built_under_another_name() -> None:
    """`from … import Sealed as X`, `replace(sealed, …)` and `object.__new__` would hide it."""
    found = []
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom):
                found += [(name_of(path), n.name) for n in node.names if n.asname and n.name in BUILDERS]
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                found += [(name_of(path), node.value.id)] if node.value.id in BUILDERS else []
    assert found == []


def clock_reads(path: Path) -> Iterator[str]:
    """`module.function` of every mention of a clock or a sleep, called or handed on."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            last = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (last.removesuffix("_module"), node.attr) in CLOCKS:
                yield f"{last}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio"):
            yield from (f"{node.module}.{n.name}" for n in node.names if (node.module, n.name) in CLOCKS)


def test_clocks_are_read_and_sleeps_slept_only_where_it_is_said() -> None:
    found = {
        (name_of(path), read)
        for path in SOURCES
        if not name_of(path).startswith(MAY_READ_CLOCKS)
        for read in clock_reads(path)
    }
    assert found == set(CLOCK_EXCEPTIONS)


def test_the_search_for_clocks_finds_them() -> None:
    assert set(clock_reads(ROOT / "agent/host/clock.py")) == {"time.time_ns", "time.clock_gettime_ns"}
    assert "time.monotonic" in set(clock_reads(ROOT / "agent/demo/live.py"))


def test_nothing_catches_everything_but_where_it_is_said() -> None:
    assert {found for path in SOURCES for found in catchers(path, tree(path), "")} == set(CATCHES_EVERYTHING)
    for path in SOURCES:
        for called, node in calls(path):
            if called == "suppress":
                assert not any(is_everything(argument) for argument in node.args), name_of(path)


def catchers(path: Path, node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
    """File and innermost function of every handler that keeps everything to itself."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        function = node.name
    if isinstance(node, ast.ExceptHandler) and is_everything(node.type) and not raises_again(node):
        yield name_of(path), function
    for child in ast.iter_child_nodes(node):
        yield from catchers(path, child, function)


def raises_again(handler: ast.ExceptHandler) -> bool:
    """True when the last thing that the handler does is a bare `raise`, and nothing leaves it before."""
    last = handler.body[-1]
    leaves = any(isinstance(node, ast.Return | ast.Continue | ast.Break) for node in ast.walk(handler))
    return isinstance(last, ast.Raise) and last.exc is None and not leaves


def is_everything(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Tuple):
        return any(is_everything(part) for part in node.elts)
    return node is None or (isinstance(node, ast.Name) and node.id in ("Exception", "BaseException"))


@pytest.mark.parametrize(
    ("folder", "listed", "helpers"),
    [
        (
            "agent/device/drivers",
            {kind for _, kind, _ in DRIVERS},
            {"demux", "picture", "timestamps"},
        ),
        ("agent/capture/rules", {rule.__module__.rpartition(".")[2] for _, rule in RULES}, set()),
        ("agent/seal/suites", {getattr(suite, "__name__").rpartition(".")[2] for suite in SUITES}, set()),  # noqa: B009
        ("agent/cli/verbs", {verb.replace("-", "_") for verb, _ in VERBS}, set()),
    ],
)
def test_every_file_that_people_add_is_listed(folder: str, listed: set[str], helpers: set[str]) -> None:
    files = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    assert files - helpers == listed
    assert helpers <= files, "a helper that is gone"
    for name in listed:
        import_module(f"{folder.replace('/', '.')}.{name}")


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    text = ast.get_docstring(tree(path))
    assert text is not None
    assert len(text.split("\n\n")[0]) >= 15


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_code_of_an_error_is_spelled_like_one(path: Path) -> None:
    for called, node in calls(path):
        if called not in BRANCHES or not (node.args or node.keywords):
            continue
        code = node.args[0] if node.args else None
        if isinstance(code, ast.Constant):
            assert isinstance(code.value, str)
            assert CODE.match(code.value), f"line {node.lineno}: {code.value}"
        else:
            assert code is not None
            assert (name_of(path), ast.unparse(code)) in CODES_HANDED_ON, f"line {node.lineno}"


def test_the_codes_that_are_handed_on_still_are() -> None:
    found = {
        (name_of(path), ast.unparse(node.args[0]))
        for path in SOURCES
        for called, node in calls(path)
        if called in BRANCHES and node.args and not isinstance(node.args[0], ast.Constant)
    }
    assert found == CODES_HANDED_ON


def tracked() -> list[Path]:
    """Files that are, or would be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    else:  # a source archive without git
        names = [path for folder in ("agent", "tests", "docs") for path in (ROOT / folder).rglob("*")]
    return [path for path in names if path.is_file() and not path.is_symlink()]


# In parts, so that this file does not hold them.
MACHINE = ("/" + "work/", "/" + "root/")
# These scripts run in a virtual machine that the test makes: the paths are those of its own disk.
GUEST = "hardware-tests/vm/guest/"
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("deb", "debian", "org"),
        ("registry", "npmjs", "org"),
    )
)


@pytest.mark.parametrize("needle", MACHINE + REGISTRIES)
def test_no_file_names_a_machine_or_a_registry(needle: str) -> None:
    files = tracked()
    assert len(files) > 100
    found = [name_of(path) for path in files if needle.encode() in path.read_bytes()]
    assert [name for name in found if needle not in MACHINE or not name.startswith(GUEST)] == []


def test_every_document_that_the_program_names_is_there() -> None:
    named = {
        found
        for path in SOURCES
        for found in re.findall(r"docs/[A-Za-z0-9/._-]*\.md", path.read_text(encoding="utf-8"))
    }
    assert len(named) >= 5
    assert {name for name in named if not (ROOT / name).is_file()} == set()
