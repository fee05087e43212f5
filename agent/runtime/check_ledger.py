"""What the health checks ask of the ledger, the outbox and the certificate.

Guarantees: of the ledger only the end is read, bundle by bundle backwards, so a check's cost grows with the
time that it looks back and not with the box's age; a cosignature counts only when it verifies. Raises `Skip`
where something isn't there yet or may not be read, and `AgentError` `ledger.*`, `leaf.*`, `disk.*`.
"""

from __future__ import annotations

import os
from pathlib import Path

from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import BUNDLE, Leaf, decode_leaf, origin, split_entries
from agent.formats.signed_note import COSIGNATURE
from agent.health.probed import CertificateSeen, Waiting, Witnessed
from agent.health.site import Skip
from agent.ledger import cosignature
from agent.ledger.cosigned import CosignedHeads
from agent.ledger.signing import Verifier
from agent.ledger.tiles import Tiles
from agent.link.outbox import Limits, Outbox
from agent.model.errors import Refuse
from agent.model.times import NS_PER_S, Instant, from_rfc3339
from agent.runtime.certificate_watch import see
from agent.vault.layout import LEDGER

OUTBOX_NAME = "outbox.sqlite3"
_OTHERS = 0o077


def ledger_of(config: AgentConfig) -> Path:
    """The ledger's directory. Skip `too-early` before the first start, `no-privilege`."""
    directory = config.box.vault_dir / LEDGER
    try:
        there = directory.is_dir()
    except PermissionError:
        raise Skip("no-privilege") from None
    if not there:
        raise Skip("too-early")
    if not os.access(directory, os.R_OK | os.X_OK):
        raise Skip("no-privilege")
    return directory


def leaves_since(directory: Path, since_wall_ns: int) -> tuple[Leaf, ...]:
    """Leaves from that wall time on, oldest first.

    A bundle all of whose leaves are older ends the way back: what a jump of the clock put before it is not
    looked for.
    """
    tiles = Tiles(directory)
    count = tiles.bundle_count()
    tail = tiles.read_tail()
    found = [] if tiles.is_left_over(count, tail) else _decoded(split_entries(tail)[0], since_wall_ns)
    for number in reversed(range(count)):
        some = _decoded(tiles.bundle(number), since_wall_ns)
        if not some:
            break
        found = some + found
    return tuple(found)


def _decoded(entries: list[bytes], since_wall_ns: int) -> list[Leaf]:
    leaves = (decode_leaf(entry) for entry in entries)
    return [leaf for leaf in leaves if from_rfc3339(leaf.wall) >= since_wall_ns]


def witnessed(config: AgentConfig, now: Instant) -> Witnessed:
    """What the configured witnesses have cosigned. Skip `not-configured`."""
    if not config.witness:
        raise Skip("not-configured")
    directory = ledger_of(config)
    tiles = Tiles(directory)
    count = tiles.bundle_count()
    tail = tiles.read_tail()
    rest = [] if tiles.is_left_over(count, tail) else split_entries(tail)[0]
    leaves = count * BUNDLE + len(rest)
    seen = 0
    for one in config.witness:
        note = CosignedHeads(directory, one.name).newest()
        try:
            if note is not None:
                verifier = Verifier(one.key, COSIGNATURE)
                seen = max(seen, cosignature.verified(note, verifier, origin(config.box.id)).head.size)
        except Refuse:
            continue  # a bad one counts for nothing; `ledger.log` says what is wrong with it
    if seen >= leaves:
        return Witnessed(leaves=leaves, witnessed=seen, waits_s=None)
    bundle = tiles.bundle(seen // BUNDLE) if seen // BUNDLE < count else rest
    first = decode_leaf(bundle[seen % BUNDLE])
    waits_s = max(0, now.wall_ns - from_rfc3339(first.wall)) / NS_PER_S
    return Witnessed(leaves=leaves, witnessed=seen, waits_s=waits_s)


def waiting(config: AgentConfig, now: Instant) -> Waiting:
    """The outbox at this moment; nothing in it is changed."""
    if config.mqtt is None:
        raise Skip("not-configured")
    path = config.box.state_dir / OUTBOX_NAME
    if not path.exists():
        raise Skip("too-early")
    if not os.access(path, os.R_OK | os.W_OK):  # SQLite's readers write too: they say where they read
        raise Skip("no-privilege")
    outbox = Outbox.open(path, config.box.id, "0")
    try:
        depth = outbox.depth(now)
    finally:
        outbox.close()
    return Waiting(
        rows=depth.total_rows,
        bytes=depth.bytes,
        most_bytes=Limits().total_bytes,
        oldest_age_s=depth.oldest_age_s,
        refused=depth.quarantined,
    )


def certificate(config: AgentConfig) -> CertificateSeen:
    """The box's certificate for MQTT and who may read its key."""
    mqtt = config.mqtt
    if mqtt is None or mqtt.cert_file is None or mqtt.key_file is None:
        raise Skip("not-configured")
    if mqtt.cert_file.exists() and not os.access(mqtt.cert_file, os.R_OK):
        raise Skip("no-privilege")
    seen = see(mqtt.cert_file, mqtt.key_file)
    facts = seen.facts
    return CertificateSeen(
        name=None if facts is None else facts.name,
        not_before_ns=None if facts is None else facts.not_before_wall_ns,
        not_after_ns=None if facts is None else facts.not_after_wall_ns,
        problem=seen.problem,
        key_exposed=seen.key_mode is not None and bool(seen.key_mode & _OTHERS),
    )
