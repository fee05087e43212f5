"""What each level of `verify` looks at, and a damaged case for every check of the deep one.

Story of the deep cases: root on the box has changed a file and made the ledger anew so that hashes, sizes and
signature fit; only what the files say of themselves still tells.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import rfc8785

from agent.formats.ledger_v1 import Leaf, LeafType
from agent.ledger.signing import SigningKey
from agent.model.outgoing import Json
from agent.runtime.boot import KEY_NAME
from agent.runtime.leaves import segments_root
from agent.runtime.verify import Level, VerifyReport, verify_vault
from agent.seal.age_writer import seal_bytes
from agent.seal.recording_key import new_key_pair
from tests.fakes.root_on_the_box import edited, rewrite
from tests.unit.runtime.vaults import SmallBox, enter, sha256, write_segment

OTHER_SUITE = "age-mlkem768x25519"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> SmallBox:
    box = SmallBox(tmp_path_factory.mktemp("prepared") / "box")
    box.record(segments=2)
    return box


@pytest.fixture
def box(prepared: SmallBox, tmp_path: Path) -> SmallBox:
    shutil.copytree(prepared.root, tmp_path / "box")
    return replace(prepared, root=tmp_path / "box")


def at(level: Level, box: SmallBox) -> VerifyReport:
    return verify_vault(box.vault, box.vkey, level=level)


def only_recording(box: SmallBox) -> str:
    [name] = [one.name for one in (box.vault / "recordings").iterdir()]
    return name


def forge(box: SmallBox, change: Callable[[Leaf], Leaf] = lambda leaf: leaf) -> None:
    """The ledger anew: it says of the files what they are now, and what `change` makes of it."""
    hashes: list[bytes] = []

    def fitted(leaf: Leaf) -> Leaf:
        if leaf.type is LeafType.RECORDING_OPENED:
            folder = box.directory(str(leaf.body["recording"]))
            names = ("capsule.age", "manifest.json")
            return change(edited(leaf, **{name: sha256(folder / name) for name in names}))
        if leaf.type is LeafType.SEGMENT:
            path = box.directory(str(leaf.body["recording"])) / str(leaf.body["name"])
            hashes.append(bytes.fromhex(sha256(path)))
            return change(edited(leaf, sha256=sha256(path), size_bytes=path.stat().st_size))
        if leaf.type is LeafType.RECORDING_CLOSED:
            return edited(leaf, root=segments_root(hashes).hex())
        return leaf

    key = SigningKey.load(box.root / "state" / KEY_NAME)
    rewrite(box.vault / "ledger", "test-box", key, lambda leaves: [fitted(leaf) for leaf in leaves])


def rewrite_manifest(box: SmallBox, /, **changed: Json) -> None:
    """A canonical manifest with other values; `capsule_sha256` fits the capsule."""
    folder = box.directory(only_recording(box))
    fields = json.loads((folder / "manifest.json").read_text())
    fields = {**fields, "capsule_sha256": sha256(folder / "capsule.age"), **changed}
    (folder / "manifest.json").write_bytes(rfc8785.dumps(fields) + b"\n")


def found(box: SmallBox) -> tuple[list[str], tuple[str, ...]]:
    """Problems of the deep level, without the recording's name, after the normal one found nothing."""
    assert at(Level.NORMAL, box).result == "ok"
    report = at(Level.DEEP, box)
    assert report.result == "tampered"
    return [
        text.removeprefix(f"recording {only_recording(box)}: ") for text in report.problems
    ], report.attacks


@pytest.mark.parametrize("level", Level)
def test_an_honest_vault_is_ok_at_every_level_and_the_report_says_which(box: SmallBox, level: Level) -> None:
    report = at(level, box)
    assert (report.result, report.level, report.problems) == ("ok", level.value, ())
    assert (report.attacks, report.remarks) == ((), ())


