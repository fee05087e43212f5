"""The console's page in a real browser, before a real console, broker and answering boxes.

Each test ends with no error in the browser's log and no violation of the content security policy (`Desk`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from playwright.sync_api import Browser, expect

from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running
from tests.fakes.console_browser import AnsweringBox, Desk, chromium, key_file
from tests.fakes.consoles import PASSWORD, ConsoleProcess, Person, people, running_console
from tests.fakes.operators import sign
from tests.fakes.voices import alarm

pytestmark = pytest.mark.requires("mosquitto", "chromium")
ACCOUNTS = (
    ("li", "operator", "li"), ("wang", "operator", "wang"), ("zhao", "security-officer", "zhao"),
    ("ida", "viewer", None), ("qian", "auditor", None),
)  # fmt: skip
Open: TypeAlias = Callable[[str | None], Desk]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with running(mosquitto_broker(tmp_path_factory.mktemp("broker"))) as found:
        yield found


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, broker: BrokerProcess) -> Iterator[ConsoleProcess]:
    with running_console(tmp_path_factory.mktemp("console"), broker) as found:
        yield found


@pytest.fixture(scope="module")
def persons(console: ConsoleProcess) -> Iterator[dict[str, Person]]:
    """Everybody's session, by account."""
    found = people(console, *ACCOUNTS)
    yield dict(zip(("admin", *(account for account, _, _ in ACCOUNTS)), found, strict=True))
    for person in found:
        person.close()


@pytest.fixture
def box(broker: BrokerProcess, request: pytest.FixtureRequest) -> Iterator[AnsweringBox]:
    """One for each test, so that alarms and commands of another one are not in the way."""
    found = AnsweringBox(broker, "box-" + request.node.name.removeprefix("test_").replace("_", "-")[:40])
    yield found
    found.close()


@pytest.fixture
def desk(browser: Browser, console: ConsoleProcess, persons: dict[str, Person]) -> Iterator[Open]:
    opened: list[Desk] = []

    def open_desk(account: str | None) -> Desk:
        found = Desk(browser, console.url, person=None if account is None else persons[account])
        opened.append(found)
        return found

    yield open_desk
    for one in opened:
        one.close()


def test_a_person_signs_in_and_every_view_carries_who_where_and_when(desk: Open, box: AnsweringBox) -> None:
    li = desk(None)
    li.page.fill("input[name=account]", "li")
    li.page.fill("input[name=password]", "a wrong password")
    li.page.click("button[type=submit]")
    expect(li.find(".refusal", "login.refused")).to_be_visible()
    li.sign_in("li")

    for view in ("fleet", f"box/{box.name}", "alarms", "checks", "recordings", "commands", "trust"):
        li.go(view)
        expect(li.find("main").get_by_role("heading", level=1).first).to_be_attached()
        mark = li.find("#watermark")
        expect(mark).to_contain_text("Li (li)")
        expect(mark).to_contain_text("127.0.0.1 · Ward 3")
        expect(mark).to_contain_text("UTC")
    assert li.page.evaluate("getComputedStyle(document.getElementById('watermark')).pointerEvents") == "none"
    li.page.emulate_media(media="print")
    expect(li.find("#watermark svg")).to_be_visible()


def test_a_fault_appears(
    desk: Open, box: AnsweringBox, record_property: Callable[[str, object], None]
) -> None:
    ida = desk("ida")
    expect(ida.find(f'.v-row[data-key="{box.name}/ch0"]')).to_be_visible()
    ida.page.evaluate(
        """name => {
          const see = () => {
            if (window.seen || !document.querySelector(`.fleet-alarms a[href$="${name}"]`)) return;
            window.seen = performance.timeOrigin + performance.now();
          };
          new MutationObserver(see).observe(document.body, { childList: true, subtree: true });
        }""",
        box.name,
    )
    begun = time.time()
    box.say("ch0/a/source-lost", alarm("source.lost", "ch0"), retain=True)

    expect(ida.find(f'.fleet-alarms a[href$="{box.name}"]')).to_be_visible()
    expect(ida.find(".fleet-alarms li", box.name)).to_contain_text("Source lost")
    expect(ida.find("#called")).to_contain_text(f"{box.name}, Source lost")
    record_property("ms from the message to the page", round(ida.page.evaluate("window.seen") - begun * 1000))


