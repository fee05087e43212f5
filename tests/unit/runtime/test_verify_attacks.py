"""Root on the box, with its signing key and full write access, against a whole vault.

Story of each test: an old recording is under a head that the witness cosigned, a new one is in the tail
that no witness has seen. Root changes files, leaves, tiles and signature so that all fits again. Behind the
head that is `tampered` and named, always; in the tail it is `unwitnessed-tail`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.formats.ledger_v1 import CHECKPOINT, Leaf, LeafType
from agent.formats.signed_note import COSIGNATURE
from agent.ledger import cosignature
from agent.ledger.cosigned import CosignedHeads
from agent.ledger.signing import SigningKey, Verifier
from agent.ledger.witness import Witness
from agent.model.times import from_rfc3339, rfc3339
from agent.runtime.boot import KEY_NAME
from agent.runtime.leaves import segments_root
from agent.runtime.verify import VerifyReport, verify_vault
from tests.fakes.histories import WITNESS, sent
from tests.fakes.root_on_the_box import edited, rewrite
from tests.unit.runtime.vaults import SmallBox, sha256

BOX = "test-box"


@dataclass(slots=True)
class Scene:
    """A box with two recordings behind the cosigned head (`old`, `other`) and one in the tail (`new`)."""

    box: SmallBox
    old: str
    other: str
    new: str
    note: bytes

    def recording(self, where: str) -> str:
        return self.old if where == "behind" else self.new

    def file(self, where: str, number: int) -> Path:
        return self.box.file(self.recording(where), number)

    def verify(self) -> VerifyReport:
        return verify_vault(self.box.vault, self.box.vkey, kept=[self.note], witnesses=[WITNESS.verifier_key])

    def forge(self, story: Callable[[list[Leaf]], Sequence[Leaf]]) -> None:
        """The ledger anew, signed with the box's key."""
        key = SigningKey.load(self.box.root / "state" / KEY_NAME)
        rewrite(self.box.vault / "ledger", BOX, key, story)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return prepare(tmp_path_factory.mktemp("prepared") / "box")


def prepare(root: Path) -> Scene:
    box = SmallBox(root)
    old, other = box.record(segments=3, recordings=2)
    witness = Witness.open(root / "witness", WITNESS, {BOX: Verifier(box.vkey)})
    note = witness.take(BOX, (box.vault / "ledger" / CHECKPOINT).read_bytes(), {}, sent(1), box.clock.now())
    witness.close()
    kept = cosignature.verified(note, Verifier(WITNESS.verifier_key, COSIGNATURE), f"edgeward.box/{BOX}")
    CosignedHeads(box.vault / "ledger", "main").keep(kept, 0)
    [new] = box.record(segments=3)
    return Scene(box, old, other, new, note)


@pytest.fixture
def scene(prepared: Scene, tmp_path: Path) -> Scene:
    shutil.copytree(prepared.box.root, tmp_path / "box")
    return replace(prepared, box=SmallBox(tmp_path / "box", custodian=prepared.box.custodian))


def of(leaf: Leaf, recording: str, kind: LeafType) -> bool:
    return leaf.type is kind and leaf.body.get("recording") == recording


def fitted(leaves: Sequence[Leaf], scene: Scene, recording: str) -> list[Leaf]:
    """Segment leaves say what the files are, the closing leaf what the segment leaves are."""
    made: list[Leaf] = []
    digests: list[str] = []
    for leaf in leaves:
        if of(leaf, recording, LeafType.SEGMENT):
            path = scene.box.directory(recording) / str(leaf.body["name"])
            digests.append(sha256(path))
            leaf = edited(leaf, sha256=digests[-1], size_bytes=path.stat().st_size)
        elif of(leaf, recording, LeafType.RECORDING_CLOSED):
            root = segments_root([bytes.fromhex(digest) for digest in digests])
            leaf = edited(leaf, segments=len(digests), root=root.hex())
        elif of(leaf, recording, LeafType.RECORDING_OPENED):
            manifest = scene.box.directory(recording) / "manifest.json"
            leaf = edited(leaf, **{"manifest.json": sha256(manifest)})
        made.append(leaf)
    return made


def edit(scene: Scene, where: str) -> list[Leaf] | None:
    path = scene.file(where, 1)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    return None


def swap(scene: Scene, where: str) -> list[Leaf] | None:
    one, two, spare = scene.file(where, 0), scene.file(where, 1), scene.box.root / "spare"
    one.rename(spare)
    two.rename(one)
    spare.rename(two)
    return None


def replay(scene: Scene, where: str) -> list[Leaf] | None:
    shutil.copyfile(scene.box.file(scene.other, 2), scene.file(where, 1))
    return None


def inject(scene: Scene, where: str) -> list[Leaf] | None:
    scene.file(where, 3).write_bytes(b"injected")
    return None


def remove(scene: Scene, where: str) -> list[Leaf] | None:
    scene.file(where, 2).unlink()
    return None


def change_a_label(scene: Scene, where: str) -> list[Leaf] | None:
    path = scene.box.directory(scene.recording(where)) / "manifest.json"
    fields = json.loads(path.read_text())
    assert fields["level"] == 4
    path.write_text(json.dumps({**fields, "level": 2}))
    return None


def leaves_of_edit(leaves: list[Leaf], scene: Scene, recording: str) -> list[Leaf]:
    return leaves


