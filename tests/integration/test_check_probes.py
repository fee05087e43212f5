"""The probes of the health checks against a broker as shipped, an RTSP server and an ONVIF camera."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.formats.config_sources import OnvifSource
from agent.formats.config_v1 import AgentConfig, ChannelConfig, MqttConfig, RtspSource
from agent.health import rtsp_door
from agent.health.site import Skip
from agent.host.clock import SystemClock
from agent.runtime import check_broker, status
from agent.runtime.check_broker import broker_door, foreign_topic
from agent.runtime.check_device import Devices, knock
from tests.fakes.brokers import BrokerProcess, mosquitto, running, shipped_broker
from tests.fakes.certificates import TestAuthority
from tests.fakes.onvif_camera import PASSWORD, USER, OnvifCamera, onvif_camera
from tests.fakes.rtsp import rtsp_server
from tests.fakes.sites import healthy

BOX = "test-box"


class Shipped:
    """A broker with the shipped configuration and this box's certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = TestAuthority()
        (folder / "ca.pem").write_bytes(self.authority.pem)
        files = self.authority.issue(folder, "broker", usage=ExtendedKeyUsageOID.SERVER_AUTH)
        files[0].rename(folder / "broker.pem")
        files[1].rename(folder / "broker.key")
        self.broker: BrokerProcess = shipped_broker(folder)
        certificate, key = self.authority.issue(folder, BOX)
        self.mqtt = MqttConfig(
            host="127.0.0.1",
            port=self.broker.port,
            ca_file=folder / "ca.pem",
            cert_file=certificate,
            key_file=key,
        )


@pytest.fixture
def shipped(tmp_path: Path) -> Iterator[Shipped]:
    site = Shipped(tmp_path)
    with running(site.broker):
        yield site


def config_with(folder: Path, mqtt: MqttConfig) -> AgentConfig:
    return healthy(folder / "box").config.model_copy(update={"mqtt": mqtt})


@pytest.mark.requires("mosquitto")
def test_a_good_broker_shows_when_its_certificate_ends(shipped: Shipped) -> None:
    door = broker_door(shipped.mqtt)
    assert (door.word, door.detail) == ("open", "")
    left = datetime.fromtimestamp((door.not_after_ns or 0) / 1e9, UTC) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    assert (door.path_mtu or 0) >= 1400


