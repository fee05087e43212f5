"""`edgeward unseal -i KEY [FILE]`: one age file, any age v1 writer's, to stdout in constant memory."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from agent.cli.common import add_identities, identities_of, tell
from agent.cli.exits import Exit
from agent.host.files import translate, write_all
from agent.model.errors import Refuse
from agent.seal.age_reader import open_stream

EXAMPLE = "edgeward unseal -i rk.txt 00000000.mp4.age (to stdout: add > video.mp4)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_identities(parser, "a key file, of either suite")
    parser.add_argument("file", nargs="?", metavar="FILE", help="default: stdin, as for -")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 for a whole file, 3 for one that ends too early (after its verified part), 1 for a bad one."""
    identities = identities_of(arguments)
    source = None if arguments.file in (None, "-") else Path(arguments.file)
    descriptor = sys.stdin.fileno() if source is None else _open(source)
    try:
        for chunk in open_stream(_reader(descriptor, source or Path("stdin")), identities):
            _write(chunk)
    except Refuse as error:
        if error.code != "seal.truncated":
            raise
        tell(error)
        return Exit.TRUNCATED
    finally:
        if source is not None:
            os.close(descriptor)
    return Exit.OK


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise _unreadable(path, error) from None


def _reader(descriptor: int, path: Path) -> Callable[[int], bytes]:
    def read(count: int) -> bytes:
        try:
            return os.read(descriptor, count)
        except OSError as error:
            raise _unreadable(path, error) from None

    return read


def _unreadable(path: Path, error: OSError) -> Refuse:
    return Refuse("file.unreadable", f"{path} can't be read: {error.strerror}", "check its path and owner")


def _write(chunk: bytes) -> None:
    try:
        write_all(sys.stdout.fileno(), chunk)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise translate(error, Path("stdout"), "writing") from None
