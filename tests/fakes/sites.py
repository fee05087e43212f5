"""A healthy box for the health checks, made of a fake root, fake programs and a fake running agent.

Guarantees: every check passes on it; a test breaks one thing and sees which check says so. Of the
machine under the test only the temporary directory's disk is looked at: its free space.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.formats.config_checks import ChecksConfig
from agent.formats.config_v1 import AgentConfig, parse
from agent.formats.ledger_v1 import Leaf, LeafType
from agent.health.probed import BrokerDoor, CertificateSeen, DeviceSeen, Waiting, Witnessed
from agent.health.site import Probes, Site
from agent.host.programs import Output
from agent.model.outgoing import Json
from agent.model.times import NS_PER_S, ClockQuality, rfc3339
from agent.seal.recording_key import new_key_pair
from agent.vault.layout import LEDGER
from tests.fakes.clock import START_WALL_NS, FakeClock

_CONFIG = """\
[box]
id = "test-box"
state_dir = "{root}/state"
vault_dir = "{root}/vault"
runtime_dir = "{root}/run"
[custodians]
recipients = ["{recipient}", "{second}"]
[segments]
keep_free_bytes = 0
[mqtt]
host = "broker.example"
[[channel]]
id = "ch0"
category = "dt"
purpose = "test"
lawful_basis = "test"
[channel.source]
kind = "rtsp"
url = "rtsps://10.0.0.5/stream"
profile = "hikvision/any-camera"
[channel.spec]
width = 1280
height = 720
rate = "25"
bitrate_max_bps = 10000
[channel.plan]
scene = "surgery-monitoring"
place = ["operating-room"]
responsible = "or-lead"
policy = "p1"
"""

VAULT = "0198c0de-0000-7000-8000-00000000feed"
_TCP_HEAD = "  sl  local_address rem_address   st\n"
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_ROUTE_HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
ROUTES = (
    _ROUTE_HEAD
    + "eth0 00000000 010A000A 0003 0 0 0 00000000 0 0 0\n"
    + "eth1 0002A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
)
BOOTED_S = START_WALL_NS // NS_PER_S - 86_400
UPDATED_S = BOOTED_S - 7 * 86_400
PACKAGES = "/var/lib/dpkg/status"
KERNEL = "/boot/vmlinuz-6.1.0-1-amd64"
SHADOW = "root:$y$j9T$x:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nedgeward:!:19000::::::\n"
PASSWD = "root:x:0:0:root:/root:/bin/bash\nedgeward:x:996:996::/var/lib/edgeward:/usr/sbin/nologin\n"
LIMITS = (
    "Limit  Soft Limit  Hard Limit  Units\nMax core file size        0                    0       bytes\n"
)
FILES = {
    "/proc/meminfo": "MemTotal:       8000000 kB\nMemAvailable:   6000000 kB\n",
    "/proc/vmstat": "oom_kill 0\n",
    "/proc/loadavg": "0.20 0.30 0.40 1/200 4711\n",
    "/proc/cpuinfo": "processor\t: 0\nprocessor\t: 1\n",
    "/proc/4711/status": "Name: python\nVmRSS:  40000 kB\nVmSwap:      0 kB\n",
    "/proc/815/status": "Name: python\nVmRSS:  60000 kB\nVmSwap:      0 kB\n",
    "/proc/4711/limits": LIMITS,
    "/proc/815/limits": LIMITS,
    "/proc/4711/stat": "4711 (edge ward) S " + " ".join(["0"] * 18) + " 100000 0\n",
    "/proc/stat": f"cpu 1 2 3\nbtime {BOOTED_S}\n",
    "/proc/self/mountinfo": "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/mapper/vault rw\n",
    "/sys/class/rtc/rtc0/since_epoch": f"{BOOTED_S + 86_400}\n",
    "/proc/net/route": ROUTES,
    "/run/systemd/journal/socket": "",
    "/var/log/journal/id": "",
    "/proc/swaps": "Filename Type Size Used Priority\n",
    "/proc/net/tcp": _TCP_HEAD
    + "   0: 00000000:0016 00000000:0000 0A\n"
    + "   1: 0100007F:0BB8 00000000:0000 0A\n"
    + "   2: 0200007F:1F90 00000000:0000 0A\n"
    + "   3: 0A00000A:C001 0B00000A:22B3 01\n",
    "/proc/net/tcp6": _TCP_HEAD + "   0: 00000000000000000000000001000000:0277 0:0000 0A\n",
    "/etc/shadow": SHADOW,
    "/etc/passwd": PASSWD,
    "/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "0\n",
    "/sys/class/thermal/thermal_zone0/temp": "48000\n",
    "/sys/class/net/eth0/device/vendor": "0x8086\n",
    "/sys/class/net/eth0/operstate": "up\n",
    "/sys/class/net/eth0/speed": "1000\n",
    "/sys/class/net/eth0/duplex": "full\n",
    "/sys/class/net/eth0/statistics/rx_crc_errors": "0\n",
    "/sys/class/net/lo/operstate": "unknown\n",
    "/sys/block/nvme0n1/removable": "0\n",
    "/sys/block/nvme0n1/size": "1000215216\n",
    "/sys/block/sr0/removable": "1\n",
    "/sys/block/sr0/size": "0\n",
    SECURE_BOOT: "\x06\x00\x00\x00\x01",
}


def lsblk(*, crypt: bool = True, removable: bool = False) -> str:
    """What lsblk says of the vault's device."""
    disk: dict[str, Json] = {"name": "nvme0n1", "type": "disk", "rm": removable}
    if not crypt:
        return json.dumps({"blockdevices": [disk]})
    return json.dumps({"blockdevices": [{"name": "vault", "type": "crypt", "rm": False, "children": [disk]}]})