def test_an_alarm_is_acknowledged_and_closed_with_a_reason(desk: Open, box: AnsweringBox) -> None:
    box.say("ch0/a/source-lost", alarm("source.lost", "ch0"), retain=True)
    li, zhao = desk("li"), desk("zhao")
    for one in (li, zhao):
        one.go(f"alarms?box={box.name}")
    li.find("tbody tr", box.name).locator(".link").click()
    expect(li.find(".side h2")).to_have_text("Source lost")
    expect(li.find(".side").get_by_role("button", name="Close", exact=True).last).to_be_disabled()

    li.press("Acknowledge", ".side")
    li.press("Acknowledge", "dialog")
    expect(li.find("dialog .refusal")).to_contain_text("Say why")
    li.press("I look into it", "dialog")
    li.press("Acknowledge", "dialog")
    expect(li.find("dialog")).to_have_count(0)

    expect(zhao.find("tbody tr", box.name)).to_contain_text("acknowledged")  # without a reload
    expect(li.find(".side .steps")).to_contain_text("I look into it")
    box.clear("ch0/a/source-lost")
    expect(zhao.find("tbody tr", box.name)).to_contain_text("gone")
    zhao.find(f'input[aria-label^="{box.name}"]').check()
    zhao.press("Close", ".acts")
    zhao.page.fill("dialog input[name=reason]", "the cable was loose")
    zhao.press("Close", "dialog form")

    expect(li.find("tbody tr", box.name)).to_have_count(0)
    li.press("Closed", ".tools")
    li.find("tbody tr", box.name).locator(".link").click()
    expect(li.find(".side .steps")).to_contain_text("zhao")
    expect(li.find(".side .steps")).to_contain_text("the cable was loose")


def test_a_check_is_run_and_its_report_read_in_two_languages(
    desk: Open, box: AnsweringBox, tmp_path: Path
) -> None:
    li = desk("li")
    li.go(f"box/{box.name}")
    li.press("Run a check")
    li.page.select_option("select[name=arg-profile]", "visit")
    li.press("Show what is to be signed")
    expect(li.find("pre.note")).to_contain_text('"type":"check.run"')
    li.page.set_input_files("#key-file", key_file(tmp_path, "li"))
    li.press("Sign and send")

    expect(li.find(".command-head")).to_contain_text("succeeded")
    for step in ("signed", "with the broker", "accepted by the box", "succeeded"):
        expect(li.find(".command .steps")).to_contain_text(step)
    assert len(box.notes) == 1
    li.find("a", "Read the report").click()
    expect(li.find(".report-head")).to_contain_text("Something needs attention")
    expect(li.find(".report-head")).to_contain_text("by a key the box says itself")
    expect(li.find(".finding.warn").first).to_contain_text("the disk lasts for 60 h only")
    expect(li.find(".finding.warn").last).to_contain_text("toString")
    expect(li.find(".finding.fail")).to_contain_text("technician")
    li.page.locator("body").press("l")
    expect(li.find(".finding.warn").first).to_contain_text("磁盘")
    expect(li.find(".report-head")).to_contain_text("有项目需要处理")


def new_command(person: Desk, box: AnsweringBox, kind: str) -> None:
    """The form for a command, once the console has heard of the box."""
    expect(person.find(f'.v-row[data-key="{box.name}/ch0"]')).to_be_visible()
    person.go(f"commands/new?box={box.name}&type={kind}")


def test_a_command_of_two_people_waits_for_the_second_one(
    desk: Open, box: AnsweringBox, tmp_path: Path
) -> None:
    wang, zhao = desk("wang"), desk("zhao")
    new_command(wang, box, "plan.set")
    wang.page.fill("input[name=arg-base]", "ab" * 32)
    wang.page.fill("textarea[name=arg-plan]", '{"scene": "surgery"')
    wang.press("Show what is to be signed")
    expect(wang.find(".refusal")).to_contain_text("no JSON object")
    wang.page.fill("textarea[name=arg-plan]", '{"scene": "surgery"}')
    wang.press("Show what is to be signed")
    wang.page.set_input_files("#key-file", key_file(tmp_path, "zhao"))
    expect(wang.find(".refusal", "edgeward.operator/zhao")).to_be_visible()
    wang.page.set_input_files("#key-file", key_file(tmp_path, "wang"))
    wang.press("Sign and send")

    expect(wang.find(".command-head")).to_contain_text("waits for a signature")
    expect(wang.find(".notice")).to_contain_text("Another person must sign")
    assert box.notes == []
    expect(zhao.find(".rail .count")).to_have_text("1")  # without a reload
    zhao.go("commands")
    zhao.find("tbody tr", box.name).get_by_role("link").first.click()
    expect(zhao.find("pre.note")).to_contain_text('"scene":"surgery"')
    zhao.page.set_input_files("#key-file", key_file(tmp_path, "zhao"))
    zhao.press("Sign as second person")

    for one in (wang, zhao):
        expect(one.find(".command-head")).to_contain_text("succeeded")
        expect(one.find(".signers")).to_contain_text("wang")
        expect(one.find(".signers")).to_contain_text("zhao")
    assert len(box.notes) == 1
    assert box.notes[0].count("\n— edgeward.operator/") == 2


