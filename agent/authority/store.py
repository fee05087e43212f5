"""The authority's directory: issue, unwrap, withdraw, destroy, audit (docs/formats/tickets-v1.md).

Guarantees: what is handed out is in the record before it leaves; after `destroy` returned, no file of the
directory and no key of today opens the destroyed tickets; a stop at any step leaves one epoch whole
(`settle` ends or takes back the rest). Time and randomness are arguments. The recording's key is never
seen here: `unwrap` gives out only what is still sealed to custodians.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.authority.disk import Disk
from agent.authority.epoch import EpochKey
from agent.authority.record import DESTROYED, ISSUED, UNWRAPPED, WITHDRAWN, Record
from agent.authority.spent import Use, must_be_spent
from agent.formats import tickets_v1, withdrawal_v1
from agent.formats.tickets_v1 import MAX_BATCH, Batch, Ticket, TicketClass
from agent.formats.withdrawal_v1 import Withdrawal
from agent.ledger.signing import SigningKey, Verifier
from agent.model.errors import Refuse
from agent.model.ids import new_uuid7
from agent.model.outgoing import Json
from agent.seal import suites
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import seal_bytes
from agent.seal.capsule import opens, unwrap_capsule
from agent.seal.recording_key import new_key_pair, recipient_of

BATCHES, WRAPPED, RECORD = "batches", "wrapped", "record"
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be issued."""

    boxes: tuple[str, ...]
    kind: TicketClass
    level: int
    count: int
    not_before_ns: int
    not_after_ns: int
    retention: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketState:
    """One ticket that was issued. `unwrapped` counts how often a capsule was opened with it."""

    id: str
    batch: str
    kind: str
    max_level: int
    destroyed: bool
    unwrapped: int
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrapped:
    """A capsule's inner layer, and the ticket that closed the outer one."""

    ticket: str
    inner: bytes