def smartctl(*, passed: bool = True, used: int = 3) -> str:
    """What smartctl says of it."""
    log: dict[str, Json] = {"percentage_used": used}
    return json.dumps({"smart_status": {"passed": passed}, "nvme_smart_health_information_log": log})


def systemctl(*, state: str = "active", watchdog: str = "30s", restarts: int = 0, reload: str = "no") -> str:
    """What systemctl says of the service."""
    facts = f"ActiveState={state}\nWatchdogUSec={watchdog}\nNRestarts={restarts}\n"
    return f"{facts}NeedDaemonReload={reload}\n"


def leaf(kind: LeafType, body: dict[str, Json], *, ago_s: float = 60.0) -> Leaf:
    """A leaf of the ledger, so long ago."""
    return Leaf(
        box="test-box",
        boot=1,
        n=7,
        wall=rfc3339(START_WALL_NS - round(ago_s * NS_PER_S)),
        mono_ns=0,
        clk=ClockQuality.SYNCED,
        type=kind,
        std=(),
        actor="box",
        authority="-",
        body=body,
    )


def segment(*rules: str) -> Leaf:
    """A segment of a minute ago that breaks these rules."""
    findings: list[Json] = [{"rule": rule, "grade": "nonconforming"} for rule in rules]
    verdict = "nonconforming" if rules else "conforming"
    return leaf(LeafType.SEGMENT, {"channel": "ch0", "verdict": verdict, "findings": findings})


CERTIFICATE = CertificateSeen(
    name="test-box",
    not_before_ns=START_WALL_NS - 86_400 * NS_PER_S,
    not_after_ns=START_WALL_NS + 90 * 86_400 * NS_PER_S,
    problem=None,
    key_exposed=False,
)
DOOR = BrokerDoor(word="open", detail="", not_after_ns=CERTIFICATE.not_after_ns, path_mtu=1500)
WAITING = Waiting(rows=3, bytes=2_000, most_bytes=1_000_000, oldest_age_s=4.0, refused=0)
CAMERA = DeviceSeen(
    profile="hikvision/any-camera",
    known=True,
    why="the configuration declares it",
    firmware="V5.7.0 build 230101",
    floors=True,
    doubts=(),
    stream_url="rtsps://10.0.0.5/stream",
)


def nft(policy: str = "drop") -> str:
    """What nft says of the input chain."""
    chain: dict[str, Json] = {"family": "inet", "table": "filter", "name": "input", "hook": "input"}
    return json.dumps({"nftables": [{"metainfo": {}}, {"chain": {**chain, "policy": policy}}]})


PROGRAMS = {
    "dmesg": "[    1.0] usb 1-1: new high-speed USB device number 2\n",
    "nft": nft(),
    "sshd": "port 22\npasswordauthentication no\nkbdinteractiveauthentication no\npermitrootlogin no\n",
    "systemd-analyze": "→ Overall exposure level for edgeward.service: 1.4 OK 🙂\n",
    "findmnt": "/dev/mapper/vault\n",
    "lsblk": lsblk(),
    "smartctl": smartctl(),
    "systemctl": systemctl(),
    "systemctl is-enabled": "enabled\n",
    "findmnt -no OPTIONS": "rw,relatime\n",
    "lsblk -bdno DISC-MAX": "2199023255040\n",
}


def channel_row() -> dict[str, Json]:
    """What the running agent says of a good channel."""
    return {
        "id": "ch0",
        "signal": "present",
        "recording": "0198c0de-0000-7000-8000-000000000000",
        "pid": 815,
        "width": 1280,
        "height": 720,
        "rate": "25",
        "bitrate_bps": 2_000_000,
        "jitter_p99_ms": 6,
        "verdict": "conforming",
        "segments": 3,
        "size_bytes": 1_000_000,
        "gaps": 0,
        "restarts": 0,
        "last_durable_age_s": 0.6,
    }


