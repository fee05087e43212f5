"""Boot order: state directory, key, vault lock and identity, ledger, recovery, outbox.

Guarantees: when `boot` returns, everything that an earlier run left is entered in the ledger or in
quarantine, and the boot leaf is written. It never waits for the network. Raises `AgentError`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import LeafType, origin
from agent.host.files import make_directories, translate, write_atomic
from agent.ledger.log import Ledger
from agent.ledger.signing import SigningKey
from agent.link.outbox import Outbox
from agent.model.errors import Halt, Retry
from agent.model.ids import new_uuid7
from agent.model.media import GapCause
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.runtime.book import Book
from agent.runtime.leaves import adopted_body, closing_body
from agent.runtime.past import PAST_ACCOUNT, ChannelPast, Past
from agent.runtime.past_index import NAME as INDEX_NAME
from agent.runtime.past_index import PastIndex
from agent.vault.identity import lock_vault, open_vault
from agent.vault.layout import LEDGER
from agent.vault.recovery import (
    AdoptSegment,
    CloseRecording,
    QuarantineFile,
    plan,
)
from agent.vault.store import (
    durable_sha256_of,
    list_quarantine,
    list_recordings,
    original_path,
    quarantine,
    settle_names,
)

LOCK_WAIT_S = 15.0
KEY_NAME = "signing.key"
PUBLIC_NAME = "signing.vkey"
_IDENTIFIER = re.compile(r"[A-Za-z0-9-]{1,64}")
_MOST_BOOTS = 1 << 52  # leaves hold numbers below 2^53


@dataclass(slots=True, kw_only=True)
class Booted:
    """All that the keeper needs, open."""

    ledger: Ledger
    outbox: Outbox | None
    boot: int
    lock: int
    vault_id: str
    past: Past
    index: PastIndex[Past]


def prepare_state(config: AgentConfig) -> int:
    """Makes the directories and counts this boot. Returns its number."""
    state, runtime = config.box.state_dir, config.box.runtime_dir
    for directory in (state, config.box.vault_dir, runtime):
        make_directories(directory, 0o750)
    path = state / "boot"
    try:
        last = int(path.read_text()) if path.exists() else 0
    except (OSError, ValueError):
        last = -1
    if not 0 <= last < _MOST_BOOTS:
        # A damaged counter must not give one number to two boots: go on at a place of chance, far above.
        last = int.from_bytes(os.urandom(5), "big")
    write_atomic(path, f"{last + 1}\n".encode())
    return last + 1


def signing_key(config: AgentConfig, random: Callable[[int], bytes]) -> SigningKey:
    """The box's key, made on first start, with its public half beside it for auditors."""
    path = config.box.state_dir / KEY_NAME
    if path.exists():
        key = SigningKey.load(path)
    else:
        key = SigningKey.generate(random(32), origin(config.box.id))
        key.save(path)
    public = config.box.state_dir / PUBLIC_NAME
    if not public.exists():
        write_atomic(public, key.verifier_key.encode() + b"\n", mode=0o644)
    return key


def wait_for_lock(vault: Path, clock: Clock, sleep: Callable[[float], None]) -> int:
    """The vault's lock; channel processes of a keeper that was killed may need seconds to leave."""
    deadline_ns = clock.mono_ns() + round(LOCK_WAIT_S * 1e9)
    while True:
        try:
            return lock_vault(vault)
        except Retry as error:
            if clock.mono_ns() > deadline_ns or error.code != "vault.locked":
                raise
            sleep(error.after_s)


def open_known_vault(config: AgentConfig, clock: Clock, random: Callable[[int], bytes]) -> str:
    """The vault's id, remembered in the state directory, so that another disk is noticed."""
    remembered = config.box.state_dir / "vault-id"
    try:
        expected = remembered.read_bytes().decode("utf-8", "replace").strip() if remembered.exists() else None
    except OSError as error:
        raise translate(error, remembered, "reading") from None
    if expected is not None and not _IDENTIFIER.fullmatch(expected):
        raise Halt(
            "vault.bad-memory",
            f"{remembered} is damaged: this box does not know its vault any more",
            "write the id of its vault.json into it, or remove it to adopt the vault that is there",
        )
    found = open_vault(config.box.vault_dir, expected, new_uuid7(clock.now().wall_ns, random(10)))
    if expected is None:
        write_atomic(remembered, found.encode() + b"\n")
    return found


def boot(
    config: AgentConfig, clock: Clock, random: Callable[[int], bytes], sleep: Callable[[float], None]
) -> Booted:
    """Everything up to READY, except recovery, which needs the book (`recover`)."""
    number = prepare_state(config)
    key = signing_key(config, random)
    vault = config.box.vault_dir
    lock = wait_for_lock(vault, clock, sleep)
    try:
        vault_id = open_known_vault(config, clock, random)
        ledger = Ledger.open(vault / LEDGER, config.box.id, key)
        outbox = None
        if config.mqtt is not None:
            outbox = Outbox.open(config.box.state_dir / "outbox.sqlite3", config.box.id, str(number))
        index = PastIndex.open(config.box.state_dir / INDEX_NAME, PAST_ACCOUNT, ledger)
    except BaseException:
        os.close(lock)
        raise
    return Booted(
        ledger=ledger,
        outbox=outbox,
        boot=number,
        lock=lock,
        vault_id=vault_id,
        past=index.copy(),
        index=index,
    )


def recover(vault: Path, past: Past, book: Book) -> None:
    """Executes the recovery plan: adopt, quarantine, close; each with its leaf."""
    settle_names(vault)
    for file in list_quarantine(vault):
        if file.path not in past.quarantined:
            _enter_quarantine(book, original_path(file.path), file.path, "moved aside before a stop")
    for action in plan(past.recordings, list_recordings(vault)):
        match action:
            case AdoptSegment():
                known = past.recordings[action.recording]
                body = adopted_body(
                    action,
                    channel=known.channel,
                    sha256=durable_sha256_of(vault / action.path, doubted=True),
                    suite=past.suites[action.recording],
                )
                book.leaf(LeafType.SEGMENT, body, entity=known.channel, event=True)
                totals = past.totals[action.recording]
                totals.add_file(action.size_bytes, str(body["sha256"]))
            case QuarantineFile():
                _enter_quarantine(book, action.path, quarantine(vault, action.path), action.reason)
            case CloseRecording():
                body = closing_body(
                    action.recording,
                    action.channel,
                    GapCause.RESTART,
                    past.totals[action.recording],
                    end_wall_ns=action.end_wall_ns,
                    capsule_sha256=None,
                )
                book.leaf(LeafType.RECORDING_CLOSED, body, entity=action.channel, event=True)
                known_past = past.channels.setdefault(action.channel, ChannelPast())
                if action.end_wall_ns is not None:
                    known_past.end_wall_ns = max(known_past.end_wall_ns or 0, action.end_wall_ns)
                known_past.cause = GapCause.RESTART
    book.close_inherited(past.alarms)


def _enter_quarantine(book: Book, path: str, moved_to: str, reason: str) -> None:
    body: dict[str, Json] = {"path": path, "moved_to": moved_to, "reason": reason}
    book.leaf(LeafType.QUARANTINE, body, event=True)
