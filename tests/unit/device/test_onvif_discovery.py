"""Looking for cameras on loopback: who answers is told, who answers something else is not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from threading import Thread
from uuid import UUID

import pytest

from agent.device.onvif_discovery import Found, discover, open_socket, probe, read_answer
from agent.host.clock import SystemClock
from agent.model.errors import Retry

QUESTION = UUID("11111111-2222-4333-8444-555555555555")
HOST = "127.0.0.1"


def _answer(
    *,
    relates_to: str = f"urn:uuid:{QUESTION}",
    addresses: str = f"http://{HOST}/onvif/device_service",
    scopes: str = "onvif://www.onvif.org/name/Ward%203 onvif://www.onvif.org/hardware/SIM-1",
    before: str = "",
) -> bytes:
    return (
        f'{before}<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>'
        f"<a:RelatesTo>{relates_to}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>"
        f"<d:Scopes>{scopes}</d:Scopes><d:XAddrs>{addresses}</d:XAddrs></d:ProbeMatch></d:ProbeMatches>"
        "</s:Body></s:Envelope>"
    ).encode()


GOOD = Found(host=HOST, addresses=(f"http://{HOST}/onvif/device_service",), name="Ward 3", hardware="SIM-1")


@pytest.fixture
def camera() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as made:
        made.bind((HOST, 0))
        yield made


def test_an_answer_is_read() -> None:
    assert read_answer(_answer(), QUESTION, HOST) == GOOD
    assert read_answer(_answer(relates_to=f"uuid:{str(QUESTION).upper()}"), QUESTION, HOST) == GOOD


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        _answer(relates_to="urn:uuid:99999999-2222-4333-8444-555555555555"),
        _answer(relates_to=""),
        _answer(before='<!DOCTYPE a [<!ENTITY x "y">]>'),
        probe(QUESTION),
    ],
)
def test_what_is_no_answer_to_this_question_is_nothing(data: bytes) -> None:
    assert read_answer(data, QUESTION, HOST) is None


def test_addresses_of_others_are_left_out() -> None:
    others = f"http://192.0.2.7/x http://{HOST}@192.0.2.7/ ftp://{HOST}/ http://[bad http://{HOST}:8080/y"
    found = read_answer(
        _answer(addresses=others, scopes="\tonvif://www.onvif.org/name/a%00b"), QUESTION, HOST
    )
    assert found == Found(host=HOST, addresses=(f"http://{HOST}:8080/y",), name="a b", hardware=None)


def test_the_question_reaches_a_camera_and_its_answers_come_once(camera: socket.socket) -> None:
    heard = []

    def answer() -> None:
        data, who = camera.recvfrom(65_535)
        heard.append(data)
        for one in (b"noise", _answer(), _answer(), _answer(scopes="")):
            camera.sendto(one, who)

    thread = Thread(target=answer)
    thread.start()
    with closing(open_socket(HOST)) as asking:
        answers = discover(asking, QUESTION, SystemClock(), 30.0, camera.getsockname())
        found = list(islice(answers, 2))
        assert asking.getsockname()[0] == HOST
        assert asking.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 1
        interface = asking.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4)
        assert socket.inet_ntoa(interface) == HOST
    thread.join()
    assert found == [GOOD, Found(host=HOST, addresses=GOOD.addresses, name=None, hardware=None)]
    assert heard == [probe(QUESTION)]


def test_where_nobody_answers_it_ends(camera: socket.socket) -> None:
    with closing(open_socket(HOST)) as asking:
        assert list(discover(asking, QUESTION, SystemClock(), 0.05, camera.getsockname())) == []


@pytest.mark.parametrize("interface", ["192.0.2.1", "no address"])
def test_an_interface_that_is_not_ours_is_refused(interface: str) -> None:
    with pytest.raises(Retry) as caught:
        open_socket(interface)
    assert caught.value.code == "discovery.interface"
