"""Simulated boxes over a real broker: what they say passes the console's checks, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.brokers import wait_until
from tests.fakes.console_site import Site, site
from tests.fakes.consoles import PASSWORD, Person
from tests.fakes.operators import sign

pytestmark = pytest.mark.requires("mosquitto")


@pytest.fixture(scope="module")
def running_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), faults=600.0) as found:
        yield found


def test_three_boxes_seven_channels_and_their_faults(running_site: Site) -> None:
    li = Person(running_site.console)
    assert li.log_in("li", PASSWORD).status_code == 200
    stream = li.listen()

    def state() -> dict[str, int]:
        found: dict[str, int] = li.get("/fleet")["console"]
        return found

    wait_until(lambda: (state()["boxes"], state()["channels"]) == (3, 7), "all are there")
    wait_until(lambda: stream.of("measured"), "measurements come", 30)
    wait_until(lambda: stream.alarms("source.lost"), "a fault is told", 30)
    told = li.get("/fleet")
    assert state()["refused"] == 0
    assert {box["missing"] for box in told["boxes"]} == {0}
    draft = li.post("/commands/draft", {"box": "or-1", "type": "identify", "args": {}, "valid_s": 600})
    order = li.post("/commands", {"note": sign(draft.json()["text"], "li").decode()}).json()
    wait_until(lambda: li.get(f"/commands/{order['cmd_id']}")["state"] == "succeeded", "the box answers")


def test_the_page_and_its_files_are_served(running_site: Site) -> None:
    page = httpx.get(running_site.console.url)
    assert page.headers["content-type"].startswith("text/html")
    assert httpx.get(f"{running_site.console.url}/static/js/store.js").status_code == 200


def test_keys_of_the_site_are_files_that_only_we_read(running_site: Site) -> None:
    files: list[Path] = sorted(running_site.keys.iterdir())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 4
