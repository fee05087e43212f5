"""Packets from a channel's process to its derivative's: never waiting, whole groups or none, holes told."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import cast

import pytest

from agent.model.device_report import DeviceReport
from agent.model.media import Captured, EncodedPacket, StreamFacts
from agent.model.ports.source import Source
from agent.model.spec import Codec
from agent.runtime import derivative_handover as handover
from agent.runtime.derivative_handover import Coded, Feed, StreamTold, Tap, media_pair
from tests.fakes.derived_films import all_of

SECOND = 1_000_000_000
FACTS = StreamFacts(
    codec=Codec.H265,
    width=1920,
    height=1080,
    time_base=Fraction(1, 90000),
    declared_rate=Fraction(30000, 1001),
    has_audio=True,
    extradata=bytes(range(200)),
    device=DeviceReport(manufacturer="Maker", model="Model", firmware="1.2", serial="4711"),
)


class OpenSource:
    """The part of a source that a tap looks at."""

    def __init__(self, facts: StreamFacts = FACTS) -> None:
        self.facts = facts


def source(facts: StreamFacts = FACTS) -> Source:
    return cast(Source, OpenSource(facts))


def packet(number: int, *, key: bool = False, size: int = 100, begins: bool = False) -> Captured:
    """25 of them in a second; the bytes say which it is."""
    data = number.to_bytes(4, "big") + os.urandom(size)
    coded = cast(EncodedPacket, data)
    return Captured(coded, number * SECOND // 25, number * 3600, number * 3600 - 10, key, size, begins=begins)


def number_of(coded: Coded) -> int:
    return int.from_bytes(coded.data[:4], "big")


class Pair:
    """Both ends. `reads` takes what is there."""

    def __init__(self) -> None:
        self.ours, self.theirs = media_pair()
        # As much as every machine allows.
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 << 10)
        openings = iter(range(1000))
        self.tap = Tap(self.ours, lambda: f"opening {next(openings)}")
        self.feed = Feed(self.theirs)
        self.tap.opened(source())

    def reads(self) -> list[StreamTold | Coded]:
        return list(all_of(self.feed))

    def numbers(self) -> list[int]:
        return [number_of(message) for message in self.reads() if isinstance(message, Coded)]

    def group(self, first: int, count: int, size: int = 100) -> None:
        for number in range(first, first + count):
            self.tap.take(packet(number, key=number == first, size=size))

    def catches_up(self, first: int, groups: int = 8) -> list[StreamTold | Coded]:
        """The reader reads as the packets come; all that waits is through after a while."""
        messages = self.reads()
        for number in range(first, first + groups * 25):
            self.tap.take(packet(number, key=number % 25 == 0))
            messages += self.reads()
        return messages


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    with made.ours, made.theirs:
        yield made


def test_facts_come_before_each_key_frame_and_packets_unchanged(pair: Pair) -> None:
    sent = [packet(0, key=True, size=70_000), packet(1), packet(2, key=True)]
    for one in sent:
        pair.tap.take(one)
    told, first, second, told_again, third = pair.reads()
    assert isinstance(told, StreamTold) and told.hole
    assert told_again == replace(told, hole=False)
    assert (told.codec, told.width, told.height, told.time_base) == ("h265", 1920, 1080, Fraction(1, 90000))
    assert (told.rate, told.extradata, told.opening) == (FACTS.declared_rate, FACTS.extradata, "opening 0")
    for was, got in zip(sent, (first, second, third), strict=True):
        assert got == Coded(
            data=cast(bytes, was.packet),
            pts=was.pts,
            dts=was.dts,
            arrived_ns=was.arrived_ns,
            left_out=0,
            is_key=was.is_key,
        )


def test_of_the_device_only_what_a_profile_is_found_by_is_handed_over(pair: Pair) -> None:
    pair.group(0, 1)
    told = pair.reads()[0]
    assert isinstance(told, StreamTold) and told.device is not None
    assert (told.device.manufacturer, told.device.model, told.device.firmware) == ("Maker", "Model", "1.2")
    assert told.device.serial is None


def test_nothing_is_handed_over_before_a_key_frame(pair: Pair) -> None:
    pair.tap.take(packet(0))
    pair.group(1, 2)
    assert pair.numbers() == [1, 2]
    assert pair.tap.left_out == 1


def test_each_opening_and_each_new_beginning_has_a_word_of_its_own(pair: Pair) -> None:
    pair.group(0, 2)
    pair.tap.opened(source())
    pair.tap.take(packet(2))  # hangs on a key frame of before
    pair.group(3, 1)
    pair.tap.take(packet(4, key=True, begins=True))
    openings = [message.opening for message in pair.reads() if isinstance(message, StreamTold)]
    assert openings == ["opening 0", "opening 1", "opening 2"]


def test_nobody_reads_and_the_tap_neither_waits_nor_grows(pair: Pair) -> None:
    for group in range(200):
        pair.group(group * 25, 25, size=20_000)
        waiting = sum(one.size for one in pair.tap._groups)  # how much memory it holds
        assert waiting <= handover.LARGEST_BYTES
    got = [number_of(message) for message in pair.catches_up(5000) if isinstance(message, Coded)]
    assert pair.tap.left_out > 0 and len(got) + pair.tap.left_out == 5000 + 8 * 25
    # Whole groups are missing, and what there is of one begins with its key frame.
    starts = [number for before, number in zip([-2, *got], got, strict=False) if number != before + 1]
    assert all(number % 25 == 0 for number in starts) and len(starts) >= 2


def test_what_waits_longer_than_four_seconds_is_left_out_first(pair: Pair) -> None:
    for group in range(10):  # 10 s, more than the socket takes and less than the tap may hold
        pair.group(group * 25, 25, size=40_000)
    oldest = pair.tap._groups[0].messages[0].since_ns
    assert 9 * SECOND + 24 * SECOND // 25 - oldest <= handover.LONGEST_NS
    assert pair.tap.left_out == 6 * 25 - len(pair.numbers())


def test_a_hole_is_told_with_the_next_facts_and_counted(pair: Pair) -> None:
    for group in range(20):
        pair.group(group * 25, 25, size=40_000)
    messages = pair.catches_up(500)
    holes = [message.hole for message in messages if isinstance(message, StreamTold)]
    assert holes[0] and holes.count(True) >= 2 and not holes[-1]
    last = [message for message in messages if isinstance(message, Coded)][-1]
    assert last.left_out == pair.tap.left_out > 0


def test_a_group_that_never_ends_is_left_out_until_the_next_key_frame(pair: Pair) -> None:
    pair.group(0, 600, size=40_000)
    assert pair.tap.left_out > 0
    before = pair.numbers()
    pair.tap.take(packet(600, size=10))
    pair.group(601, 2)
    assert pair.numbers()[-2:] == [601, 602] and 600 not in before


def test_a_reader_that_begins_in_the_middle_begins_with_facts(pair: Pair) -> None:
    pair.group(0, 3, size=70_000)
    pair.theirs.recv(1 << 20)  # a part of it went to a process that died
    pair.group(3, 2)
    told, *rest = list(all_of(Feed(pair.theirs)))
    assert isinstance(told, StreamTold) and told.hole
    assert [number_of(one) for one in rest if isinstance(one, Coded)] == [3, 4]


def test_another_writer_at_the_other_end_is_a_hole(pair: Pair) -> None:
    pair.group(0, 2)
    first = pair.reads()
    other = Tap(pair.ours, lambda: "another process")
    other.opened(source())
    other.take(packet(7, key=True))
    told, coded = pair.reads()
    assert isinstance(told, StreamTold) and told.hole and told.opening == "another process"
    assert isinstance(coded, Coded) and number_of(coded) == 7
    assert len(first) == 3


def test_with_nobody_at_the_other_end_nothing_is_raised(pair: Pair) -> None:
    pair.theirs.close()
    pair.group(0, 3)
    assert pair.tap.left_out == 0


@pytest.mark.parametrize("datagram", [b"\x01", b"\x01" * 12], ids=["one-byte", "a-byte-short"])
def test_what_no_tap_sends_ends_the_reading_process(datagram: bytes) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.send(datagram)
        with pytest.raises(ValueError):
            Feed(theirs).receive(0)


def test_nothing_there_is_none(pair: Pair) -> None:
    assert pair.feed.receive(0) is None
