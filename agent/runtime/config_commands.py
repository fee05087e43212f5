"""Configurations that are sent to the box: taken, tried, proven or given up.

Guarantees: what is sent is durable before its command is answered; it comes into effect only through a new
start, and stays only when what worked before works again within `TRIAL_NS`; otherwise the box goes back by
itself, with an alarm. Channels that record are not interrupted unless the command says so (STD 4 c), and
those that an operator had stopped stay stopped. The caller calls `ready` when the box is ready and `tick`
every second; when `restart` is called, it leaves and starts anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent import __version__
from agent.formats.ledger_v1 import LeafType
from agent.formats.sent_config_v1 import SentConfig, Trial
from agent.model.commands import Command, CommandType, Handler
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.model.times import NS_PER_S
from agent.runtime.book import Book
from agent.runtime.command_arguments import flag, number, only, text, wrong
from agent.runtime.config_proposal import checked, with_level, with_plan
from agent.runtime.effective_config import Effective, write_sent
from agent.runtime.load_config import fingerprint
from agent.runtime.sent_config import TRIAL_NS, Seen, State, given_up, judged, missing, proven
from agent.runtime.telemetry import Alarm

MAX_TEXT = 60 * 1024
_WHY = {
    "config.superseded": "the file on the box was changed after it",
    "config.not-judged": "the agent did not run long enough under it to judge it",
    "config.not-healthy": "what worked before did not work under it",
    "config.wrong": "this program can't use it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelNow:
    """One channel at this moment. `rests`: its plan or an operator says that it is not to record."""

    name: str
    records: bool
    rests: bool
    paused: bool


class ConfigCommands:
    """See the module's text. `connected` is False where no broker is configured."""

    def __init__(
        self,
        chosen: Effective,
        *,
        book: Book,
        clock: Clock,
        channels: Callable[[], Sequence[ChannelNow]],
        switch: Callable[[str, bool], None],
        connected: Callable[[], bool],
        restart: Callable[[], None],
    ) -> None:
        self._chosen = chosen
        self._sent = chosen.sent
        self._book = book
        self._clock = clock
        self._channels = channels
        self._switch = switch
        self._connected = connected
        self._restart = restart
        self._ready_ns = clock.mono_ns()
        self._due = False

    def handlers(self) -> dict[CommandType, Handler]:
        """What this part does on command."""
        return {
            CommandType.CONFIG_PROPOSE: self._propose,
            CommandType.LEVEL_RAISE: self._raise_level,
            CommandType.PLAN_SET: self._set_plan,
        }

    def ready(self) -> None:
        """A trial's time begins, what was stopped before is stopped again, what was given up is told."""
        self._ready_ns = self._clock.mono_ns()
        if paused := set(self._sent.paused) & {one.name for one in self._channels()}:
            for name in sorted(paused):
                self._switch(name, False)
            self._keep(replace(self._sent, paused=()))
        if (gone := self._sent.rolled_back) is not None:
            words = _WHY.get(gone.reason, "the agent could not start under it")
            self._alarm(
                "config.rolled-back",
                f"the configuration of command {gone.cmd_id} is not in effect: {words} ({gone.reason})",
                "the one before it is in effect; find the cause, then send a new one",
            )
        if self._chosen.damaged:
            self._alarm(
                "config.memory",
                "what the box kept of sent configurations is damaged; the file on the box is in effect",
                "compare it with what is wanted, and send the configuration again",
            )

    def tick(self) -> None:
        """Starts anew when something was taken, and judges a trial."""
        if self._due:
            self._due = False
            self._begin_anew(self._sent)
        elif self._chosen.state is State.TRIAL and self._sent.trial is not None:
            self._judge(self._sent.trial)

    def _judge(self, trial: Trial) -> None:
        seen = self._seen()
        verdict = judged(trial, seen, self._clock.mono_ns() - self._ready_ns)
        if verdict is None:
            return
        if not verdict:
            self._alarm(
                "config.not-healthy",
                f"under the configuration of command {trial.cmd_id}: {'; '.join(missing(trial, seen))}",
                "nothing to do at the box: it goes back to the configuration before it",
            )
            self._begin_anew(given_up(self._sent, "config.not-healthy"))
            return
        self._keep(proven(self._sent))
        self._chosen = replace(self._chosen, sent=self._sent)
        self._book.close_alarms("_", "config.")
        facts = configuration_facts(self._chosen)
        self._book.leaf(LeafType.CONFIGURATION, facts, event=True, checkpoint=True)

    def _propose(self, command: Command) -> Mapping[str, Json]:
        only(command, "base", "configuration", "interrupt")
        sent = text(command, "configuration", MAX_TEXT)
        return self._take(command, lambda: sent, base=text(command, "base"))

    def _set_plan(self, command: Command) -> Mapping[str, Json]:
        only(command, "base", "channel", "plan", "interrupt")
        channel, plan = text(command, "channel"), command.args.get("plan")
        if not isinstance(plan, dict):
            raise wrong("plan")
        return self._take(
            command, lambda: with_plan(self._chosen.text, channel, plan), base=text(command, "base")
        )

    def _raise_level(self, command: Command) -> Mapping[str, Json]:
        only(command, "channel", "level", "interrupt")
        channel, level = text(command, "channel"), number(command, "level", None, 5)
        return self._take(command, lambda: with_level(self._chosen.text, channel, level), base=None)

    def _take(self, command: Command, make: Callable[[], str], *, base: str | None) -> Mapping[str, Json]:
        """Keeps the configuration that `make` gives, for the next start. The same command may come again."""
        interrupt = flag(command, "interrupt", False)
        if command.id in _known(self._sent):
            return {"trial_s": TRIAL_NS // NS_PER_S}
        present = self._chosen.config
        if self._sent.trial is not None:
            raise Refuse("config.busy", "another configuration is on trial", "wait until it is judged")
        if base is not None and base != fingerprint(present):
            raise Refuse(
                "config.other-base",
                "it was made for another configuration than the one in effect",
                "read configuration_sha256 in the box's birth, compare, and make it anew",
            )
        made = make()
        config = checked(made, present, self._chosen.installed)
        self._look_at_recordings(interrupt=interrupt)
        self._keep(replace(self._sent, trial=self._trial(command, made), rolled_back=None))
        self._due = True
        return {"sha256": fingerprint(config), "trial_s": TRIAL_NS // NS_PER_S}

    def _look_at_recordings(self, *, interrupt: bool) -> None:
        recording = [one.name for one in self._channels() if one.records]
        if recording and not interrupt:
            raise Refuse(
                "config.recording",
                f"it would interrupt {', '.join(recording)} for some seconds",
                "send it with interrupt true as soon as what is being done there allows a gap",
            )

    def _trial(self, command: Command, made: str) -> Trial:
        recording = tuple(one.name for one in self._channels() if one.records)
        return Trial(cmd_id=command.id, text=made, starts=0, channels=recording, link=self._connected())

    def _seen(self) -> Seen:
        now = self._channels()
        return Seen(
            channels=frozenset(one.name for one in now),
            recording=frozenset(one.name for one in now if one.records),
            resting=frozenset(one.name for one in now if one.rests),
            connected=self._connected(),
        )

    def _begin_anew(self, sent: SentConfig) -> None:
        self._keep(replace(sent, paused=tuple(one.name for one in self._channels() if one.paused)))
        self._restart()

    def _keep(self, sent: SentConfig) -> None:
        write_sent(self._chosen.config.box.state_dir, sent)
        self._sent = sent

    def _alarm(self, code: str, words: str, remedy: str) -> None:
        self._book.raise_alarm(Alarm(entity="_", code=code, severity="warning", text=words, remedy=remedy))


def configuration_facts(chosen: Effective) -> dict[str, Json]:
    """The body of a `configuration` leaf (docs/formats/ledger-v1.md)."""
    gone = chosen.sent.rolled_back
    return {
        "sha256": fingerprint(chosen.config),
        "agent": __version__,
        "state": chosen.state.value,
        "cmd_id": chosen.cmd_id,
        "rolled_back": None
        if gone is None
        else {"cmd_id": gone.cmd_id, "sha256": gone.sha256, "reason": gone.reason},
    }


def _known(sent: SentConfig) -> set[str]:
    """Commands whose configuration was taken already."""
    return {one.cmd_id for one in (sent.trial, sent.accepted, sent.rolled_back) if one is not None}
