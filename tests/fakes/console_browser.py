"""People at a real browser in front of a real console, and a box that answers them.

Guarantees: a `Desk` remembers every error that the page or the browser's policies tell; refusals of the API,
which browsers log too, are kept apart in `refusals`. `AnsweringBox` speaks the MQTT contract and answers
each command once, with a signed report for `check.run`. Nothing here sleeps or looks beyond loopback.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from agent.formats import check_report_v1
from agent.formats.check_report_v1 import Report
from agent.ledger.signing import SigningKey
from agent.model.finding import Finding, Judged, Owner, Status
from agent.model.times import rfc3339
from tests.fakes.brokers import BrokerProcess, wait_until
from tests.fakes.consoles import PASSWORD, Person
from tests.fakes.operators import KEYS
from tests.fakes.voices import BIRTH, ONLINE, STATE, Mouth, Voice

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
# Browsers log every refusal that a page gets; the page shows it in its own words.
_REFUSAL = "Failed to load resource: the server responded with a status of 4"
_GONE = "Failed to load resource: net::ERR_CONNECTION_REFUSED"
_WATCH = """
addEventListener("securitypolicyviolation", (event) => {
  console.error("POLICY", event.violatedDirective, event.blockedURI, event.sourceFile);
});
"""

# The fleet with a thousand boxes more, all like the one that is named; gives the milliseconds to draw them.
MANY = """async (name) => {
  const { store, takeBoxes } = await import("/static/js/store.js");
  const model = store.boxes.get(name);
  const channel = model.channels.ch0;
  const rows = Array.from({ length: 1000 }, (_, n) => ({
    ...structuredClone(model), box: `many-${n}`, site: `Ward ${n % 40}`,
    channels: Object.fromEntries([0, 1, 2, 3].map((c) => [`ch${c}`, structuredClone(channel)])),
  }));
  takeBoxes(rows);
  const view = document.querySelector("main input[type=search]");
  const begun = performance.now();
  view.dispatchEvent(new Event("input"));
  document.querySelector(".v-table").getBoundingClientRect();
  return performance.now() - begun;
}"""
# A curve with a hole in its middle third; gives how many pixels of it are in each third.
HOLE = """async () => {
  const { chart } = await import("/static/js/charts.js");
  const times = Array.from({ length: 60 }, (_, n) => 1_700_000_000 + 60 * n);
  const values = times.map((_, n) => (n >= 20 && n < 40 ? null : 25));
  const lines = [{ title: "x", values, tone: "bad" }];
  const made = chart("x", times, lines, String, { from: times[0], to: times[59] });
  document.querySelector("main").append(made.node);
  made.draw();
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  const canvas = made.node.querySelector("canvas");
  const over = made.node.querySelector(".u-over").getBoundingClientRect();
  const left = (over.left - canvas.getBoundingClientRect().left) * devicePixelRatio;
  const third = (over.width * devicePixelRatio) / 3;
  const red = (n) => {
    const at = Math.round(left + n * third + third * 0.1);
    const width = Math.round(third * 0.8);
    const { data } = canvas.getContext("2d").getImageData(at, 0, width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i] > data[i + 1] + 60 && data[i + 3] > 100) found += 1;
    }
    return found;
  };
  const found = [red(0), red(1), red(2)];
  made.stop();
  return found;
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Desk:
    """One browser with a storage of its own. With `person` it has their session already.

    A console lets a terminal try ten passwords a minute, so not every test can type one.
    """

    def __init__(
        self, browser: Browser, url: str, *, person: Person | None = None, language: str = "en-GB"
    ) -> None:  # fmt: skip
        self.url = url
        self.errors: list[str] = []
        self.refusals: list[str] = []
        self.context: BrowserContext = browser.new_context(
            locale=language, viewport={"width": 1366, "height": 768}
        )
        if person is not None:
            for name, value in dict(person._client.cookies).items():
                self.context.add_cookies([{"name": name, "value": value, "url": url}])
        self.context.add_init_script(_WATCH)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.goto(url)
        if person is not None:
            self.page.wait_for_selector("header.top")

    def sign_in(self, account: str, password: str = PASSWORD) -> None:
        """Through the form, up to the first view."""
        self.page.fill("input[name=account]", account)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_selector("header.top")

    def go(self, place: str) -> None:
        """To the view behind `#/`."""
        self.page.evaluate("place => { location.hash = place; }", f"#/{place}")

    def find(self, selector: str, text: str | None = None) -> Locator:
        """Elements of the page, perhaps with a text in them."""
        return self.page.locator(selector, has_text=text)

    def press(self, name: str, within: str = "body") -> None:
        """The button with exactly this name."""
        self.page.locator(within).get_by_role("button", name=name, exact=True).click()

    def close(self) -> None:
        """Checks that nothing was told that a good page does not tell."""
        self.context.close()
        assert self.errors == []

    def _told(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        if message.text.startswith((_REFUSAL, _GONE)) and "/api/v1/" in message.location["url"]:
            self.refusals.append(message.location["url"])
        else:
            self.errors.append(f"{message.text} {message.location}")

    def _dialog(self, dialog: Any) -> None:
        self.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


def key_file(folder: Path, name: str) -> Path:
    """The key file of an operator, as `edgeward command keygen` writes it."""
    path = folder / f"{name}.key"
    if not path.exists():
        KEYS[name].save(path)
    return path


class AnsweringBox:
    """A box with one channel that does what it is told."""

    def __init__(self, broker: BrokerProcess, name: str, **birth: Any) -> None:
        self.name = name
        self.key = SigningKey.generate(sha256(name.encode()).digest(), f"edgeward.box/{name}")
        self.voice = Voice(box=name)
        self.notes: list[str] = []
        self.mouth = Mouth(broker, name=f"mouth-{name}")
        body = {**BIRTH, "ledger_key": self.key.verifier_key, **birth}
        self.mouth.say(self._now("_/birth/box", body), retain=True)
        self.mouth.say(self._now("_/status/box", ONLINE), retain=True)
        self.mouth.say(self._now("ch0/state/channel", STATE), retain=True)
        self._ears = ears = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"ears-{name}", protocol=MQTTProtocolVersion.MQTTv5
        )
        subscribed: list[bool] = []
        ears.on_subscribe = lambda *_: subscribed.append(True)
        ears.on_message = self._commanded
        ears.connect(broker.host, broker.port)
        ears.loop_start()
        wait_until(ears.is_connected, "the box hears")
        ears.subscribe(f"edgeward/v1/{name}/_/cmd/+/+", 1)
        wait_until(lambda: subscribed, "the box is subscribed")

    def say(self, place: str, body: dict[str, Any], *, retain: bool = False) -> None:
        """A message with the time of now."""
        self.mouth.say(self._now(place, body), retain=retain)

    def clear(self, place: str) -> None:
        """An alarm is over."""
        self.mouth.clear(self.voice.clears(place))

    def close(self) -> None:
        self._ears.disconnect()
        self._ears.loop_stop()
        self.mouth.close()

    def _now(self, place: str, body: dict[str, Any]) -> tuple[str, bytes]:
        return self.voice.says(place, body, ts=rfc3339(time.time_ns()))

    def _commanded(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        note = message.payload.decode()
        self.notes.append(note)
        *_, kind, cmd_id = message.topic.split("/")
        self._answer(kind, cmd_id, "accepted", None)
        result: dict[str, Any] | None = None
        if kind == "check.run":
            profile = json.loads(note.split("\n")[1])["args"]["profile"]
            self.mouth.begin(self._now(f"_/check/{cmd_id}", self._report(cmd_id, profile)))
            result = {"run": cmd_id, "checks": 4}
        self._answer(kind, cmd_id, "succeeded", result)

    def _answer(self, kind: str, cmd_id: str, status: str, result: dict[str, Any] | None) -> None:
        body = {
            "cmd_id": cmd_id, "type": kind, "status": status, "reason": None, "text": None, "advice": None,
            "result": result, "leaf": 41,
        }  # fmt: skip
        self.mouth.begin(self._now(f"_/res/{kind}/{cmd_id}", body))

    def _report(self, run: str, profile: str) -> dict[str, Any]:
        report = Report(
            box=self.name, site="Ward 3", made=rfc3339(time.time_ns()), clk="synced", agent="0.1.0",
            profile=profile, technician="li", result=1, complete=True, previous=None,
            findings=(
                _finding("host.time", Status.PASS, "good", measured="12 ms", required="100 ms"),
                _finding("store.space", Status.WARN, "short", measured="60 h", required="72 h", hours="60"),
                _finding("vid.signal", Status.FAIL, "absent", target="ch0"),
                _finding("host.mem", Status.WARN, "toString"),  # of a newer box; and a name in JavaScript
            ),
        )  # fmt: skip
        note = self.key.sign_note(check_report_v1.encode(report))
        counts = {"pass": 1, "warn": 2, "fail": 1, "skip": 0, "crash": 0}
        return {
            "run": run, "profile": profile, "technician": "li", "result": 1, "complete": True,
            "counts": counts, "sha256": sha256(note).hexdigest(), "note": note.decode(), "leaf": 42,
        }  # fmt: skip


def _finding(
    check: str, status: Status, message: str, *, target: str | None = None, measured: str | None = None,
    required: str | None = None, **values: str,
) -> Finding:  # fmt: skip
    judged = Judged(status=status, message=message, measured=measured, required=required, values=values)
    return Finding(check=check, target=target, owner=Owner.TECHNICIAN, judged=judged, seconds=0.0)
