"""The shipped mosquitto configuration, tried by real clients with real certificates: nobody can speak as
another one, read what is for another one, or come in without a certificate of the site's authority.

mosquitto 2.0.11 answers a forbidden publication with reason 0x87 and then hangs up, so that each such
publication here has a client of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.formats import mqtt_v1
from agent.link.client import Link, LinkSettings
from agent.link.outbox import Outbox
from agent.model.outgoing import Outgoing, Priority
from tests.fakes.brokers import SHIPPED, BrokerProcess, shipped_broker, wait_until
from tests.fakes.certificates import PEM, TestAuthority
from tests.integration.test_mqtt_link import CLOCK

pytestmark = pytest.mark.requires("mosquitto")
CONTROLLER = "controller.edgeward"
REFUSED = 0x87
# What each client asks for; the broker grants every subscription and then gives only what is allowed.
EVERYTHING = ("#", "$SYS/#", "edgeward/#")


class Site:
    """A broker as shipped, its authority, and clients with certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = TestAuthority()
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self.authority.pem)
        certificate, key = self.authority.issue(folder, "broker", usage=ExtendedKeyUsageOID.SERVER_AUTH)
        certificate.rename(folder / "broker.pem")
        key.rename(folder / "broker.key")
        self.clients: list[Client] = []

    def start(self, **more: Any) -> BrokerProcess:
        self.broker = shipped_broker(self.folder, **more)
        self.broker.start()
        return self.broker

    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text()

    def client(self, *names: str, files: tuple[Path, Path] | None = None, **more: Any) -> Client:
        made = Client(self, files or self.authority.issue(self.folder, *names), **more)
        self.clients.append(made)
        return made


class Client:
    """A client that waits for each answer. `refused` says why it did not come in, None when it did."""

    def __init__(
        self,
        site: Site,
        files: tuple[Path, Path] | None,
        *,
        client_id: str = "any",
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        will: str | None = None,
    ) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.refused: str | None = "no answer"
        self.assigned: str | None = None
        self._reasons: dict[int, int] = {}
        self._subscribed = 0
        self._ended = False
        context = ssl.create_default_context(cafile=site.ca)
        if files is not None:
            context.load_cert_chain(*files)
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol)
        client.tls_set_context(context)
        if will is not None:
            client.will_set(will, b"planted", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.reconnect_delay_set(600, 600)
        self.client = client
        try:
            client.connect(site.broker.host, site.broker.port)
        except ssl.SSLError as error:
            self.refused = f"tls {error.reason}"
            return
        client.loop_start()
        wait_until(lambda: self.refused != "no answer" or self._ended, "the broker answers")

    @property
    def inside(self) -> bool:
        return self.refused is None

    def publish(self, topic: str, payload: bytes = b"{}", *, retain: bool = False) -> int:
        """The reason code of the PUBACK."""
        info = self.client.publish(topic, payload, qos=1, retain=retain)
        wait_until(lambda: info.mid in self._reasons, f"the PUBACK for {topic}")
        return self._reasons[info.mid]

    def listen(self, *topics: str) -> None:
        wanted = self._subscribed + len(topics)
        for each in topics:
            self.client.subscribe(each, qos=1)
        wait_until(lambda: self._subscribed == wanted, f"the SUBACKs for {topics}")

    def has(self, payload: bytes) -> bool:
        return payload in [data for _, data in self.got]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: Any, properties: Any) -> None:
        self.assigned = getattr(properties, "AssignedClientIdentifier", None)
        self.refused = str(reason) if reason.is_failure else None

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if self.refused == "no answer":
            self.refused = f"closed {reason}"
        self._ended = True

    @property
    def ended(self) -> bool:
        return self._ended

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: Any, _p: Any) -> None:
        self._reasons[mid] = reason.value

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed += 1

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        self.got.append((message.topic, bytes(message.payload)))


@pytest.fixture
def idle_site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    for client in site.clients:
        client.close()
    if hasattr(site, "broker"):
        site.broker.kill()


