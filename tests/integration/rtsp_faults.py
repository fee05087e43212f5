"""Real cameras with one fault each, a real agent, a real broker: what a controller hears, and when.

Guarantees: every camera begins good, its fault leaves it at the same known moment; what is returned is what
came over MQTT and what the ledger says. Leaves out judging it, and clocks that jump, which `rtsp_player.py`
can't send (`test_spec_faults.py` has them). Needs mosquitto and GStreamer's RTSP server.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.formats import mqtt_v1
from agent.formats.ledger_v1 import LeafType
from agent.model.source_settings import Fault, FaultKind, SyntheticSettings
from tests.fakes.agents import Box, make_box, running, wait_until
from tests.fakes.brokers import mosquitto_broker
from tests.fakes.controllers import Controller
from tests.fakes.rtsp_cameras import rtsp_cameras

SIZE = (320, 192)
# So long black, frozen, out of focus, covered or without signal is allowed.
LIMIT_S = 4.0
# Pictures that come again are looked for in bursts of so many seconds' distance.
BURST_S = 10.0
_SPEC = (
    f'width = {SIZE[0]}\nheight = {SIZE[1]}\nrate = "25"\ngap_max_s = 1.0\njitter_max_s = false\n'
    f"[channel.spec.picture]\nblack_max_s = {LIMIT_S}\nfrozen_max_s = {LIMIT_S}\n"
    f"defocused_max_s = {LIMIT_S}\ncovered_max_s = {LIMIT_S}\nno_signal_max_s = {LIMIT_S}\n"
)
_LATEST_S = 8.0


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, and in which alarm and rule it has to be named. `allowed_s`: how long the spec allows it."""

    kind: FaultKind
    value: str | None
    rule: str
    grade: str
    measured: str
    allowed_s: float = 0.0
    for_s: float = 60.0

    @property
    def name(self) -> str:
        return f"{self.kind.value}-{self.value or ''}".rstrip("-")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`told_s`: from the moment at which the spec no longer allows it to the alarm at the controller, None
    when none came; `early`: alarms of the spec before the fault; `findings` of all its segments."""

    told_s: float | None
    text: str
    early: tuple[str, ...]
    findings: tuple[dict[str, Any], ...]


K = FaultKind
CASES = (
    Case(K.RATE_CHANGE, "21", "rate", "degraded", "21."),
    Case(K.RATE_CHANGE, "12", "rate", "nonconforming", "12."),
    Case(K.DUPLICATE, "5", "duplicates", "degraded", "pictures: ", BURST_S),
    Case(K.SIZE_CHANGE, "640x384", "size", "nonconforming", "640x384 px"),
    Case(K.FREEZE, None, "frozen", "nonconforming", "without change for", LIMIT_S),
    Case(K.BLACK, None, "black", "nonconforming", "black for", LIMIT_S),
    Case(K.DEFOCUS, None, "defocused", "degraded", "out of focus for", LIMIT_S),
    Case(K.COVERED, None, "covered", "degraded", "covered for", LIMIT_S),
    Case(K.NO_SIGNAL, "blue", "no-signal", "nonconforming", "a card for", LIMIT_S),
    Case(K.LOSS, None, "", "", ""),
)


def play(folder: Path, cases: Sequence[Case], at_s: float) -> dict[str, Outcome]:
    """Each case on a camera of its own, `at_s` seconds after they began."""
    (folder / "broker").mkdir()
    (folder / "box").mkdir()
    broker = mosquitto_broker(folder / "broker")
    broker.start()
    try:
        with (
            closing(Controller(broker)) as controller,
            rtsp_cameras([_camera(one, at_s) for one in cases]) as rig,
        ):
            link = f'[mqtt]\nhost = "{broker.host}"\nport = {broker.port}\ntls = false\n'
            box = _box(folder / "box", rig.urls, link)
            rig.play()
            with running(box):
                wait_until("all cameras are recorded", lambda: _recording(box) == len(cases), at_s)
                heard = _listen(controller, cases, rig.began_s + at_s)
                # A segment that lies behind the fault altogether has its full value.
                count = _segments(box)
                wait_until("the fault fills a segment", lambda: _segments(box) >= count + 3 * len(cases), 30)
                rig.stop()
    finally:
        broker.kill()
    return {
        one.name: _outcome(box, number, heard, rig.began_s + at_s, one) for number, one in enumerate(cases)
    }


def _camera(case: Case, at_s: float) -> SyntheticSettings:
    script = Fault(kind=case.kind, at_s=at_s, for_s=case.for_s, value=case.value)
    return SyntheticSettings(width=SIZE[0], height=SIZE[1], gop_s=1.0, script=(script,))


def _box(folder: Path, urls: Sequence[str], link: str) -> Box:
    box = make_box(
        folder, source='kind = "rtsp"\nurl = "@"\n', spec=_SPEC, channels=len(urls), extra=link, segment_s=2.0
    )
    text = box.config.read_text()
    for url in urls:
        text = text.replace('url = "@"', f'url = "{url}"', 1)
    box.config.write_text(text)
    return box


def _recording(box: Box) -> int:
    return sum(bool(one["recording"]) for one in box.status()["channels"])


def _segments(box: Box) -> int:
    return len(box.leaves(LeafType.SEGMENT))


_Heard = list[tuple[float, str, str]]


def _listen(controller: Controller, cases: Sequence[Case], fault_s: float) -> _Heard:
    """Entity, text and moment of every alarm, until each case was told or is late."""
    heard: _Heard = []
    seen = 0
    wanted = {(f"ch{number}", case.rule) for number, case in enumerate(cases)}
    until_s = fault_s + max(case.allowed_s for case in cases) + _LATEST_S
    while time.monotonic() < until_s and wanted:
        for topic, payload, _, _ in controller.got[seen:]:
            seen += 1
            if "/a/" not in topic or not payload:
                continue
            body = mqtt_v1.decode(payload)
            heard.append((time.monotonic(), body["entity"], body["text"]))
            wanted = {pair for pair in wanted if not _names(heard[-1], *pair, fault_s)}
        time.sleep(0.005)  # the clock of the measurement, not an event
    return heard


def _names(told: tuple[float, str, str], entity: str, rule: str, fault_s: float) -> bool:
    at_s, said, text = told
    return said == entity and at_s >= fault_s and (f"{rule}: " in text if rule else "no pictures" in text)


def _outcome(box: Box, number: int, heard: _Heard, fault_s: float, case: Case) -> Outcome:
    entity = f"ch{number}"
    told = next((one for one in heard if _names(one, entity, case.rule, fault_s)), None)
    bodies: list[Mapping[str, Any]] = [leaf.body for leaf in box.leaves(LeafType.SEGMENT)]
    return Outcome(
        told_s=None if told is None else told[0] - fault_s - case.allowed_s,
        text="" if told is None else told[2],
        early=tuple(
            text for at_s, said, text in heard if said == entity and at_s < fault_s and "required" in text
        ),
        findings=tuple(
            finding for body in bodies if body["channel"] == entity for finding in body["findings"]
        ),
    )
