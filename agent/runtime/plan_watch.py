"""One channel's plan as time passes: asks the gate, tells each change once, in the ledger and on MQTT.

Guarantees: each refusal that begins, or whose reason changes, is one leaf `refused` with its event and one
alarm `plan.*` that stands as long as it does (STD 6.1); a device that no profile knows is the alarm
`device.unknown`, one with firmware below its profile's floor `device.firmware` (STD 6.3). When the profiles
can't be read, nothing is collected from a device. Leaves out starting and stopping (`channel_keeper.py`),
which must ask before it starts, when the device has told about itself, and every second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.device.firmware import FirmwareStatus, firmware_findings
from agent.device.identity import video_node_facts
from agent.device.profile_match import UNKNOWN_CODE, DeviceFacts, ProfileMatch, declared, match_device
from agent.device.profiles import ProfileSet, load_profiles
from agent.formats.config_sources import V4l2Source
from agent.formats.config_v1 import ChannelConfig, RtspSource
from agent.formats.ipc_v1 import DeviceTold
from agent.formats.ledger_v1 import LeafType
from agent.formats.profile_v1 import Kind
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, Instant
from agent.runtime.book import Book
from agent.runtime.plan_gate import DEVICE_FORBIDS, Allowed, Refused, judge
from agent.runtime.telemetry import Alarm
from agent.runtime.twins import device, twin

CLOCK_CODE = "plan.clock-unsure"
FIRMWARE_CODE = "device.firmware"
# A version that is not told or can't be compared is no news to be raised: `edgeward check` names it.
_TOO_OLD = (FirmwareStatus.BELOW_FLOOR,)
_MOST_ADVISORIES = 3
# A device that was refused for what it is may be replaced by another: it is asked again after this long.
ASK_DEVICE_AGAIN_NS = 60 * NS_PER_S
# What a synthetic source would tell (firmware-profiles/generic/synthetic.toml).
_SYNTHETIC = DeviceFacts(kind=Kind.SYNTHETIC, driver="edgeward-synthetic")


class PlanWatch:
    """Called from the keeper's main thread only. `load` gives the device profiles."""

    def __init__(
        self, config: ChannelConfig, book: Book, load: Callable[[], ProfileSet] = load_profiles
    ) -> None:
        self._config = config
        self._book = book
        self._load = load
        self._match: ProfileMatch | None = None
        self._asks_device = config.source.kind not in ("file", "synthetic", "rtsp")
        self._asked_mono_ns: int | None = None
        self._told: tuple[str, str] | None = None

    def ask(self, now: Instant, *, running: bool) -> Allowed | Refused:
        """The answer for `now`. For a device that has not told yet it is a provisional one."""
        asked = self._asked_mono_ns
        if asked is not None and not running and now.mono_ns - asked >= ASK_DEVICE_AGAIN_NS:
            self._match = self._asked_mono_ns = None
        if self._match is None and not self._asks_device:
            facts = _facts_before_opening(self._config)
            if facts is not None and (broken := self._learn(facts, None)) is not None:
                return self._tell(broken)
        return self._tell(judge(self._config, self._match, now, running=running))

    def device_told(self, told: DeviceTold | None, now: Instant, *, running: bool) -> Allowed | Refused:
        """The source is open, and the device has told this about itself; None when it can't be asked."""
        if self._asks_device:
            self._asked_mono_ns = now.mono_ns
            if (broken := self._learn(_facts_of_opened(self._config, told), told)) is not None:
                return self._tell(broken)
        return self.ask(now, running=running)

    def _learn(self, facts: DeviceFacts, told: DeviceTold | None) -> Refused | None:
        """Finds the profile of the device. Gives a refusal when there are no profiles to look in."""
        try:
            match = self._match_of(facts)
        except Refuse as error:
            return Refused(code="plan.no-profiles", text=error.text, advice=error.advice)
        self._match = match
        self._book.hold_alarm(
            self._config.id,
            UNKNOWN_CODE,
            None if match.alarm is None else match.alarm.text,
            "" if match.alarm is None else match.alarm.advice,
        )
        findings = firmware_findings(match.profile, facts.firmware)
        old = [one for one in findings if one.status in _TOO_OLD]
        self._book.hold_alarm(
            self._config.id,
            FIRMWARE_CODE,
            "; ".join(one.render() for one in old[:_MOST_ADVISORIES]) or None,
            "have the firmware updated; until then keep the device on a network of its own (STD 6.3)",
        )
        self._book.tell(twin(self._config.id, "device", device(told, match, findings)))
        return None

    def _match_of(self, facts: DeviceFacts) -> ProfileMatch:
        profiles, source = self._load().profiles, self._config.source
        if isinstance(source, RtspSource) and source.profile is not None:
            return declared(profiles, source.profile, facts)
        return match_device(profiles, facts)

    def _tell(self, answer: Allowed | Refused) -> Allowed | Refused:
        if isinstance(answer, Refused):
            self._tell_refusal(answer)
            return answer
        provisional = self._asks_device and self._match is None
        if self._told is not None and not (provisional and self._told[0] == DEVICE_FORBIDS):
            self._told = None
            self._book.close_alarms(self._config.id, "plan.")
        if answer.clock_doubted:
            self._alarm(
                CLOCK_CODE,
                "warning",
                "the plan's schedule is decided by a clock that is not synchronised",
                "repair the box's time source (NTP); a recording that runs goes on until it is synchronised",
            )
        else:
            self._book.close_alarms(self._config.id, CLOCK_CODE)
        return answer

    def _tell_refusal(self, refused: Refused) -> None:
        reason = (refused.code, refused.text)
        if reason == self._told:
            return
        self._told = reason
        self._book.close_alarms(self._config.id, "plan.")
        self._book.leaf(
            LeafType.REFUSED, refused_body(self._config, refused), entity=self._config.id, event=True
        )
        # What the plan itself says is no fault; everything else needs a person.
        severity = "warning" if refused.code == "plan.outside-schedule" else "critical"
        self._alarm(refused.code, severity, refused.text, refused.advice)

    def _alarm(self, code: str, severity: str, text: str, remedy: str) -> None:
        self._book.raise_alarm(
            Alarm(entity=self._config.id, code=code, severity=severity, text=text, remedy=remedy)
        )