@dataclass
class FakeBox:
    """Change what you like, then `site()`."""

    root: Path
    config: AgentConfig
    clock: FakeClock = field(default_factory=FakeClock)
    programs: dict[str, Output] = field(default_factory=dict)
    status: dict[str, Json] | None = None
    probes: Probes = field(
        default_factory=lambda: Probes(
            sealing_round_trip=lambda: (True, True),
            ledger_problems=lambda: (42, ()),
            unclean_boots=lambda _since_ns: 0,
            reach=lambda _host, _port: "open",
            ticket_pools=lambda: (("ch0", "good", 50),),
            recent_leaves=lambda _window_s: (segment(),),
            witnessed=lambda: Witnessed(leaves=42, witnessed=40, waits_s=3.0),
            certificate=lambda: CERTIFICATE,
            waiting=lambda: WAITING,
            broker_door=lambda: DOOR,
            foreign_topic=lambda: "refused",
            device=lambda _channel: CAMERA,
            knock=lambda _url, _login: "closed",
            enforces=lambda _channel: (True, True),
        )
    )
    settings: ChecksConfig = field(default_factory=ChecksConfig)
    installed_s: float = 0.0

    def write(self, absolute: str, text: str) -> None:
        """A file of the fake system."""
        path = self.root / absolute.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_at(self, absolute: str, changed_s: float) -> None:
        """A file that was changed then, seconds since 1970."""
        self.write(absolute, "")
        os.utime(self.root / absolute.lstrip("/"), (changed_s, changed_s))

    def channel(self, **facts: Json) -> None:
        """Changes what the agent says of its channel."""
        self.status = {**(self.status or {}), "channels": [{**channel_row(), **facts}]}

    def program(self, name: str, text: str) -> None:
        """Changes what a program says."""
        self.programs[name] = Output(code=0, text=text)

    def alarm(self, entity: str, code: str, text: str = "t") -> None:
        """The agent raises an alarm."""
        self.status = {**(self.status or {}), "alarms": [{"entity": entity, "code": code, "text": text}]}

    def stop_agent(self) -> None:
        """No agent runs."""
        self.status = None

    def change_channel(self, **fields: object) -> None:
        """Changes the channel's configuration."""
        [channel] = self.config.channel
        changed = channel.model_copy(update=fields)
        self.config = self.config.model_copy(update={"channel": (changed,)})

    def link(self, **facts: Json) -> None:
        """Changes what the agent says of its link."""
        good: dict[str, Json] = {"connected": True, "sent": 7, "reconnects": 0, "last_error": None}
        self.status = {**(self.status or {}), "link": {**good, **facts}}

    def probe(self, **changes: Callable[..., object]) -> None:
        """Changes one probe."""
        self.probes = replace(self.probes, **changes)  # type: ignore[arg-type]  # the names are checked by replace

    def site(self) -> Site:
        """As the checks see it."""
        return Site(
            config=self.config,
            clock=self.clock,
            root=self.root,
            run=self._run,
            status=self.status,
            probes=self.probes,
            settings=self.settings,
            installed_s=self.installed_s,
        )

    def _run(self, arguments: Sequence[str]) -> Output | None:
        """By the most words of its call that somebody has an answer for."""
        for count in (3, 2, 1):
            if (said := self.programs.get(" ".join(arguments[:count]))) is not None:
                return said
        return None


def healthy(folder: Path) -> FakeBox:
    """Nothing is wrong with it."""
    recipient, second = new_key_pair(bytes).recipient, new_key_pair(os.urandom).recipient
    config = parse(_CONFIG.format(root=folder, recipient=recipient, second=second))
    assert isinstance(config, AgentConfig), config
    (folder / "vault" / LEDGER).mkdir(parents=True)
    (folder / "state").mkdir()
    (folder / "state" / "vault-id").write_text(VAULT + "\n")
    (folder / "vault" / "vault.json").write_text(json.dumps({"v": 1, "id": VAULT}))
    (folder / "state" / "signing.key").touch(mode=0o600)
    box = FakeBox(root=folder / "root", config=config)
    for path, text in FILES.items():
        box.write(path, text)
    for path in (PACKAGES, KERNEL):
        box.write_at(path, UPDATED_S)
    box.status = {"v": 1, "box": "test-box", "running": True, "pid": 4711, "alarms": [], "leaves": 42}
    box.channel()
    box.link()
    for name, text in PROGRAMS.items():
        box.program(name, text)
    return box