@pytest.mark.requires("mosquitto")
def test_an_authority_that_is_not_ours_is_not_trusted(shipped: Shipped, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(TestAuthority("somebody else").pem)
    door = broker_door(shipped.mqtt.model_copy(update={"ca_file": tmp_path / "other.pem"}))
    assert (door.word, door.not_after_ns) == ("untrusted", None)
    assert "certificate" in door.detail


@pytest.mark.requires("mosquitto")
def test_a_port_without_tls_is_told_as_such(tmp_path: Path, shipped: Shipped) -> None:
    (tmp_path / "plain").mkdir()
    with mosquitto(tmp_path / "plain") as (host, port):
        assert broker_door(shipped.mqtt.model_copy(update={"host": host, "port": port})).word == "no-tls"


def test_a_port_that_nobody_listens_on_gives_no_answer() -> None:
    assert broker_door(MqttConfig(host="127.0.0.1", port=9)).word == "no-answer"


@pytest.mark.requires("mosquitto")
def test_the_shipped_access_list_refuses_what_the_open_broker_takes(tmp_path: Path, shipped: Shipped) -> None:
    assert foreign_topic(config_with(tmp_path, shipped.mqtt), SystemClock()) == "refused"
    (tmp_path / "plain").mkdir()
    with mosquitto(tmp_path / "plain") as (host, port):
        mqtt = MqttConfig(host=host, port=port, tls=False)
        assert foreign_topic(config_with(tmp_path / "2", mqtt), SystemClock()) == "taken"


@pytest.mark.requires("mosquitto")
def test_while_an_agent_lives_the_access_list_is_not_tried(tmp_path: Path, shipped: Shipped) -> None:
    """Its pid is alive though its status is old: it hangs, and its session is still its own."""
    config = config_with(tmp_path, shipped.mqtt)
    config.box.runtime_dir.mkdir(parents=True)
    status.write(config.box.runtime_dir, {"running": True, "pid": 1, "mono_ns": 0})
    with pytest.raises(Skip) as skip:
        foreign_topic(config, SystemClock())
    assert skip.value.reason == "running"
    assert f"as {BOX}" not in (shipped.folder / "mosquitto.log").read_text()


def test_nobody_has_the_name_that_is_tried(tmp_path: Path) -> None:
    assert healthy(tmp_path).config.box.id != check_broker.NOBODY


@pytest.mark.requires("gst-rtsp-server")
def test_the_door_of_a_camera_without_and_with_a_login() -> None:
    with rtsp_server() as camera:
        assert knock(camera.url, None) == "open"
    with rtsp_server(user="admin", password="12345") as camera:
        assert knock(camera.url, None) == "closed"
        assert knock(camera.url, ("admin", "12345")) == "open"
        assert knock(camera.url, ("admin", "other")) == "closed"
        assert knock(camera.url + "-not-there", None) in ("closed", "other")
    assert knock(camera.url, None) == "no-answer"


def test_a_camera_that_is_switched_off_is_no_answer() -> None:
    assert rtsp_door.knock("rtsp://127.0.0.1:9/cam") == "no-answer"


def onvif_channel(folder: Path, url: str, channel: str = "ch0") -> ChannelConfig:
    folder.mkdir(exist_ok=True)
    secret = folder / f"{channel}.pw"
    secret.write_text(PASSWORD)
    secret.chmod(0o400)
    source = OnvifSource(kind="onvif", url=url, username=USER, password_file=str(secret))
    [found] = healthy(folder / channel).config.channel
    return found.model_copy(update={"id": channel, "source": source})


def test_old_firmware_is_found_by_asking_the_camera_and_nothing_is_written_to_it(tmp_path: Path) -> None:
    old = OnvifCamera(firmware="V5.4.5 build 170124", stream_uri="rtsp://127.0.0.1:9/x")
    with onvif_camera(old) as camera:
        seen = Devices([onvif_channel(tmp_path, f"http://127.0.0.1:{camera.port}")]).get("ch0")
        written = [name for name in camera.operations if name.startswith("Set")]
    assert (seen.known, seen.firmware, seen.floors) == (True, "V5.4.5 build 170124", True)
    assert any(doubt.below and "CVE-2021-36260" in doubt.advisories for doubt in seen.doubts)
    assert seen.stream_url == "rtsp://127.0.0.1:9/x"
    assert written == []


def test_new_firmware_of_the_same_camera_is_none(tmp_path: Path) -> None:
    with onvif_camera(OnvifCamera(firmware="V5.7.12 build 240101")) as camera:
        seen = Devices([onvif_channel(tmp_path, f"http://127.0.0.1:{camera.port}")]).get("ch0")
    assert (seen.floors, seen.doubts) == (True, ())


def test_a_camera_that_is_off_is_skipped_and_the_other_one_is_still_asked(tmp_path: Path) -> None:
    with onvif_camera() as camera:
        channels = [
            onvif_channel(tmp_path, "http://127.0.0.1:9", "ch0"),
            onvif_channel(tmp_path / "b", f"http://127.0.0.1:{camera.port}", "ch1"),
        ]
        devices = Devices(channels)
        with pytest.raises(Skip) as skip:
            devices.get("ch0")
        asked = len(camera.operations)
        assert devices.get("ch1").known
        assert len(camera.operations) == asked
    assert skip.value.reason == "no-answer"


def test_an_rtsp_camera_is_known_only_when_its_profile_is_named(tmp_path: Path) -> None:
    [channel] = healthy(tmp_path).config.channel
    assert Devices([channel]).get("ch0").profile == "hikvision/any-camera"
    nameless = channel.model_copy(update={"source": RtspSource(kind="rtsp", url="rtsp://127.0.0.1:9/cam")})
    seen = Devices([nameless]).get("ch0")
    assert (seen.known, seen.firmware) == (False, None)


def test_what_a_camera_s_process_says_is_not_believed_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.runtime.check_device._ASKING", ("/bin/echo", '{"ch0": {"firmware": ["x"]}}'))
    seen = Devices([onvif_channel(tmp_path, "http://127.0.0.1:9")]).get("ch0")
    assert (seen.known, seen.firmware) == (False, None)
    monkeypatch.setattr("agent.runtime.check_device._ASKING", ("/bin/false",))
    with pytest.raises(Skip):
        Devices([onvif_channel(tmp_path / "b", "http://127.0.0.1:9")]).get("ch0")