def test_the_quick_level_reads_no_segment_and_the_others_do(box: SmallBox) -> None:
    path = box.file(only_recording(box), 0)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert at(Level.QUICK, box).result == "ok"
    for level in (Level.NORMAL, Level.DEEP):
        report = at(level, box)
        assert report.result == "tampered"
        [attack] = report.attacks
        assert attack.startswith("edited: recordings/")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda box, name: box.file(name, 0).unlink(), "00000000.mp4.age is missing"),
        (
            lambda box, name: os.truncate(box.file(name, 1), 7),
            "00000001.mp4.age has 7 bytes, the ledger says",
        ),
        (
            lambda box, name: (box.directory(name) / "x").write_bytes(b""),
            "/x: no ledger leaf names this file",
        ),
        (
            lambda box, name: (box.directory(name) / "capsule.age").write_bytes(b"x"),
            "capsule.age was changed: its SHA-256 is not the ledger's",
        ),
        (lambda box, _: (box.vault / "ledger" / "checkpoint").unlink(), "there are leaves but no checkpoint"),
        (
            lambda box, _: forge(box, lambda leaf: edited(leaf, number=5) if "number" in leaf.body else leaf),
            "segment 5 stands where 0 should be",
        ),
    ],
    ids=["presence", "size", "a file without a leaf", "key capsule", "checkpoint", "order"],
)
def test_what_the_quick_level_sees(
    box: SmallBox, damage: Callable[[SmallBox, str], object], problem: str
) -> None:
    damage(box, only_recording(box))
    report = at(Level.QUICK, box)
    assert report.result == "tampered"
    assert any(problem in text for text in report.problems), report.problems


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("level", 3),
        ("category", "mm"),
        ("purpose", "another"),
        ("lawful_basis", "another"),
        ("retention", {"rule": "x"}),
        ("retain_until", "2026-11-24T00:20:00.000000Z"),
        ("responsible", "somebody else"),
        ("channel", "ch9"),
        ("box", "other-box"),
        ("ticket", "0" * 12),
        ("suite", OTHER_SUITE),
    ],
)
def test_a_manifest_that_says_another_label_than_the_opening_leaf(
    box: SmallBox, name: str, value: Json
) -> None:
    said = {"ticket": None} if name == "ticket" else {}
    rewrite_manifest(box, **{name: value})
    forge(box, lambda leaf: edited(leaf, **said) if leaf.type is LeafType.RECORDING_OPENED else leaf)
    problems, attacks = found(box)
    assert f"manifest.json says another {name} than leaf 0" in problems
    assert any(
        attack == f"relabelled: recordings/{only_recording(box)}/manifest.json or leaf 0, {name}"
        for attack in attacks
    )


def test_a_manifest_that_lacks_a_label(box: SmallBox) -> None:
    path = box.directory(only_recording(box)) / "manifest.json"
    fields = json.loads(path.read_text())
    del fields["retention"]
    path.write_bytes(rfc8785.dumps(fields) + b"\n")
    forge(box)
    assert found(box)[0] == ["manifest.json says another retention than leaf 0"]


@pytest.mark.parametrize(
    "data", [b"no JSON", b"[]\n", b'{"v": 1}\n', b"{}\n"], ids=["text", "a list", "not canonical", "empty"]
)
def test_a_manifest_that_is_none(box: SmallBox, data: bytes) -> None:
    (box.directory(only_recording(box)) / "manifest.json").write_bytes(data)
    forge(box)
    [problem], [attack] = found(box)
    assert problem.startswith("manifest.json: the manifest is not one of version 1: ")
    assert attack == f"malformed: recordings/{only_recording(box)}/manifest.json, as leaf 0 names it"


@pytest.mark.parametrize("name", ["recipient", "custodians"])
def test_a_manifest_that_names_a_key_of_another_suite(box: SmallBox, name: str) -> None:
    key = new_key_pair(os.urandom, OTHER_SUITE).recipient
    changed: dict[str, Json] = {name: [key] if name == "custodians" else key}
    rewrite_manifest(box, **changed)
    forge(box)
    [problem], [attack] = found(box)
    what = "custodian 0" if name == "custodians" else name
    assert problem == f"manifest.json: {what} is no key of suite age-x25519"
    assert attack.startswith("resealed: ")


