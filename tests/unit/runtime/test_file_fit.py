"""When a segment's file is taken for the one that its leaf names, whole or without its unsynced end."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.model.errors import Halt
from agent.model.outgoing import Json
from agent.model.times import ClockQuality
from agent.runtime.file_fit import Fit, file_fit, size_fit

WRITTEN = b"synced, and" + b" what came after"
SYNCED = 11


def leaf_of(**changed: Json) -> Leaf:
    body: dict[str, Json] = {
        "size_bytes": len(WRITTEN),
        "sha256": hashlib.sha256(WRITTEN).hexdigest(),
        "final": False,
        "synced_bytes": SYNCED,
        "synced_sha256": hashlib.sha256(WRITTEN[:SYNCED]).hexdigest(),
    }
    return Leaf(
        box="test-box",
        boot=1,
        n=7,
        wall="2026-11-24T00:20:00.000000Z",
        mono_ns=0,
        clk=ClockQuality.SYNCED,
        type=LeafType.SEGMENT,
        std=(),
        actor="agent",
        authority="agent",
        body={**body, **changed},
    )


NOTHING_SYNCED: dict[str, Json] = {"synced_bytes": 0, "synced_sha256": hashlib.sha256().hexdigest()}
ALL_SYNCED: dict[str, Json] = {"synced_bytes": None, "synced_sha256": None}


@pytest.mark.parametrize(
    ("data", "changed", "fit"),
    [
        (WRITTEN, {}, Fit.WHOLE),
        (WRITTEN, ALL_SYNCED, Fit.WHOLE),
        (WRITTEN[:SYNCED], {}, Fit.UNSYNCED_END_LOST),
        (WRITTEN[: SYNCED + 3], {}, Fit.UNSYNCED_END_LOST),
        (WRITTEN[:SYNCED] + bytes(len(WRITTEN) - SYNCED), {}, Fit.UNSYNCED_END_LOST),
        (WRITTEN[: SYNCED - 1], {}, Fit.OTHER_SIZE),
        (WRITTEN + b"x", {}, Fit.OTHER_SIZE),
        (b"x" + WRITTEN[1:], {}, Fit.CHANGED),
        (b"x" + WRITTEN[1:SYNCED], {}, Fit.CHANGED),
        (WRITTEN[:SYNCED], ALL_SYNCED, Fit.OTHER_SIZE),
        (WRITTEN[:SYNCED] + bytes(len(WRITTEN) - SYNCED), ALL_SYNCED, Fit.CHANGED),
        (WRITTEN[:SYNCED], {"final": True}, Fit.OTHER_SIZE),
        (b"", NOTHING_SYNCED, Fit.UNSYNCED_END_LOST),
        (bytes(5), NOTHING_SYNCED, Fit.UNSYNCED_END_LOST),
        (b"a file of somebody else's"[:20], NOTHING_SYNCED, Fit.CHANGED),
    ],
)
def test_a_file_and_its_leaf(tmp_path: Path, data: bytes, changed: dict[str, Json], fit: Fit) -> None:
    path = tmp_path / "00000000.mp4.age"
    path.write_bytes(data)
    assert file_fit(path, leaf_of(**changed)) is fit


def test_a_leaf_of_an_older_version_says_nothing_of_syncs(tmp_path: Path) -> None:
    path = tmp_path / "00000000.mp4.age"
    path.write_bytes(WRITTEN[:SYNCED])
    leaf = leaf_of()
    for name in ALL_SYNCED:
        del leaf.body[name]  # type: ignore[attr-defined]  # a plain dict here
    assert file_fit(path, leaf) is Fit.OTHER_SIZE


def test_the_size_alone_reads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "00000000.mp4.age"
    path.write_bytes(bytes(len(WRITTEN)))
    assert size_fit(path, leaf_of()) is Fit.WHOLE
    path.write_bytes(bytes(SYNCED))
    assert size_fit(path, leaf_of()) is Fit.UNSYNCED_END_LOST
    path.write_bytes(bytes(SYNCED - 1))
    assert size_fit(path, leaf_of()) is Fit.OTHER_SIZE


def test_a_file_that_is_not_there_is_the_disk_s_error(tmp_path: Path) -> None:
    with pytest.raises(Halt) as caught:
        file_fit(tmp_path / "nothing", leaf_of())
    assert caught.value.code == "disk.error"