def refused_body(channel: ChannelConfig, refused: Refused) -> dict[str, Json]:
    """The leaf of a capture that was refused (docs/formats/ledger-v1.md)."""
    plan = channel.plan
    return {
        "what": "capture",
        "channel": channel.id,
        "code": refused.code,
        "text": refused.text,
        "advice": refused.advice,
        "category": channel.category,
        "level": channel.level,
        "plan": None
        if plan is None
        else {
            "scene": plan.scene,
            "place": list(plan.place),
            "responsible": plan.responsible,
            "policy": plan.policy,
        },
    }


def _facts_of_opened(config: ChannelConfig, told: DeviceTold | None) -> DeviceFacts:
    """What identifies the device: what it told itself, and of a capture device what the kernel knows."""
    firmware = None if told is None else told.firmware
    if isinstance(config.source, V4l2Source):
        return replace(video_node_facts(Path(config.source.device)), firmware=firmware)
    return DeviceFacts(
        kind=Kind(config.source.kind),
        manufacturer=None if told is None else told.manufacturer,
        model=None if told is None else told.model,
        firmware=firmware,
    )


def _facts_before_opening(config: ChannelConfig) -> DeviceFacts | None:
    """What is known of a source that tells nothing about itself; None for a file, which is no device."""
    if config.source.kind == "synthetic":
        return _SYNTHETIC
    if config.source.kind == "rtsp":
        return DeviceFacts(kind=Kind.RTSP)
    return None
