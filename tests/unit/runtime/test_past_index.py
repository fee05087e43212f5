"""The index of the past: the same account as a pass over all leaves, whatever lies in its file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.formats.ledger_v1 import Leaf
from agent.ledger.log import Ledger
from agent.ledger.reader import LogReader
from agent.model.errors import Halt
from agent.runtime import past_index as module
from agent.runtime.past_index import Account, PastIndex
from tests.fakes.ledgers import BOX, KEY, gap, grow


@dataclass(slots=True)
class Words:
    """A small account: how often each word, and the last number."""

    words: Counter[str] = field(default_factory=Counter)
    last: int = -1

    def take(self, leaf: Leaf) -> None:
        self.words[str(leaf.body["word"])] += 1
        assert leaf.n == self.last + 1, "a leaf was taken twice or left out"
        self.last = leaf.n


def read(value: Any) -> Words:
    return Words(words=Counter(value["words"]), last=value["last"])


WORDS: Account[Words] = Account(
    shape="words-1",
    new=Words,
    take=Words.take,
    to_json=lambda account: {"words": dict(account.words), "last": account.last},
    from_json=read,
)


class Counting:
    """A log that counts what is read of it."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self.read = 0

    @property
    def size(self) -> int:
        return self._log.size

    def root_at(self, size: int) -> bytes:
        return self._log.root_at(size)

    def leaves(self, start: int = 0) -> Iterator[Leaf]:
        for leaf in self._log.leaves(start):
            self.read += 1
            yield leaf


def whole(log: LogReader) -> Words:
    account = Words()
    for leaf in log.leaves():
        account.take(leaf)
    return account


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 700 leaves and an index over its first 600."""
    folder = tmp_path_factory.mktemp("made")
    grow(folder / "log", 600, word="a").close()
    log = LogReader(folder / "log")
    PastIndex.open(folder / "index", WORDS, log).save(log)
    grow(folder / "log", 100, word="b").close()
    return folder


def opened(folder: Path, data: bytes | None, tmp_path: Path) -> tuple[PastIndex[Words], int]:
    """The index from these bytes, and how many leaves were read for it."""
    path = tmp_path / "index"
    path.unlink(missing_ok=True)
    if data is not None:
        path.write_bytes(data)
    log = Counting(LogReader(folder / "log"))
    return PastIndex.open(path, WORDS, log), log.read


def test_only_the_newer_leaves_are_read(made: Path, tmp_path: Path) -> None:
    index, read_leaves = opened(made, (made / "index").read_bytes(), tmp_path)
    assert (index.size, read_leaves, index.unsaved) == (700, 100, 100)
    assert index.account == whole(LogReader(made / "log"))


def test_without_an_index_all_are_read(made: Path, tmp_path: Path) -> None:
    index, read_leaves = opened(made, None, tmp_path)
    assert (index.size, read_leaves) == (700, 700)
    assert index.account == whole(LogReader(made / "log"))


def _other(change: Callable[[dict[str, Any], Any], None]) -> Callable[[bytes], bytes]:
    """An index whose head and account were changed, with a checksum that fits again or not."""

    def changed(data: bytes) -> bytes:
        head, _, body = data.partition(b"\n")
        fields, account = json.loads(head), json.loads(body)
        change(fields, account)
        return json.dumps(fields).encode() + b"\n" + json.dumps(account).encode()

    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data.replace(b'"a":600', b'"a":601'),
        _other(lambda head, account: head.update(root="00" * 32)),
        _other(lambda head, account: head.update(size=599)),
        _other(lambda head, account: head.update(size=10**9)),
        _other(lambda head, account: head.update(size="600")),
        _other(lambda head, account: head.update(shape="words-0")),
        _other(lambda head, account: head.pop("v")),
        _other(lambda head, account: account.pop("last")),
        lambda data: b"[" * 100_000,
    ],
)
def test_an_index_that_is_not_good_is_made_anew(
    made: Path, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    index, read_leaves = opened(made, change((made / "index").read_bytes()), tmp_path)
    assert read_leaves == 700
    assert index.account == whole(LogReader(made / "log"))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_one_byte_becomes_the_account_is_that_of_the_leaves(
    made: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = bytearray((made / "index").read_bytes())
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] = data.draw(st.integers(0, 255))
    index, _ = opened(made, bytes(good), tmp_path_factory.mktemp("one"))
    assert index.account == whole(LogReader(made / "log"))


def test_the_index_of_another_log_is_not_believed(made: Path, tmp_path: Path) -> None:
    """The ledger was restored, or the state directory was: the ledger is right."""
    grow(tmp_path / "log", 650, word="another story").close()
    log = LogReader(tmp_path / "log")
    (tmp_path / "index").write_bytes((made / "index").read_bytes())
    assert PastIndex.open(tmp_path / "index", WORDS, log).account == whole(log)
    grow(tmp_path / "shorter" / "log", 20).close()
    shorter = LogReader(tmp_path / "shorter" / "log")
    assert PastIndex.open(tmp_path / "index", WORDS, shorter).account == whole(shorter)


def test_it_goes_on_in_small_steps_while_the_log_grows(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "log", BOX, KEY)
    index = PastIndex.open(tmp_path / "index", WORDS, ledger)
    ledger.append_many([gap(n) for n in range(300)])
    assert not index.advance(ledger, 256)
    assert (index.size, index.unsaved) == (256, 256)
    assert index.advance(ledger, 256)
    index.save(ledger)
    assert (index.size, index.unsaved) == (300, 0)
    ledger.close()


def test_a_copy_may_be_changed(made: Path, tmp_path: Path) -> None:
    index, _ = opened(made, None, tmp_path)
    copy = index.copy()
    copy.words.clear()
    assert index.account == whole(LogReader(made / "log"))


def test_a_disk_that_is_full_leaves_the_old_index(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, _ = opened(made, (made / "index").read_bytes(), tmp_path)

    def full(_path: Path, _data: bytes) -> None:
        raise Halt("disk.error", "planned", "planned")

    monkeypatch.setattr(module, "write_atomic", full)
    error = index.try_save(LogReader(made / "log"))
    assert error is not None
    assert (error.code, index.unsaved) == ("disk.error", 100)
    monkeypatch.undo()
    assert index.try_save(LogReader(made / "log")) is None
    assert opened(made, (tmp_path / "index").read_bytes(), tmp_path)[1] == 0