def test_a_note_signed_at_a_terminal_is_brought_back(desk: Open, box: AnsweringBox, tmp_path: Path) -> None:
    li = desk("li")
    new_command(li, box, "maintenance")
    li.press("Show what is to be signed")
    with li.page.expect_download() as taken:
        li.press("Download")
    text = taken.value.path().read_bytes().decode()
    assert json.loads(text.split("\n")[1])["type"] == "maintenance"
    forged, signed = tmp_path / "forged.note", tmp_path / "signed.note"
    forged.write_bytes(sign(text, "li").replace(b'"on":true', b'"on":false'))
    signed.write_bytes(sign(text, "li"))
    li.page.set_input_files("#note-file", forged)
    expect(li.find(".refusal", "command.forged")).to_be_visible()
    li.page.set_input_files("#note-file", signed)
    expect(li.find(".command-head")).to_contain_text("succeeded")


def test_the_language_changes_everywhere_and_is_remembered(desk: Open, box: AnsweringBox) -> None:
    ida = desk("ida")
    expect(ida.find(".rail")).to_contain_text("Fleet")
    ida.find(".person summary").click()
    ida.press("中文")
    expect(ida.page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(ida.find(".rail")).to_contain_text("设备总览")
    expect(ida.find(f'.v-row[data-key="{box.name}/ch0"]')).to_contain_text("有信号")
    ida.page.reload()
    expect(ida.find(".rail")).to_contain_text("告警")
    ida.find(".person summary").click()
    ida.press("深色")
    expect(ida.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_who_has_no_part_in_it_is_refused(desk: Open, box: AnsweringBox) -> None:
    box.say("ch0/a/source-lost", alarm("source.lost", "ch0"), retain=True)
    ida, qian = desk("ida"), desk("qian")
    expect(ida.find(".fleet-alarms li", box.name)).to_be_visible()
    expect(ida.find(".fleet-alarms").get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(ida.find(".rail")).not_to_contain_text("Audit record")
    ida.go("audit")
    expect(ida.find("main")).to_contain_text("Your role has no part in this.")
    # Who writes their own page is refused by the console.
    code = ida.page.evaluate(
        """() => import("/static/js/api.js").then((api) =>
             api.post("/alarms/acknowledge", { ids: ["x"], reason: "x" }).catch((error) => error.code))"""
    )
    assert code == "role.refused"
    qian.go("audit")
    expect(qian.find("tbody tr", "refused").first).to_contain_text("ida")
    qian.press("Verify the chain")
    expect(qian.find(".chain")).to_contain_text("Unbroken")


def test_a_page_that_nobody_uses_signs_off(desk: Open, box: AnsweringBox) -> None:
    li = desk(None)
    li.page.clock.install()
    li.page.reload()
    li.sign_in("li")
    li.go(f"box/{box.name}?tab=charts")  # which asks for its curves by itself
    li.page.clock.fast_forward(28 * 60 * 1000)
    expect(li.find(".health")).not_to_contain_text("Signing off")
    li.page.clock.fast_forward(90_000)
    expect(li.find(".health")).to_contain_text("Signing off in")
    li.page.keyboard.press("Shift")
    expect(li.find(".health")).not_to_contain_text("Signing off")
    li.page.clock.fast_forward(30 * 60 * 1000)
    expect(li.find(".notice")).to_contain_text("Nobody used the page")
    li.page.reload()
    expect(li.find("input[name=account]")).to_be_visible()


def test_every_window_is_of_the_person_who_signed_in_last(desk: Open, persons: dict[str, Person]) -> None:
    li = desk("li")
    expect(li.find("#watermark")).to_contain_text("Li (li)")
    for cookie, value in dict(persons["ida"]._client.cookies).items():
        li.context.add_cookies([{"name": cookie, "value": value, "url": li.url}])
    second = li.context.new_page()
    second.goto(li.url)
    expect(li.find("#watermark")).to_contain_text("Ida (ida)")
    expect(li.find("header.top")).to_contain_text("viewer")


def test_names_of_a_hostile_box_are_text(desk: Open, broker: BrokerProcess) -> None:
    channel = {
        "id": "ch0", "name": HOSTILE, "source": HOSTILE, "category": HOSTILE[:60], "level": 4, "width": 1920,
        "height": 1080, "rate": "25",
    }  # fmt: skip
    hostile = AnsweringBox(broker, "hostile-1", site=HOSTILE, channels=[channel], versions={"agent": HOSTILE})
    hostile.say("ch0/a/source-lost", alarm("source.lost", "ch0", text=HOSTILE, remedy=HOSTILE), retain=True)
    hostile.say("ch0/e/gap", {
        "channel": "ch0", "cause": HOSTILE[:60], "from": "2026-11-24T00:00:00.000000Z",
        "to": "2026-11-24T00:00:01.000000Z", "duration_ms": 1000, "recording": None, "leaf": 3,
    })  # fmt: skip
    zhao = desk("zhao")
    for view in ("fleet", "box/hostile-1", "box/hostile-1?tab=events", "alarms?box=hostile-1"):
        zhao.go(view)
        expect(zhao.find("main", "<script>alert(1)</script>")).to_be_visible()
    zhao.find("tbody tr", "hostile-1").locator(".link").click()
    expect(zhao.find(".side .said")).to_have_text(HOSTILE)
    assert zhao.page.locator("main img, main script").count() == 0
    hostile.close()


def test_everything_is_reached_with_the_keyboard(desk: Open, box: AnsweringBox) -> None:
    ida = desk("ida")
    row = ida.find(f'.v-row[data-key="{box.name}/ch0"]')
    expect(row).to_be_visible()
    keys = ida.page.keyboard
    ida.page.locator("body").press("Tab")
    expect(ida.find("a.skip")).to_be_focused()
    keys.press("Enter")
    expect(ida.find("main")).to_be_focused()
    keys.press("/")
    keys.type(box.name)
    expect(ida.find(".v-row[data-key]")).to_have_count(2)  # its ward and its channel
    keys.press("Tab")
    ida.find("main").focus()
    keys.press("j")
    keys.press("Enter")
    expect(ida.page.get_by_role("heading", level=1)).to_have_text(box.name)
    keys.press("g")
    keys.press("a")
    expect(ida.page.get_by_role("heading", level=1)).to_have_text("Alarms")
    keys.press("?")
    expect(ida.find("dialog")).to_contain_text("next, previous row")
    outline = ida.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    keys.press("Escape")
    expect(ida.find("dialog")).to_have_count(0)


def test_an_admin_makes_an_account_and_its_person_chooses_a_password(desk: Open) -> None:
    admin, new = desk("admin"), desk(None)
    admin.go("accounts")
    admin.press("New account")
    admin.page.fill("dialog input[name=account]", "chen")
    admin.page.fill("dialog input[name=name]", "Chen Wei")
    admin.page.check("#role-viewer")
    admin.press("New account", "dialog")
    secret = admin.find("[data-secret]").inner_text()
    admin.page.keyboard.press("Escape")
    expect(admin.find("tbody tr", "chen")).to_contain_text("has not chosen a password")

    new.page.fill("input[name=account]", "chen")
    new.page.fill("input[name=password]", secret)
    new.page.click("button[type=submit]")
    expect(new.find("h1")).to_have_text("Change password")
    new.page.fill("input[name=old]", secret)
    new.page.fill("input[name=new]", "chen and more words")
    new.page.fill("input[name=again]", "chen and more words")
    new.page.click("button[type=submit]")
    expect(new.find(".refusal")).to_contain_text("password.weak")
    new.page.fill("input[name=new]", PASSWORD)
    new.page.fill("input[name=again]", PASSWORD)
    new.page.click("button[type=submit]")
    expect(new.find("header.top")).to_contain_text("Chen Wei (chen)")


def test_a_key_is_forgotten_at_the_end_of_the_session(desk: Open, box: AnsweringBox, tmp_path: Path) -> None:
    li = desk(None)
    li.sign_in("li")
    new_command(li, box, "identify")
    li.press("Show what is to be signed")
    li.page.set_input_files("#key-file", key_file(tmp_path, "li"))
    held = """() => import("/static/js/signing.js").then((found) => found.heldKey()?.name ?? null)"""
    expect(li.find(".way").first).to_contain_text("edgeward.operator/li")
    assert li.page.evaluate(held) == "edgeward.operator/li"
    li.find(".person summary").click()
    li.press("Sign off")
    expect(li.find("input[name=account]")).to_be_visible()
    assert li.page.evaluate(held) is None
    assert li.page.evaluate("JSON.stringify(localStorage)").find("PRIVATE") == -1
