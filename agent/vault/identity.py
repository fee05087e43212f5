"""The vault's identity and lock.

Guarantees: a vault is known by `vault.json`, so a disk that is not mounted is noticed before a byte goes
to the wrong place; it is locked as long as any process can write to it, because the lock is a flock(2)
on a descriptor that channel processes inherit. The caller keeps the returned descriptor open.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from agent.host.files import fsync_dir, translate, write_atomic
from agent.model.errors import Halt, Retry
from agent.vault.layout import IDENTITY_NAME, LEDGER, LOCK_NAME, QUARANTINE, RECORDINGS


def open_vault(vault: Path, expected_id: str | None, new_id: str) -> str:
    """The id of the vault at `vault`; it is made as `new_id` when this box has never had one.

    `expected_id` is the id that the box remembers from before. Raises `Halt` `vault.missing` when the
    vault that it remembers is not there, `vault.foreign` when another one is.
    """
    path = vault / IDENTITY_NAME
    try:
        found = _read_id(path)
        if found is None:
            if expected_id is not None:
                raise Halt(
                    "vault.missing",
                    f"the vault of this box is not at {vault}",
                    "mount its disk; to begin a new vault remove vault-id in the state directory",
                )
            for folder in (RECORDINGS, QUARANTINE, LEDGER):
                (vault / folder).mkdir(mode=0o750, parents=True, exist_ok=True)
            write_atomic(path, json.dumps({"v": 1, "id": new_id}).encode() + b"\n", mode=0o640)
            fsync_dir(vault)
            return new_id
    except OSError as error:
        raise translate(error, vault, "opening the vault at") from None
    if expected_id is not None and found != expected_id:
        raise Halt(
            "vault.foreign",
            f"the vault at {vault} belongs to another box or an earlier set-up",
            "mount the right disk; to adopt this one write its id into vault-id in the state directory",
        )
    # Whoever made the vault may have been stopped before the names in it were durable.
    fsync_dir(vault)
    return found


def _read_id(path: Path) -> str | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found = json.loads(data)["id"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not found:
        raise Halt(
            "vault.bad-identity", f"{path} is damaged", "restore it: the ledger's boot leaves have the id"
        )
    return found


def lock_vault(vault: Path) -> int:
    """A descriptor that holds the lock. Raises `Retry` `vault.locked` while another writer lives."""
    try:
        descriptor = os.open(vault / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise translate(error, vault / LOCK_NAME, "locking") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Retry(
            "vault.locked",
            f"another agent is still writing to {vault}",
            "wait until it has left, or stop it: systemctl stop edgeward",
            after_s=0.2,
        ) from None
    return descriptor