def leaves_of_inject(leaves: list[Leaf], scene: Scene, recording: str) -> list[Leaf]:
    last = max(at for at, leaf in enumerate(leaves) if of(leaf, recording, LeafType.SEGMENT))
    injected = edited(leaves[last], number=3, name=scene.box.file(recording, 3).name)
    return [*leaves[: last + 1], injected, *leaves[last + 1 :]]


def leaves_of_remove(leaves: list[Leaf], scene: Scene, recording: str) -> list[Leaf]:
    return [
        leaf for leaf in leaves if not (of(leaf, recording, LeafType.SEGMENT) and leaf.body["number"] == 2)
    ]


def leaves_of_label(leaves: list[Leaf], scene: Scene, recording: str) -> list[Leaf]:
    return [
        edited(leaf, level=2) if of(leaf, recording, LeafType.RECORDING_OPENED) else leaf for leaf in leaves
    ]


FileAttack = Callable[[Scene, str], object]
LeafAttack = Callable[[list[Leaf], Scene, str], list[Leaf]]
ATTACKS: dict[str, tuple[FileAttack, LeafAttack, str]] = {
    "edit": (edit, leaves_of_edit, "edited: "),
    "swap two segments": (swap, leaves_of_edit, "swapped: "),
    "replay a segment of another recording": (replay, leaves_of_edit, "replayed: "),
    "inject a segment": (inject, leaves_of_inject, "injected: "),
    "remove a segment with its leaf": (remove, leaves_of_remove, "deleted: "),
    "change a label": (change_a_label, leaves_of_label, "edited: "),
}


def test_an_honest_vault_has_an_unwitnessed_tail(scene: Scene) -> None:
    report = scene.verify()
    assert (report.result, report.problems, report.attacks) == ("unwitnessed-tail", (), ())
    assert report.witnessed is not None
    assert report.unwitnessed == report.leaves - report.witnessed > 0


@pytest.mark.parametrize("where", ["behind", "in the tail"])
@pytest.mark.parametrize("name", ATTACKS)
def test_files_alone_are_found_everywhere_and_named(scene: Scene, name: str, where: str) -> None:
    files, _, word = ATTACKS[name]
    files(scene, where)
    report = scene.verify()
    assert report.result == "tampered"
    assert report.attacks
    assert all(attack.startswith(word) for attack in report.attacks)
    assert all(scene.recording(where) in attack for attack in report.attacks)


@pytest.mark.parametrize("name", ATTACKS)
def test_files_and_leaves_behind_the_cosigned_head_are_found_and_named(scene: Scene, name: str) -> None:
    forge(scene, name, "behind")
    report = scene.verify()
    assert report.result == "tampered"
    assert any(attack.startswith("leaves that were covered were replaced") for attack in report.attacks)
    assert any(attack.startswith("the box's key signed two histories") for attack in report.attacks)
    assert report.witnessed == 0


@pytest.mark.parametrize("name", ATTACKS)
def test_files_and_leaves_in_the_tail_are_reported_as_the_unwitnessed_tail(scene: Scene, name: str) -> None:
    before = scene.verify()
    forge(scene, name, "in the tail")
    report = scene.verify()
    assert (report.result, report.problems) == ("unwitnessed-tail", ())
    assert report.witnessed == before.witnessed


def forge(scene: Scene, name: str, where: str) -> None:
    files, change, _ = ATTACKS[name]
    files(scene, where)
    recording = scene.recording(where)
    scene.forge(lambda leaves: fitted(change(leaves, scene, recording), scene, recording))


def test_change_the_clock(scene: Scene) -> None:
    """An hour earlier, in the leaf's own time and in what it tells."""

    def story(leaves: list[Leaf]) -> list[Leaf]:
        return [
            replace(edited(leaf, start=earlier(str(leaf.body["start"]))), wall=earlier(leaf.wall))
            if of(leaf, scene.old, LeafType.SEGMENT)
            else leaf
            for leaf in leaves
        ]

    scene.forge(story)
    report = scene.verify()
    assert report.result == "tampered"
    assert any(attack.startswith("leaves that were covered were replaced") for attack in report.attacks)


def earlier(text: str) -> str:
    return rfc3339(from_rfc3339(text) - 3_600_000_000_000)


def test_a_recording_and_all_its_leaves_gone(scene: Scene) -> None:
    shutil.rmtree(scene.box.directory(scene.old))
    scene.forge(lambda leaves: [leaf for leaf in leaves if leaf.body.get("recording") != scene.old])
    assert scene.verify().result == "tampered"


def test_the_image_of_yesterday(prepared: Scene, scene: Scene) -> None:
    """Files, ledger and kept heads of before the cosigned head: only the witness's note tells."""
    shutil.rmtree(scene.box.vault / "ledger" / "cosigned")
    shutil.rmtree(scene.box.directory(scene.new))
    shutil.rmtree(scene.box.directory(scene.other))
    scene.forge(
        lambda leaves: leaves[
            : next(n for n, leaf in enumerate(leaves) if leaf.body.get("recording") == scene.other)
        ]
    )
    report = scene.verify()
    assert report.result == "tampered"
    assert any(attack.startswith("an older copy of the log was put back") for attack in report.attacks)


def test_no_witness_has_ever_answered(scene: Scene) -> None:
    shutil.rmtree(scene.box.vault / "ledger" / "cosigned")
    report = verify_vault(scene.box.vault, scene.box.vkey, witnesses=[WITNESS.verifier_key])
    assert (report.result, report.witnessed, report.unwitnessed) == ("unwitnessed-tail", 0, report.leaves)
