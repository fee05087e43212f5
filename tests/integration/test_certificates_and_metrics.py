"""A real agent on the broker as shipped: enrolled, its certificate watched, its metrics written.

Story: a certificate that ends in five days is an alarm at the controller; it is renewed while the agent runs,
and the alarm is taken back; the metrics say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.cli.main import main
from tests.fakes.agents import SYNTHETIC, make_box, running, wait_for_segments
from tests.fakes.brokers import wait_until
from tests.integration.test_broker_access import CONTROLLER, Site

pytestmark = pytest.mark.requires("mosquitto")
ALARM = "edgeward/v1/test-box/_/a/mqtt-certificate-ending"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "broker"
    folder.mkdir()
    made = Site(folder)
    made.start()
    yield made
    for client in made.clients:
        client.close()
    made.broker.kill()


def test_from_enrolment_to_a_renewed_certificate(site: Site, tmp_path: Path) -> None:
    root = tmp_path / "box"
    root.mkdir()
    state, textfile = root / "state", root / "edgeward.prom"
    extra = (
        f'[mqtt]\nhost = "127.0.0.1"\nport = {site.broker.port}\nca_file = "{state}/mqtt-ca.pem"\n'
        f'cert_file = "{state}/mqtt.pem"\nkey_file = "{state}/mqtt.key"\n'
        f'[metrics]\ntextfile = "{textfile}"\n'
    )
    box = make_box(root, source=SYNTHETIC, extra=extra)
    command = ["enroll", "-c", str(box.config)]
    assert main(command) == 0
    request = (state / "mqtt.csr").read_bytes()
    soon = site.authority.sign_request(request, until=datetime.now(UTC) + timedelta(days=5))
    certificate = tmp_path / "sent.pem"
    certificate.write_bytes(soon)
    install = [*command, "--install", str(certificate), "--ca", str(site.ca)]
    assert main(install) == 0
    controller = site.client(CONTROLLER)
    controller.listen("edgeward/v1/#")
    with running(box):
        wait_for_segments(box, 1)
        wait_until(lambda: [data for topic, data in controller.got if topic == ALARM], "the alarm")
        certificate.write_bytes(site.authority.sign_request(request))
        assert main(install) == 0
        wait_until(lambda: (ALARM, b"") in controller.got, "the alarm is taken back", 60)
    metrics = {
        sample.name: sample.value
        for family in text_string_to_metric_families(textfile.read_text())
        for sample in family.samples
    }
    assert metrics["edgeward_running"] == 0
    assert metrics["edgeward_ledger_leaves_total"] == len(box.leaves()) - 1, (
        "the last leaf is the stop itself"
    )
