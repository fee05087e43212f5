"""The fleet's page with many boxes: what it shows first, what it leaves out, and when its console goes.

One viewer looks at three boxes of two wards; the last test kills the console.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.fakes.brokers import mosquitto_broker, running
from tests.fakes.console_browser import HOLE, MANY, AnsweringBox, Desk, chromium
from tests.fakes.consoles import ConsoleProcess, people
from tests.fakes.voices import STATE, alarm

pytestmark = pytest.mark.requires("mosquitto", "chromium")
BOXES = """() => import("/static/js/store.js").then(({ store }) => store.boxes.size)"""
ROWS = ".v-row[data-key]:not(.v-ward)"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleProcess]:
    with running(mosquitto_broker(tmp_path_factory.mktemp("broker"))) as broker:
        found = ConsoleProcess(tmp_path_factory.mktemp("console"), broker)
        found.start()
        boxes = [AnsweringBox(broker, name, site=site) for name, site in SITES]
        boxes[0].say("ch0/state/channel", {**STATE, "signal": "absent", "width": None, "height": None})
        boxes[1].say("ch0/state/channel", {**STATE, "recording": "0193", "verdict": "degraded"})
        for box, code in ((boxes[0], "source.lost"), (boxes[1], "spec.degraded"), (boxes[1], "link.down")):
            severity = "critical" if code == "source.lost" else "warning"
            box.say(f"ch0/a/{code.replace('.', '-')}", alarm(code, severity=severity), retain=True)
        try:
            yield found
        finally:
            found.kill()
            for box in boxes:
                box.close()


SITES = (("or-2", "Theatres"), ("or-10", "Theatres"), ("icu-1", "Intensive care"))


@pytest.fixture(scope="module")
def li(console: ConsoleProcess) -> Iterator[Desk]:
    with chromium() as browser:
        admin, person = people(console, ("li", "operator", "li"))
        found = Desk(browser, console.url, person=person)
        yield found
        admin.close()
        person.close()
        found.close()


def order(desk: Desk) -> list[str]:
    """The rows as they stand on the screen, from the top."""
    return sorted(
        (str(row.get_attribute("data-key")) for row in desk.find(ROWS).all()),
        # What is shown has a box.
        key=lambda key: float(desk.find(f'[data-key="{key}"]').bounding_box()["y"]),  # type: ignore[index]
    )


def test_wards_and_boxes_stand_in_the_order_of_their_names(li: Desk) -> None:
    expect(li.find(ROWS)).to_have_count(3)
    assert order(li) == ["icu-1/ch0", "or-2/ch0", "or-10/ch0"]
    expect(li.find(".v-ward")).to_have_text(["Intensive care1 box · 0 of 1 channels record",
                                             "Theatres2 boxes · 1 of 2 channels record"])  # fmt: skip
    li.press("Alarms", ".v-head")
    assert order(li) == ["or-10/ch0", "or-2/ch0", "icu-1/ch0"]  # two new ones, one, none
    li.press("Box", ".v-head")
    assert order(li) == ["icu-1/ch0", "or-2/ch0", "or-10/ch0"]


@pytest.mark.parametrize(
    ("tile", "shown"), [("no-signal", ["or-2"]), ("verdict", ["or-10"]), ("idle", ["icu-1", "or-2"])]
)
def test_a_number_shows_the_boxes_that_it_counts(li: Desk, tile: str, shown: list[str]) -> None:
    li.go("fleet")
    li.find(f'[data-tile="{tile}"]').click()
    expect(li.find(ROWS)).to_have_count(len(shown))
    assert order(li) == [f"{name}/ch0" for name in shown]
    expect(li.find(f'[data-tile="{tile}"]')).to_be_focused()
    li.find(f'[data-tile="{tile}"]').click()
    expect(li.find(ROWS)).to_have_count(3)


def test_alarms_that_nobody_saw_stand_first_the_critical_before_all(li: Desk) -> None:
    found = li.find(".fleet-alarms li")
    expect(found).to_have_count(3)
    expect(found.first).to_contain_text("Source lost")
    li.go("alarms")
    li.page.get_by_label("All", exact=True).check()
    li.press("Acknowledge", ".acts")
    expect(li.find("dialog h2")).to_have_text("Acknowledge 3 alarms")
    li.press("I look into it", "dialog")
    li.press("Acknowledge", "dialog form")
    expect(li.find("tbody tr.acknowledged")).to_have_count(3)
    li.go("fleet")
    expect(li.find(".fleet-alarms")).to_be_hidden()


def test_a_thousand_boxes_are_a_few_rows_of_the_page(
    li: Desk, record_property: Callable[[str, object], None]
) -> None:
    drawn_ms = li.page.evaluate(
        MANY,
        "icu-1",
    )
    record_property("ms to draw 1000 boxes with 4 channels", round(drawn_ms))
    rows = int(li.find(".v-table").get_attribute("aria-rowcount") or 0)
    assert rows > 4000
    assert li.find(".v-row[data-key]").count() < 120
    li.page.fill("main input[type=search]", "many-777")
    expect(li.find('.v-row[data-key="many-777/ch3"]')).to_be_visible()
    assert li.find(".v-row[data-key]").count() == 5


def test_a_minute_without_measurements_is_a_hole_in_the_curve(li: Desk) -> None:
    coloured = li.page.evaluate(HOLE)
    assert coloured[0] > 0
    assert coloured[1] == 0
    assert coloured[2] > 0


def test_a_console_that_comes_back_asks_who_is_there(li: Desk, console: ConsoleProcess) -> None:
    li.go("fleet")
    li.page.reload()
    expect(li.find(".health")).to_contain_text("Live")
    expect(li.find(ROWS)).to_have_count(3)
    console.kill()
    expect(li.find(".health")).to_contain_text("No connection: values are old")
    expect(li.find(ROWS)).to_have_count(3)
    console.start()
    expect(li.find(".notice")).to_contain_text("Your session has ended")
    assert li.page.evaluate(BOXES) == 0
    # The stream that broke has a line of its own in the browser's log.
    li.errors = [one for one in li.errors if "ERR_" not in one]
