"""Root on the box: full write access and the box's signing key. Makes the log anew with another story.

Guarantees: what comes out is a sound log of the box in itself, tiles, numbers and signature included, as
only the holder of the key can make it. Cosigned heads stay where they lay.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agent.formats.ledger_v1 import CHECKPOINT, TAIL, Leaf
from agent.ledger.check import read_leaves
from agent.ledger.log import Ledger, NewLeaf
from agent.ledger.signing import SigningKey
from agent.model.outgoing import Json
from agent.model.times import Instant, from_rfc3339
from tests.fakes.clock import FakeClock

Story = Callable[[list[Leaf]], Sequence[Leaf]]


def rewrite(log: Path, box: str, key: SigningKey, story: Story) -> None:
    """Replaces the log in `log` by one that tells `story` of its leaves, signed with the box's key."""
    leaves = list(story(list(read_leaves(log))))
    shutil.rmtree(log / "tile", ignore_errors=True)
    for name in (TAIL, CHECKPOINT):
        (log / name).unlink(missing_ok=True)
    ledger = Ledger.open(log, box, key)
    ledger.append_many([_new(leaf) for leaf in leaves])
    ledger.checkpoint(FakeClock().now())
    ledger.close()


def _new(leaf: Leaf) -> NewLeaf:
    now = Instant(wall_ns=from_rfc3339(leaf.wall), mono_ns=leaf.mono_ns, quality=leaf.clk)
    return NewLeaf(
        now=now, boot=leaf.boot, type=leaf.type, body=leaf.body, actor=leaf.actor, authority=leaf.authority
    )


def edited(leaf: Leaf, **body: Json) -> Leaf:
    """The leaf with other values in its body."""
    return replace(leaf, body={**leaf.body, **body})
