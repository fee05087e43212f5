"""Accounts as JSON: equal after the way there and back, shared objects still shared; also the real one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from agent.ledger.reader import LogReader
from agent.model.ids import ChannelId
from agent.model.outgoing import Json
from agent.runtime.account_codec import from_plain, shape_of, to_plain
from agent.runtime.past import Past, take
from agent.runtime.past_index import Account, PastIndex
from agent.runtime.telemetry import Alarm
from tests.unit.runtime.vaults import SmallBox


class Colour(StrEnum):
    RED = "red"


@dataclass(slots=True, kw_only=True)
class Leafy:
    name: str
    other: Leafy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    colour: Colour
    data: bytes
    body: Mapping[str, Json]


@dataclass(slots=True, kw_only=True)
class Everything:
    by_pair: dict[tuple[str, str], None] = field(default_factory=dict)
    ids: dict[ChannelId, set[str]] = field(default_factory=dict)
    leafy: dict[str, Leafy] = field(default_factory=dict)
    again: list[Leafy] = field(default_factory=list)
    frozen: tuple[Frozen, ...] = ()
    pair: tuple[int, str] = (0, "")
    maybe: int | None = None
    flag: bool = False


def there_and_back(value: Any) -> Any:
    return from_plain(type(value), json.loads(json.dumps(to_plain(value))))


def everything() -> Everything:
    one, two = Leafy(name="one"), Leafy(name="two")
    one.other, two.other = two, one  # a ring
    return Everything(
        by_pair={("a", "b"): None, ("a", "c"): None},
        ids={ChannelId("ch0"): {"x", "y"}},
        leafy={"1": one},
        again=[two, one],
        frozen=(Frozen(colour=Colour.RED, data=b"\x00\xff", body={"a": [1, None, {"b": True}]}),),
        pair=(3, "x"),
        flag=True,
    )


def test_all_kinds_come_back_and_shared_objects_are_shared() -> None:
    found = there_and_back(everything())
    assert found.again[1] is found.leafy["1"]
    assert found.again[0].other is found.again[1]
    assert found.again[1].other is found.again[0]
    assert (found.frozen, found.pair, found.by_pair, found.ids) == (
        everything().frozen, everything().pair, everything().by_pair, everything().ids,
    )  # fmt: skip
    assert (found.maybe, found.flag, type(found.frozen[0].colour)) == (None, True, Colour)
    assert list(found.by_pair) == [("a", "b"), ("a", "c")]


@pytest.mark.parametrize(
    "objects",
    [[], {}, None, [[]], [["x"] * 8], [[[], [], [["1", 9]], [], [], [3, "x"], None, True]], [[[], 1]]],
)
def test_other_json_is_refused(objects: Any) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        from_plain(Everything, objects)


def test_what_no_account_can_hold_is_our_mistake() -> None:
    @dataclass
    class Wrong:
        number: float = 0.5

    with pytest.raises(TypeError):
        to_plain(Wrong())


def test_the_shape_follows_the_fields() -> None:
    assert shape_of(Everything) == shape_of(Everything)
    assert len({shape_of(Everything), shape_of(Leafy), shape_of(Frozen), shape_of(Past)}) == 4


PAST: Account[Past] = Account(
    shape=shape_of(Past),
    new=Past,
    take=take,
    to_json=to_plain,
    from_json=lambda value: from_plain(Past, value),
)


def test_the_real_account_of_a_real_vault(tmp_path: Path) -> None:
    """At each leaf: what was written there goes on exactly like what was never written."""
    box = SmallBox(tmp_path)
    box.record(segments=2, recordings=2)
    with box.running() as run:
        box.begin(run)
        alarm = Alarm(entity="_", code="test.alarm", severity="warning", text="t", remedy="r")
        run.book.raise_alarm(alarm)
    log = LogReader(box.vault / "ledger")
    whole = Past()
    for leaf in log.leaves():
        take(whole, leaf)
    for size in range(0, log.size, 3):
        index = PastIndex(tmp_path / "index", PAST, Past(), 0)
        index.advance(log, size)
        index.save(log)
        assert PastIndex.open(tmp_path / "index", PAST, log).account == whole
    assert whole.alarms
    index = PastIndex.open(tmp_path / "index", PAST, log)
    assert index.copy() == whole
    assert index.copy() is not index.account