def reseal(path: Path, *recipients: str) -> None:
    path.write_bytes(seal_bytes(b"what somebody else has seen", recipients, os.urandom))


def test_a_key_capsule_that_a_stranger_can_open_too(box: SmallBox) -> None:
    name = only_recording(box)
    stranger = new_key_pair(os.urandom).recipient
    reseal(box.directory(name) / "capsule.age", box.custodian.recipient, stranger)
    rewrite_manifest(box)
    forge(box)
    assert found(box) == (
        ["capsule.age is sealed to 2 recipients, there must be 1"],
        (f"resealed: recordings/{name}/capsule.age, leaf 0: who can open it is not who the manifest names",),
    )


def test_a_key_capsule_of_another_suite(box: SmallBox) -> None:
    reseal(
        box.directory(only_recording(box)) / "capsule.age", new_key_pair(os.urandom, OTHER_SUITE).recipient
    )
    rewrite_manifest(box)
    forge(box)
    assert found(box)[0] == [f"capsule.age is sealed with {OTHER_SUITE}, the leaf says age-x25519"]


def test_a_key_capsule_without_a_header(box: SmallBox) -> None:
    (box.directory(only_recording(box)) / "capsule.age").write_bytes(b"-----BEGIN AGE ENCRYPTED FILE-----")
    rewrite_manifest(box)
    forge(box)
    [problem], [attack] = found(box)
    assert problem.startswith("capsule.age: age header: ")
    assert attack.startswith("malformed: ")


def test_a_segment_that_a_stranger_can_open_too(box: SmallBox) -> None:
    name = only_recording(box)
    reseal(box.file(name, 1), *(new_key_pair(os.urandom).recipient for _ in range(2)))
    forge(box)
    [problem], [attack] = found(box)
    assert problem == "00000001.mp4.age is sealed to 2 recipients, there must be 1"
    assert attack.startswith(f"resealed: recordings/{name}/00000001.mp4.age, leaf 2: ")


def test_a_segment_of_another_suite(box: SmallBox) -> None:
    reseal(box.file(only_recording(box), 0), new_key_pair(os.urandom, OTHER_SUITE).recipient)
    forge(box)
    assert found(box)[0] == [f"00000000.mp4.age is sealed with {OTHER_SUITE}, the leaf says age-x25519"]


@pytest.mark.parametrize("size_bytes", [0, 30], ids=["empty", "cut in its header"])
def test_a_segment_without_a_header(box: SmallBox, size_bytes: int) -> None:
    os.truncate(box.file(only_recording(box), 0), size_bytes)
    forge(box)
    [problem], [attack] = found(box)
    assert problem == "00000000.mp4.age: it ends in its header"
    assert attack.startswith("malformed: ")


def test_clear_text_in_place_of_a_segment(box: SmallBox) -> None:
    box.file(only_recording(box), 0).write_bytes(b"\0\0\0\x18ftypiso5")
    forge(box)
    assert found(box)[0][0].startswith("00000000.mp4.age: age header: ")


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (LeafType.SEGMENT, "sha256", "xy"),
        (LeafType.SEGMENT, "sha256", None),
        (LeafType.SEGMENT, "size_bytes", "5"),
        (LeafType.SEGMENT, "final", None),
        (LeafType.RECORDING_OPENED, "suite", 7),
        (LeafType.RECORDING_OPENED, "capsule.age", None),
        (LeafType.RECORDING_CLOSED, "root", []),
    ],
)
@pytest.mark.parametrize("level", Level)
def test_a_leaf_that_root_wrote_without_what_it_must_say_is_named_and_stops_nothing(
    box: SmallBox, level: Level, kind: LeafType, name: str, value: Json
) -> None:
    key = SigningKey.load(box.root / "state" / KEY_NAME)
    at_first: list[int] = []

    def story(leaves: list[Leaf]) -> list[Leaf]:
        at_first.append(next(leaf.n for leaf in leaves if leaf.type is kind))
        return [edited(leaf, **{name: value}) if leaf.n == at_first[0] else leaf for leaf in leaves]

    rewrite(box.vault / "ledger", "test-box", key, story)
    report = at(level, box)
    assert report.result == "tampered"
    assert f"leaf {at_first[0]} has no right {name}" in report.problems


