"""Configurations that are sent: what is refused, what is kept, how a trial ends, what comes into effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.formats.sent_config_v1 import SentConfig
from agent.model.commands import Command, CommandType
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.runtime import effective_config
from agent.runtime.config_commands import ChannelNow, ConfigCommands
from agent.runtime.effective_config import Effective, begin, effective
from agent.runtime.load_config import ConfigError, fingerprint
from agent.runtime.sent_config import State
from tests.unit.runtime.vaults import CONFIG, Run, SmallBox

ID = "019ab3a1-0400-7abc-8def-0123456789ab"
RECORDS = ChannelNow(name="ch0", records=True, rests=False, paused=False)
SILENT = replace(RECORDS, records=False)


class Bench:
    """One start of a box with its file on the disk."""

    def __init__(self, box: SmallBox, run: Run, path: Path) -> None:
        self.box, self.run, self.book, self.path = box, run, run.book, path
        self.channel = SILENT
        self.connected = False
        self.restarts = 0
        self.switched: list[tuple[str, bool]] = []
        self.start()

    def start(self) -> Effective:
        """What the program does when it starts."""
        self.chosen = begin(self.path)
        self.commands = ConfigCommands(
            self.chosen,
            book=self.book,
            clock=self.box.clock,
            channels=lambda: [self.channel],
            switch=lambda name, on: self.switched.append((name, on)),
            connected=lambda: self.connected,
            restart=self._restart,
        )
        self.commands.ready()
        return self.chosen

    def _restart(self) -> None:
        self.restarts += 1

    def do(self, kind: CommandType, args: dict[str, Json], id_: str = ID) -> dict[str, Json]:
        command = Command(id=id_, type=kind, args=args, signers=("wang", "zhao"))
        return dict(self.commands.handlers()[kind](command))

    def propose(self, text: str, *, id_: str = ID, **args: Json) -> dict[str, Json]:
        given: dict[str, Json] = {"base": fingerprint(self.chosen.config), "configuration": text, **args}
        return self.do(CommandType.CONFIG_PROPOSE, given, id_)

    def refused(self, kind: CommandType, **args: Json) -> str:
        with pytest.raises(Refuse) as caught:
            self.do(kind, args)
        assert caught.value.advice
        assert self.restarts == 0
        return caught.value.code

    def refused_text(self, text: str, **args: Json) -> str:
        given: dict[str, Json] = {"base": fingerprint(self.chosen.config), "configuration": text, **args}
        return self.refused(CommandType.CONFIG_PROPOSE, **given)

    def alarms(self) -> set[str]:
        return {alarm.code for alarm in self.book.alarms}

    def after(self, seconds: int) -> None:
        self.box.clock.advance(seconds)
        self.commands.tick()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    box = SmallBox(tmp_path)
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(root=tmp_path, recipient=box.custodian.recipient))
    with box.running() as run:
        yield Bench(box, run, path)


def changed(bench: Bench, old: str = 'purpose = "test"', new: str = 'purpose = "other"') -> str:
    text = bench.chosen.text
    assert old in text
    return text.replace(old, new)


def test_a_good_one_is_tried_and_then_stays(bench: Bench) -> None:
    bench.channel, bench.connected = RECORDS, True
    assert bench.propose(changed(bench), interrupt=True)["trial_s"] == 120
    assert effective(bench.path).state is State.TRIAL, "durable before the answer"
    bench.commands.tick()
    assert bench.restarts == 1
    chosen = bench.start()
    assert (chosen.state, chosen.config.channel[0].purpose, chosen.cmd_id) == (State.TRIAL, "other", ID)
    bench.after(9)
    assert effective(bench.path).state is State.TRIAL
    bench.after(2)
    assert effective(bench.path).state is State.ACCEPTED
    assert bench.start().config.channel[0].purpose == "other"
    [leaf] = [one for one in bench.run.booted.ledger.leaves() if one.body.get("state") == "accepted"]
    assert (leaf.body["cmd_id"], leaf.body["sha256"]) == (ID, fingerprint(chosen.config))
    assert bench.restarts == 1


def test_one_under_which_a_channel_is_lost_goes_back_by_itself(bench: Bench) -> None:
    bench.channel = RECORDS
    bench.propose(changed(bench), interrupt=True)
    bench.commands.tick()
    bench.start()
    bench.channel = SILENT
    bench.after(119)
    assert (bench.restarts, effective(bench.path).state) == (1, State.TRIAL)
    bench.after(1)
    assert (bench.restarts, effective(bench.path).state) == (2, State.INSTALLED)
    assert "config.not-healthy" in bench.alarms()
    assert bench.start().config.channel[0].purpose == "test"
    assert "config.rolled-back" in bench.alarms()
    bench.channel = RECORDS
    assert bench.propose(changed(bench), id_=ID[:-1] + "c", interrupt=True)


def test_a_lost_broker_is_a_reason_too(bench: Bench) -> None:
    bench.connected = True
    bench.propose(changed(bench))
    bench.commands.tick()
    bench.start()
    bench.connected = False
    bench.after(120)
    assert effective(bench.path).sent.rolled_back is not None


def test_starts_without_a_judgement_are_counted(bench: Bench) -> None:
    bench.propose(changed(bench))
    assert [bench.start().state for _ in range(3)] == [State.TRIAL, State.TRIAL, State.INSTALLED]
    assert "config.rolled-back" in bench.alarms()


def test_what_records_is_not_interrupted_unasked(bench: Bench) -> None:
    bench.channel = RECORDS
    assert bench.refused_text(changed(bench)) == "config.recording"
    assert bench.refused_text(changed(bench), interrupt="yes") == "command.bad-argument"
    assert effective(bench.path).state is State.INSTALLED
    bench.channel = replace(RECORDS, records=False, rests=True)
    assert bench.propose(changed(bench))


def test_what_was_stopped_stays_stopped(bench: Bench) -> None:
    bench.channel = replace(SILENT, paused=True, rests=True)
    bench.propose(changed(bench))
    bench.commands.tick()
    bench.start()
    assert bench.switched == [("ch0", False)]
    assert bench.chosen.sent.paused == ("ch0",)
    assert effective(bench.path).sent.paused == ()


def test_refusals(bench: Bench) -> None:
    root = bench.box.root
    assert bench.refused_text("[box") == "config.wrong"
    assert bench.refused_text(changed(bench, "160", "-1")) == "config.wrong"
    assert bench.refused_text(changed(bench, '"test-box"', '"other-box"')) == "config.box"
    assert bench.refused_text(changed(bench, f'"{root}/vault"', '"/var/tmp/vault"')) == "config.box"
    assert bench.refused_text(bench.chosen.text + "# the same\n") == "config.same"
    assert bench.refused_text(changed(bench), base="0" * 64) == "config.other-base"
    assert bench.refused_text(changed(bench), surprise=1) == "command.bad-argument"
    assert bench.refused_text("x" * (60 * 1024 + 1)) == "command.bad-argument"
    mqtt = '[mqtt]\nhost = "broker.example"\nusername = "box"\npassword_file = "{}"\n'
    assert bench.refused_text(bench.chosen.text + mqtt.format("/etc/shadow")) == "config.path"
    assert bench.refused_text(bench.chosen.text + mqtt.format("broker")) == "secret.no-credentials"
    assert effective(bench.path).state is State.INSTALLED
    bench.propose(changed(bench))
    with pytest.raises(Refuse) as caught:
        bench.propose(changed(bench), id_=ID[:-1] + "c")
    assert caught.value.code == "config.busy"


def test_the_same_command_after_a_power_cut_changes_nothing(bench: Bench) -> None:
    bench.propose(changed(bench))
    kept = effective(bench.path).sent
    bench.start()
    assert bench.propose(bench.chosen.text) == {"trial_s": 120}
    assert kept.trial is not None
    assert effective(bench.path).sent.trial == replace(kept.trial, starts=1)


def test_a_plan_is_set(bench: Bench) -> None:
    plan: dict[str, Json] = {
        "scene": "imaging-diagnosis",
        "place": ["or-7"],
        "responsible": "dr-lin",
        "policy": "2026-2",
        "longest_s": 3600,
    }
    base = fingerprint(bench.chosen.config)
    given: dict[str, Json] = {"base": base, "channel": "ch0", "plan": plan}
    assert bench.refused(CommandType.PLAN_SET, **{**given, "plan": "none"}) == "command.bad-argument"
    assert (
        bench.refused(CommandType.PLAN_SET, **{**given, "plan": dict[str, Json](scene=None)})
        == "command.bad-argument"
    )
    assert bench.refused(CommandType.PLAN_SET, **{**given, "channel": "ch9"}) == "channel.unknown"
    assert bench.refused(CommandType.PLAN_SET, **{**given, "plan": {**plan, "scene": "x"}}) == "config.wrong"
    bench.do(CommandType.PLAN_SET, given)
    config = bench.start().config
    assert config.channel[0].plan is not None
    assert (config.channel[0].plan.policy, config.channel[0].plan.longest_s) == ("2026-2", 3600)
    assert config.channel[0].spec == bench.chosen.installed.channel[0].spec


def test_a_level_is_raised_and_never_lowered(bench: Bench) -> None:
    for level in (0, 3, 4):
        assert bench.refused(CommandType.LEVEL_RAISE, channel="ch0", level=level) == "level.lowered"
    assert bench.refused(CommandType.LEVEL_RAISE, channel="ch0", level=6) == "command.bad-argument"
    # Nobody has a key for level 5 (STD 5.3: it is sealed to other custodians).
    assert bench.refused(CommandType.LEVEL_RAISE, channel="ch0", level=5) == "config.wrong"
    low = bench.path.read_text().replace('category = "dt"', 'category = "dt"\nlevel = 3')
    bench.path.write_text(low)
    bench.start()
    bench.do(CommandType.LEVEL_RAISE, {"channel": "ch0", "level": 4})
    assert bench.start().config.channel[0].level == 4


def test_the_file_on_the_box_wins_once_it_is_changed(bench: Bench) -> None:
    bench.propose(changed(bench))
    bench.start()
    bench.after(11)
    assert bench.start().state is State.ACCEPTED
    bench.path.write_text(bench.path.read_text() + "# looked at by a technician\n")
    chosen = bench.start()
    assert (chosen.state, chosen.config.channel[0].purpose) == (State.INSTALLED, "test")
    assert "config.rolled-back" in bench.alarms()
    assert bench.start().state is State.INSTALLED


def test_a_sent_one_that_a_newer_program_refuses_is_given_up(bench: Bench) -> None:
    bench.propose(changed(bench))
    bench.start()
    bench.after(11)
    state = bench.box.root / "state"
    sent = effective_config.read_sent(state)
    assert sent is not None
    assert sent.accepted is not None
    broken = replace(sent, accepted=replace(sent.accepted, text="[unknown]\n"))
    effective_config.write_sent(state, broken)
    chosen = bench.start()
    assert chosen.state is State.INSTALLED
    assert chosen.sent.rolled_back is not None
    assert chosen.sent.rolled_back.reason == "config.wrong"


def test_damage_is_told_and_kept_until_the_next_one(bench: Bench) -> None:
    kept = bench.box.root / "state" / effective_config.NAME
    assert not kept.exists(), "nothing is written while nothing was sent"
    kept.write_bytes(b"{garbage")
    assert bench.start().state is State.INSTALLED
    assert "config.memory" in bench.alarms()
    assert kept.read_bytes() == b"{garbage"
    bench.propose(changed(bench))
    assert bench.start().state is State.TRIAL


def test_without_a_good_file_on_the_box_there_is_nothing(bench: Bench) -> None:
    bench.propose(changed(bench))
    bench.path.write_text("[box]\n")
    with pytest.raises(ConfigError):
        begin(bench.path)
    assert effective_config.read_sent(bench.box.root / "none") is None
    assert isinstance(effective_config.read_sent(bench.box.root / "state"), SentConfig)
