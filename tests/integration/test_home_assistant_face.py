"""The discovery message over the broker as shipped: it comes; where it is refused, all else still goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.link.client import Link, LinkSettings
from agent.link.home_assistant import FaceChannel, discovery
from agent.link.outbox import Outbox
from agent.model.outgoing import Outgoing, Priority
from tests.fakes.brokers import wait_until
from tests.integration.test_broker_access import CONTROLLER, Site
from tests.integration.test_mqtt_link import CLOCK

pytestmark = pytest.mark.requires("mosquitto")
FACE = discovery("box-a", site="", version="1.0", channels=[FaceChannel(id="ch0", name="")])
ALLOW = ["pattern write homeassistant", "user homeassistant", "topic read"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    for client in made.clients:
        client.close()
    made.broker.kill()


def _link(site: Site) -> Link:
    certificate, key = site.authority.issue(site.folder, "box-a")
    settings = LinkSettings(
        host=site.broker.host,
        port=site.broker.port,
        box="box-a",
        tls_ca=site.ca,
        tls_cert=certificate,
        tls_key=key,
        face=FACE,
    )
    return Link(settings, site.folder / "outbox.db", "boot", CLOCK, dict, lambda: 0.0)


def test_it_is_retained_and_numbers_nothing(site: Site) -> None:
    site.start(uncomment=ALLOW)
    link = _link(site)
    link.start()
    try:
        wait_until(lambda: link.stats.sent == 2, "birth and status")
        home = site.client("homeassistant.edgeward")
        home.listen("homeassistant/#")
        wait_until(lambda: home.got, "the retained message")
        assert home.got == [FACE]
    finally:
        link.stop(10)
    assert link.stats.refused == link.stats.reconnects == 0


def test_a_broker_that_refuses_it_gets_everything_else(site: Site) -> None:
    site.start()
    controller = site.client(CONTROLLER)
    controller.listen("edgeward/v1/#")
    outbox = Outbox.open(site.folder / "outbox.db", "box-a", "boot")
    link = _link(site)
    link.start()
    try:
        for number in range(50):
            event = Outgoing(
                entity="ch0", kind="e", type="segment", body={"number": number}, priority=Priority.EVENT
            )
            outbox.put(event, CLOCK.now())
            link.notify()
        wait_until(lambda: not outbox.depth(CLOCK.now()).total_rows, "all is said")
        assert 1 <= link.stats.reconnects <= 3
    finally:
        link.stop(10)
        outbox.close()