def test_a_leaf_that_names_another_suite(box: SmallBox) -> None:
    forge(box, lambda leaf: edited(leaf, suite=OTHER_SUITE) if leaf.type is LeafType.SEGMENT else leaf)
    problems, attacks = found(box)
    assert problems == [f"leaf {n} says suite {OTHER_SUITE}, leaf 0 says age-x25519" for n in (1, 2)]
    assert attacks[0] == "resealed: leaf 1 names another suite than its recording"


def test_a_level_whose_suite_the_recording_does_not_have(box: SmallBox) -> None:
    rewrite_manifest(box, level=5)
    forge(box, lambda leaf: edited(leaf, level=5) if leaf.type is LeafType.RECORDING_OPENED else leaf)
    [problem], [attack] = found(box)
    assert problem == f"leaf 0 says suite age-x25519, level 5 asks for {OTHER_SUITE}"
    assert attack == "relabelled: leaf 0 has another suite than its level"


def test_a_level_that_there_is_not(box: SmallBox) -> None:
    forge(box, lambda leaf: edited(leaf, level="top") if leaf.type is LeafType.RECORDING_OPENED else leaf)
    problems, attacks = found(box)
    assert problems[0] == "leaf 0: there is no data level -1"
    assert attacks[0] == "relabelled: leaf 0 has no level"


def test_what_a_crash_left_of_a_header_is_a_remark(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    with box.running() as run:
        opened = box.begin(run)
        stored = write_segment(opened, 0, box.clock, finish=False)
        os.truncate(box.file(opened.recording, 0), 20)
        stored = replace(stored, size_bytes=20, sha256=sha256(box.file(opened.recording, 0)))
        enter(run, opened, stored, box.clock)
    with box.running():
        pass
    report = at(Level.DEEP, box)
    assert (report.result, report.attacks) == ("ok", ())
    assert report.remarks == (
        f"recording {opened.recording}: 00000000.mp4.age was cut short, nothing of it can be opened: "
        "it ends in its header",
    )
    assert at(Level.NORMAL, box).remarks == ()


def test_a_file_that_lost_its_unsynced_end(box: SmallBox) -> None:
    """The remark names file and leaf; a beginning that differs is tampering all the same."""
    path = box.file(only_recording(box), 1)
    size_bytes, kept = path.stat().st_size, 300
    synced = path.read_bytes()[:kept]
    spare = box.root / "spare"
    spare.write_bytes(synced)
    more: dict[str, Json] = {"final": False, "reason": "disk", "synced_bytes": kept}
    forge(
        box,
        lambda leaf: (
            edited(leaf, **more, synced_sha256=sha256(spare)) if leaf.body.get("number") == 1 else leaf
        ),
    )
    assert at(Level.DEEP, box).remarks == ()
    path.write_bytes(synced + bytes(9))
    for level, read in ((Level.QUICK, "have not been read"), (Level.NORMAL, "are there")):
        report = at(level, box)
        assert (report.result, report.attacks) == ("ok", ())
        assert report.remarks == (
            f"recording {only_recording(box)}: 00000001.mp4.age lost its end after the disk's error "
            f"that leaf 2 tells of: the first {kept} of {size_bytes} bytes had been synced, and {read}",
        )
    path.write_bytes(b"x" + synced[1:])
    report = at(Level.NORMAL, box)
    assert report.result == "tampered"
    assert report.attacks == (f"edited: recordings/{only_recording(box)}/00000001.mp4.age",)
