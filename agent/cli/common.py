"""Arguments that several verbs share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.formats.config_v1 import AgentConfig
from agent.model.errors import AgentError, Refuse
from agent.runtime.boot import PUBLIC_NAME
from agent.runtime.effective_config import effective
from agent.seal.capsule import read_identity_file
from agent.vault.layout import LEDGER

DEFAULT_CONFIG = Path("/etc/edgeward/agent.toml")
_DEFAULT_VAULT = "default: the configuration's"


def tell(error: AgentError) -> None:
    """What happened and what to do, on stderr."""
    print(f"edgeward: {error.text} [{error.code}]", file=sys.stderr)
    print(f"what to do: {error.advice}", file=sys.stderr)


def log(text: str) -> None:
    """One line of a program that runs on, on stderr at once."""
    print(text, file=sys.stderr, flush=True)


def first_error(group: BaseExceptionGroup[AgentError]) -> AgentError:
    """What ended the tasks of an `asyncio.TaskGroup` first."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    if not isinstance(found, AgentError):
        raise TypeError("only errors of the agent are caught here")
    return found


def add_config(parser: argparse.ArgumentParser) -> None:
    """`-c FILE`."""
    parser.add_argument(
        "-c", "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )


def config_of(arguments: argparse.Namespace) -> AgentConfig:
    """The configuration in effect beside the file that was named. Raises `ConfigError`."""
    return effective(arguments.config).config


def add_vault(parser: argparse.ArgumentParser, *, positional: bool) -> None:
    """A vault by path, else the one of the configuration."""
    if positional:
        parser.add_argument("vault", nargs="?", type=Path, metavar="VAULT", help=_DEFAULT_VAULT)
    else:
        parser.add_argument("--vault", type=Path, metavar="DIR", help=_DEFAULT_VAULT)
    add_config(parser)


def vault_of(arguments: argparse.Namespace) -> Path:
    """The vault that was named. Raises `ConfigError`, `Refuse` `vault.none`."""
    vault: Path = arguments.vault or config_of(arguments).box.vault_dir
    if not (vault / LEDGER).is_dir():
        raise Refuse("vault.none", f"there is no vault at {vault}", "name the directory with vault.json")
    return vault


def add_identities(parser: argparse.ArgumentParser, help_text: str) -> None:
    """`-i KEY`, once or more."""
    parser.add_argument(
        "-i", "--identity", type=Path, action="append", required=True, metavar="KEY", help=help_text
    )


def identities_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The identities in the key files that were named. Raises `Refuse` `open.no-key`, `seal.bad-identity`."""
    found: tuple[str, ...] = ()
    for path in arguments.identity:
        try:
            found += read_identity_file(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            raise Refuse("open.no-key", f"the key file {path} can't be read", "check its path") from None
    return found


def vkey_of(arguments: argparse.Namespace) -> str | None:
    """The public ledger key: the file that was named, else the configuration's box, else None."""
    path: Path | None = arguments.key
    if path is None and arguments.vault is None:
        path = config_of(arguments).box.state_dir / PUBLIC_NAME
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Refuse("key.unreadable", f"the key file {path} can't be read", "check its path") from None
