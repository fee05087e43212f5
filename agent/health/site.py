"""What a check may ask of the world, in one value.

Guarantees: everything that `sample` touches comes from here, so a test gives a fake root, fake programs and
a fake running agent. Leaves out what only higher floors know: they hand it in as `Probes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.formats.check_report_v1 import Masked, masked
from agent.formats.config_checks import ChecksConfig
from agent.formats.config_v1 import AgentConfig, ChannelConfig
from agent.formats.ledger_v1 import Leaf
from agent.health.probed import BrokerDoor, CertificateSeen, DeviceSeen, Waiting, Witnessed
from agent.host.programs import Output
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock


class Skip(Exception):
    """The check can't be made here. `reason` is one of `SKIP_REASONS`; `detail` names the missing thing."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


# An alarm about a plan that keeps nothing from being collected.
PLAN_DOUBTED = "plan.clock-unsure"
# STD 5.3: of level 5 not even a masked picture is shown.
HIGHEST_SHOWN_LEVEL = 4
SKIP_REASONS = (
    "clock",
    "no-agent",
    "no-answer",
    "no-hardware",
    "no-plan",
    "no-program",
    "no-privilege",
    "not-configured",
    "recording",
    "running",
    "too-early",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Acts that need the vault, the keys or the network. Each may raise `Skip` or `AgentError`."""

    # Seals, opens, and opens again with one byte changed: (whole came back, change was refused).
    sealing_round_trip: Callable[[], tuple[bool, bool]]
    # Ledger: (leaves, problems).
    ledger_problems: Callable[[], tuple[int, tuple[str, ...]]]
    # Boots without a shutdown before them since this wall time, ns.
    unclean_boots: Callable[[int], int]
    # A TCP port: `open`, `no-name` (the name has no address) or `no-answer`.
    reach: Callable[[str, int], str]
    # Tickets: per channel (channel, state word, left).
    ticket_pools: Callable[[], tuple[tuple[str, str, int], ...]]
    # The ledger's leaves of the last so many seconds, oldest first.
    recent_leaves: Callable[[float], tuple[Leaf, ...]]
    witnessed: Callable[[], Witnessed]
    certificate: Callable[[], CertificateSeen]
    waiting: Callable[[], Waiting]
    broker_door: Callable[[], BrokerDoor]
    # Publishes to another box's topic: `refused`, `taken`. Only while no agent runs.
    foreign_topic: Callable[[], str]
    # What a channel's device is. May ask the camera; asked once in a run.
    device: Callable[[str], DeviceSeen]
    # A camera's RTSP door without a login, and with the one that is given: see `rtsp_door.knock`.
    knock: Callable[[str, tuple[str, str] | None], str]
    # The rules of capture on a made-up stream: (a good one conforms, a wrong size is caught).
    enforces: Callable[[str], tuple[bool, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A box as the checks see it. `status` is what the running agent last said, None when none runs."""

    config: AgentConfig
    clock: Clock
    root: Path
    # None for a program that is not installed.
    run: Callable[[Sequence[str]], Output | None]
    status: Mapping[str, Json] | None
    probes: Probes
    settings: ChecksConfig = field(default_factory=ChecksConfig)
    # When this program was put on the disk, seconds since 1970; 0 for unknown.
    installed_s: float = 0.0

    def path(self, absolute: str) -> Path:
        """`absolute` below this site's root."""
        return self.root / absolute.lstrip("/")

    def program(self, *arguments: str) -> Output:
        """What a program of the system says. Skip `no-program`."""
        done = self.run(arguments)
        if done is None:
            raise Skip("no-program", arguments[0])
        return done

    def vault_device(self) -> str:
        """The block device below the vault, by findmnt(8). Skip `no-program`, `no-hardware`."""
        vault = str(self.config.box.vault_dir)
        told = self.program("findmnt", "-no", "SOURCE", "--target", vault).text
        device = told.strip().partition("[")[0]
        if not device.startswith("/dev/"):
            raise Skip("no-hardware", device)
        return device

    def text(self, absolute: str) -> str | None:
        """A small text file of the system, stripped; None when it isn't there or can't be read."""
        try:
            return self.path(absolute).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None

    def running(self) -> Mapping[str, Json]:
        """The agent's status. Skip `no-agent`."""
        if self.status is None:
            raise Skip("no-agent")
        return self.status

    def channel(self, target: str | None) -> ChannelConfig:
        """The configuration of a channel."""
        return next(one for one in self.config.channel if one.id == target)

    def rows(self, name: str) -> tuple[Mapping[str, Json], ...]:
        """A list of the agent's status, such as `channels` or `alarms`. Skip `no-agent`."""
        found = self.running().get(name)
        return tuple(row for row in found if isinstance(row, dict)) if isinstance(found, list) else ()

    def alarm_text(self, entity: str, prefix: str) -> str | None:
        """The agent's alarm about `entity` whose code begins so, None without one. Skip `no-agent`."""
        for row in self.rows("alarms"):
            if row.get("entity") == entity and str(row.get("code")).startswith(prefix):
                return str(row.get("text"))
        return None

    def pictures(self) -> tuple[Masked, ...]:
        """The masked pictures that the running agent has, for a report. None of a channel that has no picture
        at this moment, and none of level 5, whatever the agent says."""
        rows = () if self.status is None else self.rows("channels")
        allowed = {channel.id for channel in self.config.channel if channel.level <= HIGHEST_SHOWN_LEVEL}
        seen = [row for row in rows if row.get("id") in allowed and row.get("signal") == "present"]
        found = (masked(str(row["id"]), str(row.get("picture"))) for row in seen)
        return tuple(one for one in found if one is not None)

    def channel_status(self, target: str | None) -> Mapping[str, Json]:
        """What the running agent says of a channel.

        Skip `no-agent`, `no-plan` when the plan keeps it from collecting (`plan.state` judges that).
        """
        for row in self.rows("alarms"):
            code = str(row.get("code"))
            if row.get("entity") == target and code.startswith("plan.") and code != PLAN_DOUBTED:
                raise Skip("no-plan", code)
        for row in self.rows("channels"):
            if row.get("id") == target:
                return row
        raise Skip("no-agent")
