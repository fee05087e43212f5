"""Making an authority's directory, and opening it for one command.

Guarantees: one command at a time; the record's chain is checked and a broken-off destruction is settled
before a command sees anything. Leaves out what commands do (`store.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from agent.authority.disk import Disk
from agent.authority.epoch import EpochKey
from agent.authority.record import CREATED
from agent.authority.store import BATCHES, RECORD, WRAPPED, Authority, Random, bad_request
from agent.formats import tickets_v1
from agent.formats.tickets_v1 import KEY_PREFIX
from agent.host.directory_lock import locked
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse

KEY_NAME, PUBLIC_NAME, EPOCH_NAME = "signing.key", "signing.vkey", "epoch.key"


def create(
    directory: Path, epoch_key: Path | None, name: str, disk: Disk, wall_ns: int, random: Random
) -> str:
    """A new authority. Returns its verifier key. Refuse `authority.exists`, `authority.bad-request`."""
    full_name = KEY_PREFIX + name
    if not tickets_v1.is_authority_name(full_name):
        raise bad_request("a name has lower-case letters, digits and hyphens, at most 63")
    if (directory / RECORD).exists() or (directory / KEY_NAME).exists():
        raise Refuse(
            "authority.exists",
            f"there is something of an authority in {directory} already",
            "name an empty directory; what an init that was broken off left may be removed",
        )
    for folder in (directory, directory / BATCHES, directory / WRAPPED / "1"):
        disk.make_directory(folder)
    epoch = EpochKey(epoch_key or directory / EPOCH_NAME, disk)
    with _alone(directory):
        keys = epoch.create(random)
        key = SigningKey.generate(random(32), full_name)
        key.save(directory / KEY_NAME)
        disk.write(directory / PUBLIC_NAME, key.verifier_key.encode() + b"\n", 0o644)
        disk.make_directory(directory / RECORD)
        Authority(directory, key, epoch, disk).record.append(
            CREATED,
            {"authority": full_name, "vkey": key.verifier_key},
            epoch=1,
            epoch_recipient=keys.recipient,
            wall_ns=wall_ns,
        )
    return key.verifier_key


@contextmanager
def opened(directory: Path, epoch_key: Path | None, disk: Disk) -> Iterator[Authority]:
    """The authority in `directory`, its record checked and a broken-off destruction settled."""
    if not (directory / RECORD).is_dir():
        raise Refuse(
            "authority.missing", f"there is no key authority in {directory}", "edgeward authority init -d DIR"
        )
    with _alone(directory):
        key = SigningKey.load(directory / KEY_NAME)
        found = Authority(directory, key, EpochKey(epoch_key or directory / EPOCH_NAME, disk), disk)
        found.record.load()
        if not found.record.entries:
            raise Refuse(
                "authority.missing",
                f"the init in {directory} was broken off",
                "remove what it left, and run edgeward authority init again",
            )
        found.settle()
        yield found


def _alone(directory: Path) -> AbstractContextManager[None]:
    return locked(
        directory,
        Refuse("authority.busy", "another command is working in this directory", "wait until it has ended"),
    )
