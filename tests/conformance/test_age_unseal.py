"""`edgeward unseal`: age files of both suites, from file or stdin, in constant memory; damage and exits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.formats.age_v1 import CHUNK
from agent.seal.age_writer import AgeWriter, seal_bytes
from agent.seal.recording_key import KeyPair, new_key_pair
from agent.seal.suites import SUITES

ROOT = Path(__file__).parents[2]
KEYS = {suite.NAME: new_key_pair(os.urandom, suite.NAME) for suite in SUITES}
CLASSIC = KEYS["age-x25519"]
PLAIN = bytes(range(256)) * 1000  # three whole chunks and a short one
EDGEWARD = [sys.executable, "-m", "agent.cli.main"]
# Prints the largest resident set of the program that it runs, in KiB, on stderr.
MEASURED = (
    "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text("# both kinds\n" + "".join(pair.identity + "\n" for pair in KEYS.values()))
    return path


def unseal(key: Path, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*EDGEWARD, "unseal", "-i", str(key), *arguments],
        cwd=ROOT,
        input=data,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("pair", KEYS.values(), ids=KEYS.keys())
def test_a_whole_file_by_name_and_from_stdin(pair: KeyPair, key_file: Path, tmp_path: Path) -> None:
    sealed = seal_bytes(PLAIN, [pair.recipient], os.urandom)
    (tmp_path / "x.age").write_bytes(sealed)
    for done in (unseal(key_file, str(tmp_path / "x.age")), unseal(key_file, data=sealed)):
        assert (done.returncode, done.stdout, done.stderr) == (0, PLAIN, b"")


@pytest.mark.requires("age")
def test_a_file_of_stock_age(key_file: Path) -> None:
    command = ["age", "-r", CLASSIC.recipient]
    theirs = subprocess.run(command, input=PLAIN, capture_output=True, check=True).stdout
    assert unseal(key_file, "-", data=theirs).stdout == PLAIN


def test_several_key_files(key_file: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.txt"
    stranger.write_text(new_key_pair(os.urandom).identity + "\n")
    sealed = seal_bytes(PLAIN, [CLASSIC.recipient], os.urandom)
    assert unseal(stranger, "-i", str(key_file), data=sealed).stdout == PLAIN
    refused = unseal(stranger, data=sealed)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"[seal.no-matching-key]" in refused.stderr


@pytest.mark.parametrize(("cut", "chunks"), [(1, 3), (300, 3), (256_000 - 2 * CHUNK, 2), (10**9, 0)])
def test_a_cut_file_gives_its_verified_part_and_exit_3(cut: int, chunks: int, key_file: Path) -> None:
    sealed = seal_bytes(PLAIN, [CLASSIC.recipient], os.urandom)
    done = unseal(key_file, data=sealed[: max(90, len(sealed) - cut)])
    assert (done.returncode, done.stdout) == (3, PLAIN[: chunks * CHUNK])
    assert b"[seal.truncated]" in done.stderr
    assert b"what to do: " in done.stderr


def test_a_damaged_file_is_exit_1_after_the_chunks_before(key_file: Path) -> None:
    sealed = bytearray(seal_bytes(PLAIN, [CLASSIC.recipient], os.urandom))
    sealed[184 + (CHUNK + 16) + 5] ^= 1
    done = unseal(key_file, data=bytes(sealed))
    assert (done.returncode, done.stdout) == (1, PLAIN[:CHUNK])
    assert b"[seal.corrupt]" in done.stderr


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"hello, this is no age file\n", b"not an age v1 file"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", b"but its armor"),
        (b"age-encryption.org/v2\n", b"not an age v1 file"),
    ],
)
def test_what_is_no_age_file(data: bytes, told: bytes, key_file: Path) -> None:
    done = unseal(key_file, data=data)
    assert (done.returncode, done.stdout) == (1, b"")
    assert told in done.stderr and b"[seal.age-header]" in done.stderr


def test_unusable_files_and_keys_are_named(key_file: Path, tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.age", b"file.unreadable"), (tmp_path, b"file.unreadable")):
        done = unseal(key_file, str(path))
        assert (done.returncode, done.stdout) == (1, b"")
        assert code in done.stderr and str(path).encode() in done.stderr
    done = unseal(tmp_path / "none.txt", data=b"")
    assert (done.returncode, b"[open.no-key]" in done.stderr) == (1, True)
    assert subprocess.run([*EDGEWARD, "unseal"], cwd=ROOT, capture_output=True, check=False).returncode == 64


def test_a_full_disk_and_a_reader_that_leaves(key_file: Path, tmp_path: Path) -> None:
    (tmp_path / "x.age").write_bytes(seal_bytes(PLAIN * 20, [CLASSIC.recipient], os.urandom))
    command = [*EDGEWARD, "unseal", "-i", str(key_file), str(tmp_path / "x.age")]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, b"[disk.full]" in done.stderr) == (69, True)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as leaving:
        assert leaving.stdout is not None and leaving.stderr is not None
        assert leaving.stdout.read(1) == PLAIN[:1]
        leaving.stdout.close()
        assert leaving.stderr.read() == b""
    assert leaving.returncode == 1


def sealed_stream(mebibytes: int) -> Iterator[bytes]:
    writer = AgeWriter([CLASSIC.recipient], os.urandom)
    yield writer.begin().data
    for _ in range(mebibytes):
        piece = writer.update(bytes(1 << 20))
        if piece is not None:
            yield piece.data
    yield writer.finish().data


def peak_kib(key: Path, mebibytes: int) -> int:
    command = [sys.executable, "-c", MEASURED, *EDGEWARD, "unseal", "-i", str(key)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as running:
        assert running.stdin is not None and running.stderr is not None
        for piece in sealed_stream(mebibytes):
            running.stdin.write(piece)
        running.stdin.close()
        told = running.stderr.read()
    assert running.returncode == 0
    return int(told)


def test_memory_does_not_grow_with_the_file(key_file: Path) -> None:
    small, large = peak_kib(key_file, 1), peak_kib(key_file, 96)
    assert large - small < 4096, f"{small} KiB for 1 MiB, {large} KiB for 96 MiB"