@pytest.fixture
def site(idle_site: Site) -> Site:
    idle_site.start()
    return idle_site


def topic(box: str, rest: str) -> str:
    return f"edgeward/v1/{box}/{rest}"


def test_a_box_says_everything_of_the_contract_below_its_own_name(site: Site) -> None:
    box, controller = site.client("box-a"), site.client(CONTROLLER)
    controller.listen("edgeward/v1/#")
    said = [
        topic("box-a", rest)
        for kind in sorted(mqtt_v1._KINDS | {"check", "res"})
        for rest in (f"_/{kind}/box", f"ch0/{kind}/segment")
    ]
    for each in said:
        assert box.publish(each) < 0x80, each
    wait_until(lambda: len(controller.got) == len(said), "the controller heard it all")
    assert [each for each, _ in controller.got] == said


@pytest.mark.parametrize(
    "forbidden",
    [
        topic("box-b", "_/status/box"),
        topic("box-b", "ch0/e/segment"),
        topic("box-a", "_/cmd/channel-stop/1"),
        topic("box-b", "_/cmd/channel-stop/1"),
        topic("box-a", "_/ours/box"),
        topic("box-a", "_/cosign/head"),
        "edgeward/v1/ctl/a/witness/main",
        "edgeward/v1/ctl/state",
        "edgeward/v1/box-a",
        "edgeward/v1/box-a/status/box",
        "edgeward/v2/box-a/_/status/box",
        "homeassistant/device/box-a/config",
        "$SYS/broker/uptime",
        "elsewhere",
    ],
)
def test_a_box_can_not_say_what_is_not_its_own(site: Site, forbidden: str) -> None:
    box, controller = site.client("box-a"), site.client(CONTROLLER)
    controller.listen("edgeward/v1/#")
    if forbidden.startswith("$"):
        # mosquitto closes the connection instead of answering.
        box.client.publish(forbidden, b"{}", qos=1)
        wait_until(lambda: box.ended, "the broker hung up")
        return
    assert box.publish(forbidden, retain=True) == REFUSED
    assert site.client("box-a").publish(topic("box-a", "_/status/box")) < 0x80
    wait_until(lambda: controller.got, "the controller hears the allowed one")
    assert [each for each, _ in controller.got] == [topic("box-a", "_/status/box")]


def test_a_box_hears_only_its_own_commands_and_what_is_for_all(site: Site) -> None:
    controller = site.client(CONTROLLER)
    boxes = [site.client("box-a"), site.client("box-b")]
    for box in boxes:
        box.listen(*EVERYTHING, topic("box-a", "_/cmd/#"), topic("box-b", "#"), "edgeward/v1/+/_/cmd/#")
    assert boxes[0].publish(topic("box-a", "_/state/box"), retain=True) < 0x80
    for name in ("box-a", "box-b"):
        assert controller.publish(topic(name, "_/cmd/identify/1"), name.encode()) < 0x80
    assert controller.publish("edgeward/v1/ctl/rebirth", b"last") < 0x80
    for box, name in zip(boxes, ("box-a", "box-b"), strict=True):
        wait_until(partial(box.has, b"last"), "the last message")
        # Several subscriptions match, so a message may come more than once.
        assert set(box.got) == {
            (topic(name, "_/cmd/identify/1"), name.encode()),
            ("edgeward/v1/ctl/rebirth", b"last"),
        }


def test_the_controller_commands_and_says_nothing_as_a_box(site: Site) -> None:
    controller = site.client(CONTROLLER)
    assert controller.publish(topic("box-a", "_/cmd/identify/1")) < 0x80
    assert controller.publish("edgeward/v1/ctl/state", retain=True) < 0x80
    for forbidden in (topic("box-a", "_/status/box"), topic("box-a", "ch0/cmd/identify/1"), "elsewhere"):
        assert site.client(CONTROLLER).publish(forbidden) == REFUSED


