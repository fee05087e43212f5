"""What the parts of disposal share: the places, the ledger with its account, and the ports to the world.

Guarantees: `refresh` brings the account up to the ledger's last leaf, so that a decision sees everything,
what other parts of the keeper wrote included. Keeper's main thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.formats.config_v1 import AgentConfig
from agent.formats.ledger_v1 import CHECKPOINT, LeafType
from agent.host.files import translate
from agent.host.medium import SystemTrim, Trim
from agent.ledger.log import Ledger
from agent.ledger.signing import SigningKey, Verifier
from agent.model.commands import Command
from agent.model.errors import Halt, Refuse
from agent.model.outgoing import Json
from agent.model.ports.clock import Clock
from agent.runtime.book import Book
from agent.runtime.derivative_config import derived_channels
from agent.runtime.telemetry import Alarm
from agent.vault.disposal import DisposalAccount
from agent.vault.disposal_plan import Policy
from agent.vault.layout import LEDGER
from agent.vault.removal import RemovalDisk, SystemRemovalDisk

CERTIFICATES, RECORDS = "certificates", "destructions"


@dataclass(slots=True, kw_only=True)
class DisposalContext:
    """Made once per keeper. `authority` is None where no key authority is configured."""

    box: str
    site: str
    vault: Path
    state_dir: Path
    policy: Policy
    book: Book
    ledger: Ledger
    account: DisposalAccount
    key: SigningKey
    authority: Verifier | None
    clock: Clock
    random: Callable[[int], bytes]
    disk: RemovalDisk = field(default_factory=SystemRemovalDisk)
    trim: Trim = field(default_factory=SystemTrim)

    @classmethod
    def of(
        cls,
        config: AgentConfig,
        *,
        book: Book,
        ledger: Ledger,
        account: DisposalAccount,
        key: SigningKey,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> DisposalContext:
        """By the configuration, on the real disk."""
        return cls(
            box=config.box.id,
            site=config.box.site,
            vault=config.box.vault_dir,
            state_dir=config.box.state_dir,
            policy=Policy.of((*config.channel, *derived_channels(config.channel))),
            book=book,
            ledger=ledger,
            account=account,
            key=key,
            authority=None if config.tickets is None else Verifier(config.tickets.authority),
            clock=clock,
            random=random,
        )

    def refresh(self) -> DisposalAccount:
        """The account, with every leaf of the ledger."""
        if self.account.size < self.ledger.size:
            for leaf in self.ledger.leaves(self.account.size):
                self.account.take(leaf)
        return self.account

    def enter(self, kind: LeafType, body: Mapping[str, Json], command: Command | None = None) -> int:
        """Writes a leaf with its event and a checkpoint, and takes it into the account."""
        index = self.book.leaf(
            kind,
            body,
            event=True,
            checkpoint=True,
            actor="agent" if command is None else ", ".join(command.signers)[:200],
            authority="policy" if command is None else f"command {command.id}"[:200],
        )
        before = len(self.account.problems)
        self.refresh()
        if len(self.account.problems) > before:
            raise Halt(
                "destroy.contradiction",
                f"the ledger contradicts itself: {self.account.problems[-1]}",
                "a defect of the agent: nothing is destroyed; send the ledger to support",
            )
        return index

    def book_checkpoint(self) -> str:
        """A signed checkpoint of the ledger as it is now: the note's text with its signature."""
        self.book.checkpoint()
        path = self.vault / LEDGER / CHECKPOINT
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise translate(error, path, "reading") from None

    def alarm(self, code: str, severity: str, text: str, remedy: str) -> None:
        """Raises an alarm of the box, once until it is closed."""
        self.book.raise_alarm(Alarm(entity="_", code=code, severity=severity, text=text, remedy=remedy))


def only(args: Mapping[str, Json], *known: str) -> None:
    """Refuse `destroy.bad-request` for an argument that means nothing here: it may mean "only if"."""
    unknown = sorted(set(args) - set(known))
    if unknown:
        raise bad_request(f"there is no argument {unknown[0][:40]!r}")


def texts_of(args: Mapping[str, Json], key: str) -> tuple[str, ...]:
    """A list of words; Refuse `destroy.bad-request`."""
    value = args.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_request(f"{key} is a list of words")
    return tuple(str(item) for item in value)


def line_of(args: Mapping[str, Json], key: str) -> str:
    """A line of 1 to 200 printable characters; Refuse `destroy.bad-request`."""
    value = args.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        raise bad_request(f"{key} is a line of 1 to 200 printable characters")
    return value


def bad_request(why: str) -> Refuse:
    """For arguments that can't be meant."""
    return Refuse("destroy.bad-request", why, "see docs/formats/destruction-v1.md, Commands")
