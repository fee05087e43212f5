"""A live decoder trusts nothing that hangs on something broken, and never raises for what it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.deid.live_decoder import Decoded, LiveDecoder
from agent.runtime.derivative_handover import Coded
from tests.fakes.derived_films import broken, facts_and_packets, handed
from tests.fakes.face_films import write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4")


def decoded(film: Path, change: dict[int, Coded | None] | None = None) -> list[Decoded]:
    told, packets = facts_and_packets(handed(film))
    decoder = LiveDecoder(told.codec, told.extradata)
    found: list[Decoded] = []
    for number, coded in enumerate(packets):
        one = (change or {}).get(number, coded)
        if one is not None:
            found += decoder.decode(one.data, one.pts, one.dts, told.time_base, one.arrived_ns)
    return found + decoder.drain()


def test_every_picture_comes_once_with_the_times_of_its_packet(film: Path) -> None:
    _, packets = facts_and_packets(handed(film))
    found = decoded(film)
    assert [one.pts for one in found] == sorted(packet.pts for packet in packets)
    assert all(one.readable and one.frame is not None for one in found)
    arrivals = {packet.pts: packet.arrived_ns for packet in packets}
    assert {one.pts: one.arrived_ns for one in found} == arrivals


def test_what_hangs_on_a_broken_packet_is_not_readable_until_the_next_key_frame(film: Path) -> None:
    _, packets = facts_and_packets(handed(film))
    keys = [packet.pts for packet in packets if packet.is_key]
    hit = next(n for n, packet in enumerate(packets) if packet.pts > keys[0] and not packet.is_key)
    found = {one.pts: one.readable for one in decoded(film, {hit: broken(packets[hit])})}
    after = [pts for pts in found if packets[hit].pts <= pts < keys[1]]
    assert after and not any(found[pts] for pts in after)
    assert all(found[pts] for pts in found if pts >= keys[1])


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x00\x00\x01\x65", bytes(range(256)) * 8])
def test_bytes_of_any_kind_give_no_readable_picture(film: Path, data: bytes) -> None:
    told, _ = facts_and_packets(handed(film))
    decoder = LiveDecoder(told.codec, told.extradata)
    found = decoder.decode(data, 0, 0, told.time_base, 5) + decoder.drain()
    assert not any(one.readable for one in found)


def test_pictures_without_a_key_frame_before_them_are_not_readable(film: Path) -> None:
    found = decoded(film, {0: None})
    _, packets = facts_and_packets(handed(film))
    second = [packet.pts for packet in packets if packet.is_key][1]
    assert not any(one.readable for one in found if one.pts < second)
