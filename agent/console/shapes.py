"""The shape of every message of the MQTT contract. Pure.

Guarantees: what passes has every required field of `docs/formats/mqtt-v1/*.schema.json` with the right type,
and every text, list and object in it is bounded, which the schemas leave open. Unknown fields pass unseen:
nobody reads them. A test holds the table against the schemas. Leaves out the envelope and the topic
(`contract.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.console.shape import (
    Check,
    Place,
    Shape,
    channel,
    count,
    fields,
    flag,
    integer,
    maybe,
    nonce,
    number,
    one_of,
    positive,
    several,
    sha256,
    small,
    span,
    stamp,
    text,
    word,
)

MOST_CHANNELS = 16
_KIB = 1024
ID = text(64)
CODE = text(64)
NAME = text(200)
TEXT = text(1000)
NOTE = text(140_000)
IDS = several(ID, 500)
VERDICT = word("conforming", "degraded", "nonconforming", None)
LEAF = {"leaf": count}
_RATE = {"rate_num": maybe(count), "rate_den": maybe(positive)}
_COUNTS = fields(dict.fromkeys(("pass", "warn", "fail", "skip", "crash"), count))
_KEY_BEARER = fields({"name": NAME, "roles": several(ID, 8), "key_sha256": sha256})
_CERTIFICATE = fields({"name": maybe(NAME), "key_sha256": sha256, "not_before": stamp, "not_after": stamp})
_FINDING = fields({"status": ID, "required": NAME, "cve": several(ID, 50)})
_BIRTH_OBJECT = fields(
    {"id": channel},
    {
        "name": maybe(NAME),
        "source": maybe(ID),
        "category": maybe(ID),
        "level": maybe(count),
        "width": maybe(count),
        "height": maybe(count),
        "rate": maybe(ID),
    },
)


def _birth_channel(value: object) -> bool:
    # The contract's vectors have names alone.
    return channel(value) or _BIRTH_OBJECT(value)


def _box(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, kib: int = 16) -> Shape:
    return Shape(place=Place.BOX, required=required, optional=optional or {}, limit=kib * _KIB)


def _channel(
    required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, kib: int = 16
) -> Shape:
    return Shape(place=Place.CHANNEL, required=required, optional=optional or {}, limit=kib * _KIB)


STATES: Mapping[str, Shape] = {
    "birth": _box(
        {},
        {
            "site": maybe(NAME),
            "versions": small,
            "ledger_key": NAME,
            "configuration_sha256": sha256,
            "channels": several(_birth_channel, MOST_CHANNELS),
            "cmd_nonce": nonce,
            "commands": fields({"v": positive, "types": several(ID, 100)}),
        },
        64,
    ),
    "status": _box(
        {
            "status": word("online", "maintenance", "draining", "offline"),
            "cause": word(None, "stopped", "lost"),
        }
    ),
    "a": Shape(
        place=Place.ANY,
        required={
            "entity": ID, "code": CODE, "severity": word("warning", "critical"), "since": stamp, "text": TEXT,
            "remedy": TEXT,
        },
    ),
    "state-channel": _channel(
        {
            "signal": word("present", "absent", "unknown"), "recording": maybe(ID), "width": maybe(count),
            "height": maybe(count), **_RATE, "codec": maybe(ID), "verdict": VERDICT, "segments": count,
            "bytes": count, "restarts": count,
        }
    ),
    "state-ledger": _box(
        {
            "leaves": count, "unwitnessed_leaves": count, "unwitnessed_s": count, "answers_refused": count,
            "witnesses": several(fields({"name": NAME, "size": maybe(count), "at": maybe(stamp)}), 8),
        }
    ),
    "state-retention": _box(
        {
            "last_run": stamp, "oldest": maybe(stamp), "due": count, "newly_due": count, "overdue": count,
            "held": count, "unruled": count, "undated": count,
        }
    ),
    "ckpt-head": _box({"note": NOTE, "consistency": several(small, 8)}, kib=64),
    "twin-software": _box({"agent": NAME, "python": NAME, "kernel": NAME, "os": maybe(NAME)}),
    "twin-hardware": _box(
        {
            "maker": maybe(NAME), "model": maybe(NAME), "machine": NAME, "cores": maybe(count),
            "memory_bytes": maybe(count), "vault_bytes": maybe(count),
            "vault_disk": fields(
                {"maker": maybe(NAME), "model": maybe(NAME), "kind": maybe(ID), "file_system": maybe(ID)}
            ),
        }
    ),
    "twin-keys": _box(
        {
            "ledger": NAME, "custodians": several(sha256, 64), "threshold": positive,
            "authority": maybe(NAME),
            "operators": several(_KEY_BEARER, 200), "witnesses": several(sha256, 16),
            "certificate": maybe(_CERTIFICATE),
        },
        kib=64,
    ),
    "twin-spec": _channel(
        {
            "category": ID, "level": count, "purpose": TEXT, "lawful_basis": TEXT, "source": ID,
            "plan": maybe(small), "spec": small, "sha256": sha256,
        },
        kib=64,
    ),
    "twin-device": _channel(
        {
            "manufacturer": maybe(NAME), "model": maybe(NAME), "firmware": maybe(NAME), "serial": maybe(NAME),
            "profile": NAME, "trust": ID, "firmware_findings": several(_FINDING, 100),
        },
        kib=64,
    ),
    "report-week": _box(
        {"made": stamp, "from_leaf": count, "to_leaf": count, "note": text(250_000), **LEAF}, kib=256
    ),
    "check": _box(
        {
            "run": ID, "profile": ID, "technician": ID, "result": one_of(0, 1, 2), "complete": flag,
            "counts": _COUNTS, "sha256": sha256, "note": maybe(NOTE), **LEAF,
        },
        kib=256,
    ),
    "res": _box(
        {
            "cmd_id": ID, "type": ID,
            "status": word("rejected", "expired", "accepted", "executing", "succeeded", "failed"),
            "reason": maybe(CODE), "text": maybe(TEXT), "advice": maybe(TEXT), "result": maybe(small),
            "leaf": maybe(count),
        }
    ),
    "m-channel": _channel(
        {
            **_RATE, "bitrate_bps": count, "frames": count, "lost": count, "duplicates": count,
            "jitter_p99_ms": count, "durable_age_ms": maybe(count),
        },
        kib=4,
    ),
    "m-box": _box(
        {
            "cpu_s": number, "rss_bytes": count, "free_bytes": maybe(count), "outbox_rows": maybe(count),
            "outbox_failures": count, "alarms": count,
        },
        kib=4,
    ),
}  # fmt: skip

EVENTS: Mapping[str, Shape] = {
    "e-data_loss": _box(
        {
            "cause": word("overflow", "refused"), "count": count, "classes": small,
            "ranges": several(span, 500),
        },
        kib=64,
    ),
    "e-segment": _channel(
        {
            "recording": ID, "channel": channel, "number": count, "name": NAME, "start": maybe(stamp),
            "duration_ms": maybe(count), "size_bytes": count, "sha256": sha256, "suite": ID, "final": flag,
            "reason": ID, "frames": maybe(count), "frames_expected": maybe(count), "verdict": VERDICT,
            "findings": several(small, 200), **LEAF,
        },
        {"synced_bytes": maybe(count), "synced_sha256": maybe(sha256), "deid": small},
        64,
    ),
    "e-gap": _channel(
        {
            "channel": channel, "cause": ID, "from": stamp, "to": stamp, "duration_ms": count,
            "recording": maybe(ID), **LEAF,
        }
    ),
    "e-refused": _channel(
        {
            "what": word("capture", "deidentify"), "channel": channel, "code": CODE, "text": TEXT,
            "advice": TEXT, "category": ID, "level": count, "plan": maybe(small), **LEAF,
        }
    ),
    "e-recording-opened": _channel(
        {"recording": ID, "channel": channel, "suite": ID, "category": ID, "level": count, **LEAF},
        {
            "ticket": maybe(ID), "ticket_batch": maybe(ID), "ticket_class": maybe(ID), "emergency": flag,
            "scene": NAME, "place": several(NAME, 16), "responsible": NAME, "policy": NAME,
            "tracks": several(ID, 8), "retention": maybe(small), "retain_until": maybe(ID),
            "track": word("deidentified"), "original": ID, "original_channel": channel, "deid_policy": small,
        },
    ),
    "e-recording-closed": _channel(
        {
            "recording": ID, "channel": channel, "cause": ID, "end": maybe(stamp), "segments": count,
            "frames": count, "frames_expected": count, "gaps": count, "size_bytes": count, "root": sha256,
            "verdict": VERDICT, **LEAF,
        }
    ),
    "e-boot": _box({"vault": ID, "torn": count, **LEAF}),
    "e-shutdown": _box({"signals": count, **LEAF}),
    "e-configuration": _box(
        {
            "sha256": sha256, "agent": ID, "state": word("installed", "trial", "accepted"),
            "cmd_id": maybe(ID),
            "rolled_back": maybe(fields({"cmd_id": ID, "sha256": sha256, "reason": CODE})), **LEAF,
        }
    ),
    "e-command-denied": _box(
        {
            "reason": CODE, "origin": ID, "signers": several(ID, 8), "cmd_id": maybe(ID), "type": maybe(ID),
            "count": positive, "reasons": maybe(small), **LEAF,
        }
    ),
    "e-clock-step": _box({"step_ms": integer, **LEAF}),
    "e-quarantine": _box({"path": TEXT, "moved_to": TEXT, "reason": TEXT, **LEAF}),
    "e-hold-set": _box({"hold": ID, "recordings": IDS, "reason": TEXT, "command": ID, **LEAF}, kib=64),
    "e-hold-cleared": _box({"hold": ID, "recordings": IDS, "reason": TEXT, "command": ID, **LEAF}, kib=64),
    "e-retention-due": _box(
        {
            "items": several(
                fields({"recording": ID, "level": positive, "rule": maybe(NAME), "due": ID}), 1000
            ),
            **LEAF,
        },
        kib=256,
    ),
    "e-evicted": _box(
        {"recordings": IDS, "size_bytes": count, "reason": word("disk-full"), **LEAF}, kib=64
    ),
    "e-destroy-requested": _box(
        {
            "request": ID, "recordings": IDS, "reason": TEXT, "ground": word("retention", "court-or-ethics"),
            "without_ticket": flag, "requested_by": several(ID, 8), "approvals_needed": count, "expires": ID,
            "ledger_size": count, "ledger_root": ID, "challenge_sha256": ID, "command": ID, **LEAF,
        },
        kib=64,
    ),
    "e-destroy-approved": _box(
        {
            "request": ID, "challenge_sha256": ID, "approvers": several(ID, 8), "approvals": count,
            "approvals_needed": count, "command": ID, **LEAF,
        }
    ),
    "e-destroy-executed": _box(
        {"request": ID, "phase": word("intent", "result"), **LEAF},
        {
            "method": ID, "authority_records": several(text(2000), 500), "executed_by": several(ID, 8),
            "place": maybe(NAME), "command": ID, "recordings": count, "segments": count, "size_bytes": count,
            "discard": fields({"done": flag, "text": TEXT}), "verification": ID,
        },
        256,
    ),
    "e-destroy-certified": _box(
        {
            "request": ID, "certificate_sha256": ID, "method": word("purge", "clear"), "recordings": positive,
            **LEAF,
        }
    ),
}  # fmt: skip

SHAPES: Mapping[str, Shape] = {**STATES, **EVENTS}