class Authority:
    """An open directory. Use `door.opened`; one command at a time."""

    def __init__(self, directory: Path, key: SigningKey, epoch: EpochKey, disk: Disk) -> None:
        self._directory = directory
        self._key = key
        self._epoch = epoch
        self._disk = disk
        self.record = Record(directory / RECORD, key, disk)

    @property
    def verifier_key(self) -> str:
        """What belongs into the boxes' configuration."""
        return self._key.verifier_key

    @property
    def epoch(self) -> int:
        """Number of the epoch that holds."""
        return self.record.entries[-1].epoch

    @property
    def epoch_recipient(self) -> str:
        """Public half of its key."""
        return self.record.entries[-1].epoch_recipient

    def settle(self) -> None:
        """Ends or takes back a destruction that was stopped, by what the record says."""
        self._epoch.settle(self.epoch_recipient)
        for folder in sorted((self._directory / WRAPPED).iterdir()):
            if folder.name != str(self.epoch):
                self._disk.remove_tree(folder)

    def issue(self, order: Order, wall_ns: int, random: Random) -> bytes:
        """A new signed batch. Needs only the public half of the epoch key."""
        suite = suites.for_level(order.level)
        if not 0 < order.count <= tickets_v1.MAX_TICKETS:
            raise bad_request(f"a batch has 1 to {tickets_v1.MAX_TICKETS} tickets")
        keys = {new_uuid7(wall_ns, random(10)): new_key_pair(random, suite.NAME) for _ in range(order.count)}
        batch = Batch(
            batch=new_uuid7(wall_ns, random(10)),
            authority=self._key.name,
            boxes=order.boxes,
            kind=order.kind,
            suite=suite.NAME,
            max_level=order.level,
            not_before_ns=order.not_before_ns,
            not_after_ns=order.not_after_ns,
            retention=order.retention,
            tickets=tuple(Ticket(id=name, recipient=pair.recipient) for name, pair in keys.items()),
        )
        try:
            text = tickets_v1.encode(batch)
        except Refuse as error:
            raise bad_request(error.text) from None
        if len(text) > MAX_BATCH - 1024:
            raise bad_request(f"the batch would have more than {MAX_BATCH} bytes: ask for fewer tickets")
        data = self._key.sign_note(text, MAX_BATCH)
        private = {name: pair.identity for name, pair in keys.items()}
        self._write_wrapped(self.epoch, self.epoch_recipient, batch.batch, private, random)
        self._disk.write(self._batch_path(batch.batch), data, 0o644)
        self._append(
            ISSUED,
            {
                "batch": batch.batch,
                "sha256": hashlib.sha256(data).hexdigest(),
                "class": batch.kind.value,
                "max_level": batch.max_level,
                "boxes": list(batch.boxes),
                "tickets": order.count,
            },
            wall_ns,
        )
        return data

    def states(self) -> Iterator[TicketState]:
        """Every ticket that was ever issued, batch by batch."""
        destroyed, uses, withdrawn = self._destroyed(), self._uses(), self._listed(WITHDRAWN)
        for batch in self.batches():
            for ticket in batch.tickets:
                yield TicketState(
                    id=ticket.id,
                    batch=batch.batch,
                    kind=batch.kind.value,
                    max_level=batch.max_level,
                    destroyed=ticket.id in destroyed,
                    unwrapped=uses.get(ticket.id, 0),
                    withdrawn=ticket.id in withdrawn,
                )

    def batches(self) -> Iterator[Batch]:
        """What the record says was issued; Refuse `authority.damaged` for a file that is not that."""
        verifier = Verifier(self._key.verifier_key)
        for entry in self.record.entries:
            if entry.type == ISSUED:
                name = str(entry.body["batch"])
                data = _read(self._batch_path(name))
                if hashlib.sha256(data).hexdigest() != entry.body["sha256"]:
                    raise _damaged(f"batch {name} is not the one in the record")
                yield tickets_v1.decode(verifier.verify(data, MAX_BATCH).text)

    def unwrap(self, capsule: bytes, ticket: str | None, wall_ns: int) -> Unwrapped:
        """Peels the outer layer, after the record says so. Without `ticket` all living ones are tried."""
        identity = self._epoch.load(self.epoch_recipient)
        if ticket is not None:
            self._must_live([ticket])
        for batch in self.batches():
            if ticket is not None and ticket not in {one.id for one in batch.tickets}:
                continue
            for name, private in self._open_wrapped(self.epoch, batch.batch, identity).items():
                if ticket in (None, name) and opens(capsule, private):
                    return self._unwrapped(capsule, name, private, wall_ns)
        raise Refuse(
            "authority.no-ticket",
            "no living ticket opens this capsule"
            if ticket is None
            else "this ticket does not close this capsule",
            "look into the recording's manifest for its ticket; if that was destroyed, nobody can open it",
        )

    def _unwrapped(self, capsule: bytes, ticket: str, private: str, wall_ns: int) -> Unwrapped:
        try:
            inner = unwrap_capsule(capsule, private)
        except Refuse as error:
            if error.code != "seal.bad-capsule":
                raise
            raise Refuse(
                "authority.not-a-capsule",
                "under the ticket's layer there is no sealed file: nothing was written",
                "give the recording's capsule.age",
            ) from None
        digest = hashlib.sha256(capsule).hexdigest()
        self._append(UNWRAPPED, {"ticket": ticket, "capsule_sha256": digest}, wall_ns)
        return Unwrapped(ticket=ticket, inner=inner)

    def withdraw(self, tickets: Iterable[str], reason: str, wall_ns: int, random: Random) -> bytes:
        """Takes tickets back that no box may have given out. Returns the signed list of all such tickets.

        Nothing is destroyed by it. The list must be imported at every box before `destroy`.
        """
        named = _named(tickets, reason)
        self._must_live(named)
        everything = sorted(named | self._listed(WITHDRAWN))
        one = Withdrawal(
            withdrawal=new_uuid7(wall_ns, random(10)),
            authority=self._key.name,
            at_ns=wall_ns // 1000 * 1000,
            tickets=tuple(everything),
        )
        try:
            data = self._key.sign_note(withdrawal_v1.encode(one), MAX_BATCH)
        except Refuse as error:
            raise bad_request(error.text) from None
        self._append(WITHDRAWN, {"tickets": [*sorted(named)], "reason": reason}, wall_ns)
        return data

    def destroy(
        self,
        tickets: Iterable[str],
        reason: str,
        wall_ns: int,
        random: Random,
        *,
        uses: Sequence[Use] = (),
        unspent: bool = False,
    ) -> int:
        """Makes a new epoch without these tickets. Returns its number. All of them, or none.

        `uses` are the recordings that they closed; `unspent` says that every box knows of their withdrawal.
        Refuse as `spent.must_be_spent`.
        """
        doomed = _named(tickets, reason)
        self._must_live(doomed)
        kinds = {one.id: (batch.batch, batch.kind) for batch in self.batches() for one in batch.tickets}
        withdrawn = self._listed(WITHDRAWN)
        must_be_spent(doomed, kinds, uses, self._uses(), withdrawn, boxes_know=unspent, wall_ns=wall_ns)
        old, epoch = self._epoch.load(self.epoch_recipient), self.epoch + 1
        new = self._epoch.prepare(random, epoch)
        self._disk.make_directory(self._directory / WRAPPED / str(epoch))
        for batch in self.batches():
            private = self._living_keys(batch, old)
            kept = {name: key for name, key in private.items() if name not in doomed}
            if kept:
                self._write_wrapped(epoch, new.recipient, batch.batch, kept, random)
        self.record.append(
            DESTROYED,
            {
                "tickets": [*sorted(doomed)],
                "reason": reason,
                "epoch_before": self.epoch,
                "withdrawn": [*sorted(doomed & withdrawn)],
            },
            epoch=epoch,
            epoch_recipient=new.recipient,
            wall_ns=wall_ns,
        )
        self.settle()
        return epoch

    def audit(self, *, with_key: bool) -> tuple[str, ...]:
        """What is wrong with batches and wrapped files; the chain was checked on opening."""
        identity = self._epoch.load(self.epoch_recipient) if with_key else None
        problems: list[str] = []
        for batch in self.batches():
            if identity is None:
                if self._living(batch) and not self._wrapped_path(self.epoch, batch.batch).is_file():
                    problems.append(f"the wrapped keys of batch {batch.batch} are missing")
                continue
            try:
                self._living_keys(batch, identity)
            except Refuse as error:
                problems.append(error.text)
        return tuple(problems)

    def _living(self, batch: Batch) -> dict[str, str]:
        """Id and recipient of the tickets that are not destroyed."""
        destroyed = self._destroyed()
        return {one.id: one.recipient for one in batch.tickets if one.id not in destroyed}

    def _living_keys(self, batch: Batch, identity: str) -> dict[str, str]:
        """The private keys of the living tickets, none missing: else nothing may be made of them."""
        private = self._open_wrapped(self.epoch, batch.batch, identity)
        if {name: recipient_of(key) for name, key in private.items()} != self._living(batch):
            raise _damaged(f"the wrapped keys of batch {batch.batch} are not those of its living tickets")
        return private

    def _append(self, kind: str, body: Mapping[str, Json], wall_ns: int) -> None:
        self.record.append(
            kind, body, epoch=self.epoch, epoch_recipient=self.epoch_recipient, wall_ns=wall_ns
        )

    def _must_live(self, tickets: Iterable[str]) -> None:
        known = {one.id for batch in self.batches() for one in batch.tickets}
        destroyed = self._destroyed()
        for ticket in tickets:
            if ticket not in known:
                raise Refuse(
                    "authority.unknown-ticket", "there is no such ticket here", "see: edgeward authority list"
                )
            if ticket in destroyed:
                raise Refuse(
                    "authority.destroyed",
                    f"ticket {ticket} is destroyed",
                    "nothing can be done: what it closed can't be opened by anybody",
                )

    def _destroyed(self) -> set[str]:
        return self._listed(DESTROYED)

    def _listed(self, kind: str) -> set[str]:
        """All tickets in the record's entries of one type."""
        found: set[str] = set()
        for entry in self.record.entries:
            tickets = entry.body.get("tickets")
            if entry.type == kind and isinstance(tickets, list):
                found |= {str(ticket) for ticket in tickets}
        return found

    def _uses(self) -> dict[str, int]:
        uses: dict[str, int] = {}
        for entry in self.record.entries:
            if entry.type == UNWRAPPED:
                name = str(entry.body["ticket"])
                uses[name] = uses.get(name, 0) + 1
        return uses

    def _batch_path(self, batch: str) -> Path:
        return self._directory / BATCHES / f"{batch}.tickets"

    def _wrapped_path(self, epoch: int, batch: str) -> Path:
        return self._directory / WRAPPED / str(epoch) / f"{batch}.age"

    def _write_wrapped(
        self, epoch: int, recipient: str, batch: str, private: Mapping[str, str], random: Random
    ) -> None:
        plain = "".join(f"{name} {identity}\n" for name, identity in private.items()).encode("ascii")
        self._disk.write(self._wrapped_path(epoch, batch), seal_bytes(plain, [recipient], random), 0o600)

    def _open_wrapped(self, epoch: int, batch: str, identity: str) -> dict[str, str]:
        """Private keys by ticket; empty when no ticket of the batch lives."""
        path = self._wrapped_path(epoch, batch)
        if not path.exists():
            return {}
        try:
            plain = open_bytes(_read(path), [identity]).decode("ascii")
        except (Refuse, UnicodeDecodeError):
            raise _damaged(f"the wrapped keys of batch {batch} can't be opened with the epoch key") from None
        rows = [line.partition(" ") for line in plain.splitlines()]
        return {name: private for name, _, private in rows}


def _named(tickets: Iterable[str], reason: str) -> set[str]:
    named = set(tickets)
    if not named or not 0 < len(reason) <= 200 or not reason.isprintable():
        raise bad_request("name at least one ticket, and a reason of 1 to 200 printable characters")
    return named


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged(f"{path} can't be read: {error.strerror}") from None


def _damaged(why: str) -> Refuse:
    return Refuse("authority.damaged", why, "restore this file from a copy of the same epoch; run audit")


def bad_request(why: str) -> Refuse:
    return Refuse("authority.bad-request", why, "see docs/formats/tickets-v1.md, Batch")