def test_the_witness_hears_heads_and_says_cosignatures_only(site: Site) -> None:
    witness, controller = site.client("witness.edgeward"), site.client(CONTROLLER)
    boxes = [site.client("box-a"), site.client("box-b")]
    for box in boxes:
        box.listen("edgeward/v1/#")
    witness.listen("edgeward/v1/#")
    controller.listen("edgeward/v1/ctl/#")
    assert boxes[0].publish(topic("box-a", "_/status/box")) < 0x80
    assert boxes[0].publish(topic("box-a", "_/ckpt/head"), b"head") < 0x80
    wait_until(partial(witness.has, b"head"), "the head")
    assert [each for each, _ in witness.got] == [topic("box-a", "_/ckpt/head")]
    assert witness.publish(topic("box-a", "_/cosign/head"), b"cosigned") < 0x80
    assert witness.publish("edgeward/v1/ctl/a/witness/main", b"status") < 0x80
    wait_until(partial(boxes[1].has, b"status"), "what is for all")
    assert [each for each, _ in boxes[1].got] == ["edgeward/v1/ctl/a/witness/main"]
    assert boxes[0].has(b"cosigned")
    wait_until(partial(controller.has, b"status"), "the controller hears the witness's status")
    for forbidden in (topic("box-a", "_/ckpt/head"), topic("box-a", "_/cmd/identify/1")):
        assert site.client("witness.edgeward").publish(forbidden) == REFUSED


def test_nobody_comes_in_without_a_certificate_of_the_site(site: Site) -> None:
    foreign = TestAuthority("somebody else")
    now = datetime.now(UTC)
    strangers = {
        "no certificate": None,
        "another authority": foreign.issue(site.folder, "box-c"),
        "expired": site.authority.issue(site.folder, "box-d", until=now - timedelta(minutes=1)),
        "not yet valid": site.authority.issue(site.folder, "box-e", since=now + timedelta(days=1)),
        "no name": site.authority.issue(site.folder),
        "a server's": site.authority.issue(site.folder, "box-f", usage=ExtendedKeyUsageOID.SERVER_AUTH),
    }
    for what, files in strangers.items():
        client = Client(site, files)
        site.clients.append(client)
        assert not client.inside, what
    assert site.client("box-a").inside


@pytest.mark.parametrize("name", ["+", "#", "box-b/#", "+/+"])
def test_a_certificate_named_like_a_wildcard_opens_nothing(site: Site, name: str) -> None:
    files = site.authority.issue(site.folder, name.replace("/", "-"), "unused")
    public_key = load_pem_x509_certificate(files[0].read_bytes()).public_key()
    assert isinstance(public_key, EllipticCurvePublicKey)
    files[0].write_bytes(site.authority.sign(name, public_key=public_key).public_bytes(PEM))
    client, controller = site.client(files=files), site.client(CONTROLLER)
    client.listen(*EVERYTHING, topic("box-b", "_/cmd/#"))
    assert controller.publish(topic("box-b", "_/cmd/identify/1")) < 0x80
    # The broker has one thread: its answer to this comes behind all that it had for the client before.
    assert client.publish(topic("box-b", "_/status/box")) == REFUSED
    assert client.got == []


def test_a_client_id_can_not_push_out_another_box(site: Site) -> None:
    victim = site.client("box-a", client_id="box-a")
    thief = site.client("box-b", client_id="box-a")
    assert thief.publish(topic("box-b", "_/status/box")) < 0x80
    assert thief.publish(topic("box-a", "_/status/box")) == REFUSED
    assert victim.publish(topic("box-a", "_/status/box")) < 0x80
    assert not victim.ended


@pytest.mark.parametrize(("will", "heard"), [("box-b", True), ("box-a", False)])
def test_a_will_speaks_for_its_own_box_only(site: Site, will: str, heard: bool) -> None:
    controller = site.client(CONTROLLER)
    controller.listen("edgeward/v1/#")
    dying = site.client("box-b", will=topic(will, "_/status/box"))
    sock = dying.client.socket()
    assert sock is not None
    dying.client.loop_stop()
    sock.close()
    wait_until(lambda: "Client box-b closed" in site.log(), "the broker saw the end")
    assert site.client("box-c").publish(topic("box-c", "_/status/box")) < 0x80
    wait_until(lambda: topic("box-c", "_/status/box") in [each for each, _ in controller.got], "box-c")
    assert (topic(will, "_/status/box") in [each for each, _ in controller.got]) is heard


