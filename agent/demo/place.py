"""Where one run of the demo lives: its directory, the throw-away custodian, the agent's configuration.

Guarantees: every run has a new directory of its own (mode 0700) and a lock on it; earlier runs are removed
only when they are ours and nobody runs in them; the custodian's key is in a file of mode 0600. A real
custodian's key is never on the box: here it is, because nothing that the demo records is worth hiding.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.host.files import create_exclusive, write_all
from agent.ledger.signing import SigningKey
from agent.seal.recording_key import new_key_pair

FOLDER = ".demo"
CHANNEL = "ch0"
RATE = 25
_RUN_PREFIX = "run-"
_LOCK = "demo.lock"
_CONFIG = """# Written by the demo. A real one: docs/configuration.md
[box]
id = "demo"
site = "demo"
state_dir = {state}
vault_dir = {vault}
runtime_dir = {runtime}

[custodians]
recipients = [{recipient}]

[segments]
seconds = 5
keep_free_bytes = 67108864

[mqtt]
host = {host}
port = {port}
tls = false

[[channel]]
id = "{channel}"
name = "synthetic camera"
category = "dt"
level = 4
purpose = "demonstration with a synthetic picture"
lawful_basis = "none needed: no person is recorded"
plan = {{ scene = "imaging-diagnosis", place = ["demo"], responsible = "demo", policy = "demo-1" }}
[channel.source]
kind = "synthetic"
width = 1280
height = 720
rate = "{rate}"
[channel.spec]
width = 1280
height = 720
rate = "{rate}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The paths of one run. `secret` is the custodian's key."""

    root: Path
    lock: int
    recipient: str
    secret: str = field(repr=False)

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def runtime(self) -> Path:
        return self.root / "run"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def identity(self) -> Path:
        return self.root / "custodian.txt"

    @property
    def operator(self) -> Path:
        """The key that signs the records of the demo's own openings."""
        return self.root / "operator.key"

    @property
    def config(self) -> Path:
        return self.root / "agent.toml"


def make_place(parent: Path, random: Callable[[int], bytes], *, keep: bool) -> Place:
    """A fresh directory below `parent`/.demo, or a temporary one where `parent` can't be written."""
    root = _fresh(parent / FOLDER, keep=keep)
    lock = _locked(root)
    if lock is None:
        raise RuntimeError("a directory that was made a moment ago is locked")
    keys = new_key_pair(random)
    place = Place(root=root, lock=lock, recipient=keys.recipient, secret=keys.identity)
    descriptor = create_exclusive(place.identity, 0o600)
    SigningKey.generate(random(32), "edgeward.operator/demo").save(place.operator)
    try:
        write_all(descriptor, f"# public key: {keys.recipient}\n{keys.identity}\n".encode())
    finally:
        os.close(descriptor)
    return place


def write_config(place: Place, host: str, port: int) -> None:
    """The agent's configuration for this run."""
    text = _CONFIG.format(
        state=_quoted(place.state),
        vault=_quoted(place.vault),
        runtime=_quoted(place.runtime),
        recipient=_quoted(place.recipient),
        host=_quoted(host),
        port=port,
        channel=CHANNEL,
        rate=RATE,
    )
    place.config.write_text(text, encoding="utf-8")


def _quoted(value: object) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    return json.dumps(str(value))


def _fresh(folder: Path, *, keep: bool) -> Path:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not keep:
            _remove_earlier(folder)
        return Path(tempfile.mkdtemp(prefix=_RUN_PREFIX, dir=folder))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="edgeward-demo-"))


def _remove_earlier(folder: Path) -> None:
    for run in folder.glob(_RUN_PREFIX + "*"):
        if run.is_symlink() or not (run / _LOCK).is_file():
            continue
        lock = _locked(run)
        if lock is not None:
            shutil.rmtree(run, ignore_errors=True)
            os.close(lock)


def _locked(root: Path) -> int | None:
    """A descriptor that holds the run's lock as long as it is open; None while another demo has it."""
    descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    os.close(descriptor)
    return None
