"""The channel's end of the socket pair: whole messages, a timeout that is no error, a keeper that is gone."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from agent.formats.ipc_v1 import MAX_BYTES, StartRecording, StopChannel, Stopped, decode_from_channel, encode
from agent.runtime.message_socket import KeeperGone, MessageSocket

ORDER = StartRecording(recording="r", directory="/v", recipient="age1x", next_number=3, epoch_mono_ns=None)


@pytest.fixture
def pair() -> Iterator[tuple[MessageSocket, socket.socket]]:
    theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, ours:
        yield MessageSocket(ours), theirs


def test_messages_keep_their_borders(pair: tuple[MessageSocket, socket.socket]) -> None:
    channel, keeper = pair
    channel.send(Stopped())
    channel.send(Stopped())
    assert decode_from_channel(keeper.recv(MAX_BYTES)) == Stopped()
    assert decode_from_channel(keeper.recv(MAX_BYTES)) == Stopped()
    keeper.send(encode(ORDER))
    keeper.send(encode(StopChannel()))
    assert channel.receive(1) == ORDER
    assert channel.receive(1) == StopChannel()


def test_nothing_in_time_is_none(pair: tuple[MessageSocket, socket.socket]) -> None:
    channel, _ = pair
    assert channel.receive(0) is None
    assert channel.receive_bytes(0.01) is None


def test_a_keeper_that_died_is_noticed_on_both_ways(pair: tuple[MessageSocket, socket.socket]) -> None:
    channel, keeper = pair
    keeper.close()
    with pytest.raises(KeeperGone):
        channel.receive(1)
    with pytest.raises(KeeperGone):
        channel.send(Stopped())


def test_what_the_keeper_said_before_it_died_is_still_heard(
    pair: tuple[MessageSocket, socket.socket],
) -> None:
    channel, keeper = pair
    keeper.send(encode(ORDER))
    keeper.close()
    assert channel.receive(1) == ORDER
    with pytest.raises(KeeperGone):
        channel.receive(1)


def test_a_message_that_the_keeper_did_not_read_does_not_hide_its_death(
    pair: tuple[MessageSocket, socket.socket],
) -> None:
    """The kernel then says ECONNRESET instead of an end."""
    channel, keeper = pair
    channel.send(Stopped())
    keeper.close()
    with pytest.raises(KeeperGone):
        channel.receive(1)
