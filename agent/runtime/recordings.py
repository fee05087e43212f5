"""Opening a recording: key pair, ticket, capsule, manifest, leaf; in this order, all durable.

Guarantees: the level decides the suite of key pair, capsule and segments (STD 5.3); no recording without
custodians of that suite, as many as the threshold says; with a ticket office the capsule is closed with a
reserved ticket, or marked as an emergency; the private half goes into the capsule and is forgotten here; the
manifest carries the plan's facts and the capsule's hash, and the opening leaf carries the manifest's hash, so
a label can't be changed unseen (STD 8.1). Without a collection plan there is no recording (STD 6.1); whether
the plan allows one now, the caller must have asked (`plan_gate.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import rfc8785

from agent.formats.config_v1 import ChannelConfig, CustodianConfig
from agent.formats.ledger_v1 import LeafType
from agent.model.errors import Refuse
from agent.model.ids import RecordingId, new_uuid7
from agent.model.outgoing import Json
from agent.model.times import Instant, rfc3339
from agent.runtime.book import Book
from agent.runtime.plan_gate import NO_PLAN
from agent.runtime.tickets import EMERGENCY, Need, Reserved, TicketOffice
from agent.seal import suites
from agent.seal.capsule import make_capsule
from agent.seal.custodians import check_custodians
from agent.seal.recording_key import new_key_pair
from agent.vault.layout import CAPSULE_NAME, MANIFEST_NAME
from agent.vault.retention import retention_labels
from agent.vault.store import open_recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """What a recording that was made of another one says of that, in its opening leaf and its manifest.

    The manifest says more: its hash is in the leaf.
    """

    leaf: Mapping[str, Json]
    manifest: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRecording:
    """A recording that may take segments."""

    recording: RecordingId
    directory: Path
    recipient: str
    capsule_sha256: str
    suite: str


def begin(
    vault: Path,
    box: str,
    channel: ChannelConfig,
    custodians: CustodianConfig,
    book: Book,
    now: Instant,
    random: Callable[[int], bytes],
    tickets: TicketOffice | None = None,
    derivation: Derivation | None = None,
) -> OpenRecording:
    """A new recording. Raises `Refuse` (`seal.*`, `plan.missing`) or what the disk says."""
    labels = _labels(channel, now)
    recording = RecordingId(new_uuid7(now.wall_ns, random(10)))
    suite = suites.for_level(channel.level)
    keepers = suites.of_suite(custodians.recipients, suite)
    check_custodians(keepers, custodians.threshold)  # before a ticket is taken for nothing
    keys = new_key_pair(random, suite.NAME)
    ticket = None if tickets is None else tickets.take(Need.of(channel), now.wall_ns)
    closed_with = None if ticket is None else ticket.ticket.recipient
    capsule = make_capsule(keys.identity, keepers, random, closed_with, custodians.threshold)
    capsule_sha256 = hashlib.sha256(capsule).hexdigest()
    manifest: dict[str, Json] = {
        "v": 1,
        "recording": recording,
        "box": box,
        "channel": channel.id,
        "opened": rfc3339(now.wall_ns),
        "suite": suite.NAME,
        "recipient": keys.recipient,
        "custodians": list(keepers),
        "threshold": custodians.threshold,
        "capsule_sha256": capsule_sha256,
        **_ticket_facts(tickets, ticket),
        "spec": {
            "width": channel.spec.width,
            "height": channel.spec.height,
            "rate": channel.spec.rate,
            "codecs": list(channel.spec.codecs),
        },
        **labels,
        **({} if derivation is None else derivation.manifest),
    }
    manifest_bytes = rfc8785.dumps(manifest) + b"\n"
    directory = open_recording(vault, recording, capsule, manifest_bytes)
    book.leaf(
        LeafType.RECORDING_OPENED,
        {
            "recording": recording,
            "channel": channel.id,
            "suite": suite.NAME,
            CAPSULE_NAME: capsule_sha256,
            MANIFEST_NAME: hashlib.sha256(manifest_bytes).hexdigest(),
            **_ticket_facts(tickets, ticket),
            **labels,
            **({} if derivation is None else derivation.leaf),
        },
        entity=channel.id,
        event=True,
        checkpoint=True,
    )
    if tickets is not None:
        tickets.used(channel.id)
    return OpenRecording(
        recording=recording,
        directory=directory,
        recipient=keys.recipient,
        capsule_sha256=capsule_sha256,
        suite=suite.NAME,
    )


def _labels(channel: ChannelConfig, now: Instant) -> dict[str, Json]:
    """What is collected, by which plan; the same in manifest and leaf. Sound is never recorded."""
    plan = channel.plan
    if plan is None:
        raise Refuse("plan.missing", NO_PLAN.text, NO_PLAN.advice)
    return {
        "category": channel.category,
        "level": channel.level,
        "purpose": channel.purpose,
        "lawful_basis": channel.lawful_basis,
        "scene": plan.scene,
        "place": list(plan.place),
        "responsible": plan.responsible,
        "policy": plan.policy,
        "tracks": ["video"],
        **retention_labels(channel, now.wall_ns),
    }


def _ticket_facts(tickets: TicketOffice | None, ticket: Reserved | None) -> dict[str, Json]:
    """Nothing at all where the configuration names no authority."""
    if tickets is None:
        return {}
    return EMERGENCY if ticket is None else ticket.facts()
