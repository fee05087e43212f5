"""The support bundle: what we need to find a fault, by allow-list, sealed before it touches a disk.

Guarantees: only the members listed in `MEMBERS` are inside, none is a picture, a key, a password or an
outbox row; addresses and user names of cameras are replaced; the whole is one age file to the support's
recipient (STD 7.6 b: what leaves a box lands encrypted). Leaves out sending it.
"""

from __future__ import annotations

import io
import json
import platform
import tarfile
from collections import deque
from collections.abc import Callable, Mapping

from agent import __version__
from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import Leaf
from agent.health.render import row
from agent.health.site import Site
from agent.health.words import LANGUAGES
from agent.ledger.check import read_leaves
from agent.model.errors import AgentError
from agent.model.finding import Finding
from agent.model.outgoing import Json
from agent.model.times import Instant, rfc3339
from agent.seal.age_writer import seal_bytes
from agent.vault.layout import LEDGER

LOG_LINES = 500
LEAVES = 500
# Keys of the configuration whose values name people, places on the network, or secrets.
_REPLACED = frozenset(
    {"url", "username", "password_file", "host", "ca_file", "cert_file", "key_file", "site", "name"}
)
_FACTS = ("MemTotal", "MemAvailable")
_LEAF_FACTS = ("code", "cause", "channel", "step_ms")

Collect = Callable[[Site, tuple[Finding, ...], Instant], Json]


def _about(_site: Site, _findings: tuple[Finding, ...], now: Instant) -> Json:
    return {
        "made": rfc3339(now.wall_ns),
        "agent": __version__,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }


def _configuration(site: Site, _findings: tuple[Finding, ...], _now: Instant) -> Json:
    return without_places(json.loads(site.config.model_dump_json()))


def _findings_rows(_site: Site, findings: tuple[Finding, ...], _now: Instant) -> Json:
    return [row(finding, LANGUAGES["en"]) for finding in findings]


def _status(site: Site, _findings: tuple[Finding, ...], _now: Instant) -> Json:
    """Without the masked pictures: they are for the hospital's own report."""
    if site.status is None:
        return None
    rows: list[Json] = [
        {key: value for key, value in channel.items() if key != "picture"}
        for channel in site.rows("channels")
    ]
    return {**site.status, "channels": rows}


def _ledger(site: Site, _findings: tuple[Finding, ...], _now: Instant) -> Json:
    """The newest leaves without their bodies' free texts: types, times, numbers."""
    directory = site.config.box.vault_dir / LEDGER
    if not directory.is_dir():
        return []
    newest = deque(read_leaves(directory), maxlen=LEAVES)
    return [_leaf_row(leaf) for leaf in newest]


def _leaf_row(leaf: Leaf) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "n": leaf.n,
        "boot": leaf.boot,
        "wall": leaf.wall,
        "clk": leaf.clk.value,
        "type": leaf.type.value,
    }
    return facts | {key: leaf.body[key] for key in _LEAF_FACTS if key in leaf.body}


def _log(site: Site, _findings: tuple[Finding, ...], _now: Instant) -> Json:
    """Our own unit's lines: they hold no secret by the rule of errors (`agent/model/errors.py`)."""
    told = site.run(
        ("journalctl", "--unit", "edgeward", "--no-pager", "--lines", str(LOG_LINES), "-o", "short-iso")
    )
    return [] if told is None else list(told.text.splitlines()[-LOG_LINES:])


MEMBERS: Mapping[str, Collect] = {
    "about.json": _about,
    "configuration.json": _configuration,
    "findings.json": _findings_rows,
    "ledger.json": _ledger,
    "log.json": _log,
    "status.json": _status,
}


def make_bundle(
    site: Site,
    findings: tuple[Finding, ...],
    recipient: str,
    now: Instant,
    random: Callable[[int], bytes],
) -> bytes:
    """A gzipped tar as one age file, made in memory; refuses `seal.bad-recipient`.

    A member that can't be collected is in it as `{"error": code}`: a fault must not hide the others.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, collect in MEMBERS.items():
            try:
                content = collect(site, findings, now)
            except AgentError as error:
                content = {"error": error.code}
            data = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8")
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o600, now.wall_ns // 10**9
            archive.addfile(entry, io.BytesIO(data))
    return seal_bytes(buffer.getvalue(), [recipient], random)


def without_places(value: Json) -> Json:
    """`value` with what names people and places replaced by a word that says whether it was there."""
    if isinstance(value, Mapping):
        return {
            key: ("(set)" if item else item)
            if key in _REPLACED and (item is None or isinstance(item, str))
            else without_places(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_places(item) for item in value]
    return value


def bundle_recipient(config: AgentConfig, given: str | None) -> str | None:
    """Who can read it: the one that was named, else the configured support's."""
    return given or (config.support.recipient if config.support else None)
