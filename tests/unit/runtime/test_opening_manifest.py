"""Opening looks at the manifest before it uses a key: without the opening leaf's labels nothing opens."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import rfc8785

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse
from agent.model.outgoing import Json
from agent.runtime.boot import KEY_NAME
from agent.runtime.opening import open_recording_to
from tests.fakes.root_on_the_box import edited, rewrite
from tests.unit.runtime.vaults import FRAMES, SmallBox, sha256


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> SmallBox:
    box = SmallBox(tmp_path_factory.mktemp("prepared") / "box")
    box.record(segments=1)
    return box


@pytest.fixture
def box(prepared: SmallBox, tmp_path: Path) -> SmallBox:
    shutil.copytree(prepared.root, tmp_path / "box")
    return replace(prepared, root=tmp_path / "box")


def manifest_of(box: SmallBox) -> Path:
    [path] = (box.vault / "recordings").glob("*/manifest.json")
    return path


def refused(box: SmallBox) -> Refuse:
    output = io.BytesIO()
    with pytest.raises(Refuse) as caught:
        # With no key at all: it must not come to that.
        open_recording_to(box.vault, manifest_of(box).parent.name, [], output)
    assert output.getvalue() == b""
    return caught.value


def relabel(path: Path, **changed: Json) -> None:
    path.write_bytes(rfc8785.dumps({**json.loads(path.read_text()), **changed}) + b"\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("level", 2),
        ("category", "mm"),
        ("purpose", "sale"),
        ("retention", {"rule": "x"}),
        ("lawful_basis", "none"),
    ],
)
@pytest.mark.parametrize("forged", [False, True], ids=["the file alone", "the leaf's hash too"])
def test_a_manifest_with_another_label_opens_nothing(
    box: SmallBox, name: str, value: Json, forged: bool
) -> None:
    path = manifest_of(box)
    relabel(path, **{name: value})
    if forged:
        fit_leaf(box)
    error = refused(box)
    assert (error.code, error.text) == (
        "open.label-mismatch",
        f"the manifest says another {name} than the ledger",
    )


def fit_leaf(box: SmallBox) -> None:
    """The opening leaf says the hash that the manifest has now."""
    digest = sha256(manifest_of(box))

    def fitted(leaf: Leaf) -> Leaf:
        if leaf.type is LeafType.RECORDING_OPENED:
            return edited(leaf, **{"manifest.json": digest})
        return leaf

    key = SigningKey.load(box.root / "state" / KEY_NAME)
    rewrite(box.vault / "ledger", "test-box", key, lambda leaves: [fitted(leaf) for leaf in leaves])


def test_a_manifest_that_was_changed_in_another_field_opens_nothing(box: SmallBox) -> None:
    relabel(manifest_of(box), recipient=box.custodian.recipient)
    error = refused(box)
    assert (error.code, error.text) == ("open.changed", "the manifest is not the one in the ledger")


@pytest.mark.parametrize("data", [b"", b"no JSON", b"[1]\n", b"{" + b" " * 300_000 + b"}"])
def test_a_manifest_that_is_none_opens_nothing(box: SmallBox, data: bytes) -> None:
    manifest_of(box).write_bytes(data)
    assert refused(box).code == "manifest.bad"


def test_a_manifest_that_is_missing_opens_nothing(box: SmallBox) -> None:
    path = manifest_of(box)
    recording = path.parent.name
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(Refuse) as caught:
        open_recording_to(box.vault, recording, [box.custodian.identity], io.BytesIO())
    assert caught.value.code == "open.no-manifest"
    path.write_bytes(data)
    found = open_recording_to(box.vault, recording, [box.custodian.identity], io.BytesIO())
    assert (found.frames, found.problems) == (FRAMES, ())