def test_a_revoked_certificate_stays_outside(idle_site: Site) -> None:
    site = idle_site
    revoked = site.authority.issue(site.folder, "box-a")
    (site.folder / "revoked.pem").write_bytes(site.authority.revoke(revoked[0]))
    site.start(uncomment=["crlfile"])
    assert not site.client(files=revoked).inside
    assert site.client("box-a").inside, "the same name with a new certificate"


def test_home_assistant_reads_and_commands_nothing(idle_site: Site) -> None:
    site = idle_site
    site.start(uncomment=["pattern write homeassistant", "user homeassistant", "topic read"])
    box, controller = site.client("box-a"), site.client(CONTROLLER)
    assert box.publish("homeassistant/device/box-a/config", b"mine", retain=True) < 0x80
    home = site.client("homeassistant.edgeward")
    home.listen("homeassistant/#", "edgeward/v1/#")
    assert controller.publish(topic("box-a", "_/cmd/identify/1")) < 0x80
    assert box.publish(topic("box-a", "_/ckpt/head")) < 0x80
    assert box.publish(topic("box-a", "ch0/state/channel"), b"state") < 0x80
    wait_until(lambda: len(home.got) >= 2, "configuration and state")
    assert [each for each, _ in home.got] == [
        "homeassistant/device/box-a/config",
        topic("box-a", "ch0/state/channel"),
    ]
    assert box.publish("homeassistant/device/box-b/config", retain=True) == REFUSED
    for forbidden in (topic("box-a", "_/cmd/identify/2"), topic("box-a", "_/status/box"), "homeassistant/x"):
        assert site.client("homeassistant.edgeward").publish(forbidden) == REFUSED


def test_a_packet_above_the_contract_ends_the_connection(site: Site) -> None:
    box = site.client("box-a")
    box.client.publish(topic("box-a", "_/state/box"), b"x" * 262144, qos=1)
    wait_until(lambda: box.ended, "the broker hung up")


def test_the_agents_link_goes_through(site: Site, tmp_path: Path) -> None:
    controller = site.client(CONTROLLER)
    controller.listen("edgeward/v1/#")
    certificate, key = site.authority.issue(tmp_path, "box-a")
    outbox = Outbox.open(tmp_path / "outbox.db", "box-a", "boot")
    settings = LinkSettings(
        host=site.broker.host,
        port=site.broker.port,
        box="box-a",
        tls_ca=site.ca,
        tls_cert=certificate,
        tls_key=key,
    )
    link = Link(settings, tmp_path / "outbox.db", "boot", CLOCK, dict, lambda: 0.0)
    link.start()
    try:
        event = Outgoing(entity="ch0", kind="e", type="segment", body={}, priority=Priority.EVENT)
        outbox.put(event, CLOCK.now())
        link.notify()
        wait_until(lambda: len(controller.got) == 3, "birth, status, event")
        assert link.stats.refused == 0
    finally:
        link.stop(10)
        outbox.close()


def test_the_shipped_files_keep_to_the_contract() -> None:
    conf = (SHIPPED / "edgeward.conf").read_text()
    assert f"\nmax_packet_size {mqtt_v1.MAX_BYTES}\n" in conf
    assert "\nallow_anonymous false\n" in conf
    # Debian's main file has these already; mosquitto refuses to start when they come twice.
    assert "persistence_location" not in [line.split(" ")[0] for line in conf.splitlines()]
    acl = (SHIPPED / "edgeward.acl").read_text()
    for kind in mqtt_v1._KINDS:
        assert f"\npattern write edgeward/v1/%u/+/{kind}/#\n" in acl, kind
