"""Reading without the writer's lock, and proofs: right ones prove, and every change of one is refused."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from pymerkle import InmemoryTree, verify_inclusion

from agent.formats.ledger_v1 import TAIL, encode_leaf
from agent.formats.signed_note import COSIGNATURE
from agent.ledger import checkpoint as checkpoints
from agent.ledger import proof as proofs
from agent.ledger.check import read_leaves
from agent.ledger.checkpoint import Checkpoint
from agent.ledger.proof import Proof
from agent.ledger.reader import LogReader
from agent.ledger.signing import Verifier
from agent.ledger.witness import Witness
from agent.model.errors import Halt, Refuse
from tests.fakes.clock import FakeClock
from tests.fakes.histories import LOGS, WITNESS, WITNESS_2, sent
from tests.fakes.ledgers import BOX, KEY, NAME, OTHER_KEY, gap, grow

BOX_KEY = Verifier(KEY.verifier_key)
MAIN = Verifier(WITNESS.verifier_key, COSIGNATURE)
OTHER = Verifier(WITNESS_2.verifier_key, COSIGNATURE)
SIZES = (1, 2, 255, 256, 257, 600, 770)


@pytest.mark.parametrize("count", SIZES)
def test_it_reads_what_the_writer_has_open(tmp_path: Path, count: int) -> None:
    ledger = grow(tmp_path / "log", count)
    reader = LogReader(tmp_path / "log")
    assert reader.size == count
    assert [leaf.n for leaf in reader.leaves()] == list(range(count))
    assert [leaf.n for leaf in reader.leaves(count - 1)] == [count - 1]
    assert list(reader.leaves(count)) == []
    assert (reader.root_at(count), reader.root_at(1)) == (ledger.root(), ledger.root_at(1))
    ledger.append_many([gap(1)] * 300)
    assert reader.size == count
    reader.refresh()
    assert (reader.size, reader.root_at(reader.size)) == (count + 300, ledger.root())
    ledger.close()


def test_proofs_of_every_leaf_agree_with_pymerkle(tmp_path: Path) -> None:
    grow(tmp_path / "log", 300).close()
    reader = LogReader(tmp_path / "log")
    theirs = InmemoryTree(algorithm="sha256")
    for leaf in read_leaves(tmp_path / "log"):
        theirs.append_entry(encode_leaf(leaf))
    for size in (1, 2, 129, 300):
        assert theirs.get_root(size) == reader.root_at(size)
        for index in range(0, size, 7):
            proof = theirs.prove_inclusion(index + 1, size)
            leaf_hash = sha256(b"\x00" + reader.entry(index)).digest()
            verify_inclusion(leaf_hash, reader.root_at(size), proof)
            # pymerkle puts the leaf itself before its path.
            path = [bytes.fromhex(step) for step in proof.serialize()["path"]]
            assert path == [leaf_hash, *reader.inclusion_proof(index, size)]


def make(folder: Path, index: int = 123) -> Proof:
    ledger = grow(folder / "log", 300)
    note = ledger.checkpoint(FakeClock().now())
    witness = Witness.open(folder / "witness", WITNESS, LOGS)
    cosigned = witness.take(BOX, note, {}, sent(1), FakeClock().now())
    witness.close()
    ledger.append_many([gap(1)] * 300)
    ledger.close()
    head = checkpoints.verified(cosigned, BOX_KEY, NAME)
    return proofs.prove(LogReader(folder / "log"), index, cosigned, head)


def test_a_proof_proves_its_leaf_and_names_its_witnesses(tmp_path: Path) -> None:
    data = proofs.encode(make(tmp_path))
    proven = proofs.check(proofs.parse(data), BOX_KEY, [MAIN, OTHER])
    assert (proven.leaf.n, proven.head.size, proven.witnesses) == (123, 300, (WITNESS.name,))
    assert proofs.parse(data) == make_again(data)


def make_again(data: bytes) -> Proof:
    """By hand, as the specification's text says."""
    lines = data.decode().split("\n")
    blank = lines.index("")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[2] == "index 123"
    return Proof(
        entry=b64decode(lines[1].removeprefix("extra ")),
        index=123,
        path=tuple(b64decode(step) for step in lines[3:blank]),
        note="\n".join(lines[blank + 1 :]).encode(),
    )


def refused(proof: Proof, code: str, key: Verifier = BOX_KEY) -> None:
    with pytest.raises(Refuse) as caught:
        proofs.check(proof, key, [MAIN])
    assert caught.value.code == code


def test_every_change_of_a_proof_is_refused(tmp_path: Path) -> None:
    proof = make(tmp_path)
    refused(replace(proof, entry=proof.entry.replace(b"gap", b"gip")), "proof.false")
    refused(replace(proof, index=122), "proof.false")
    refused(replace(proof, index=300), "proof.false")
    refused(replace(proof, path=proof.path[:-1]), "proof.false")
    refused(replace(proof, path=(*proof.path, proof.path[0])), "proof.false")
    refused(replace(proof, note=proof.note.replace(b"\n300\n", b"\n301\n")), "note.forged")
    refused(proof, "note.unsigned", Verifier(OTHER_KEY.verifier_key))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\nnote",
        b"c2sp.org/tlog-proof@v1\nextra QQ==\nindex 01\n\nnote",
        b"c2sp.org/tlog-proof@v1\nextra QQ==\nindex 0\nQQ==\n\nnote",
        b"c2sp.org/tlog-proof@v1\nextra QR==\nindex 0\n\nnote",
        b"c2sp.org/tlog-proof@v2\nextra QQ==\nindex 0\n\nnote",
    ],
)
def test_what_is_no_proof(data: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        proofs.parse(data)
    assert caught.value.code == "proof.bad"


def test_no_proof_for_a_head_that_is_not_the_logs(tmp_path: Path) -> None:
    grow(tmp_path / "log", 5).close()
    reader = LogReader(tmp_path / "log")
    with pytest.raises(Refuse) as caught:
        proofs.prove(reader, 1, b"", Checkpoint(origin=NAME, size=5, root=bytes(32)))
    assert caught.value.code == "proof.other-tree"
    for index, size in ((5, 5), (-1, 5), (2, 6)):
        with pytest.raises(Refuse) as refusal:
            reader.inclusion_proof(index, size)
        assert refusal.value.code == "leaf.unknown"


def test_a_log_whose_pieces_contradict_each_other_is_not_read(tmp_path: Path) -> None:
    grow(tmp_path / "log", 300).close()
    other = grow(tmp_path / "other", 20)
    other.close()
    (tmp_path / "log" / TAIL).write_bytes((tmp_path / "other" / TAIL).read_bytes())
    with pytest.raises(Halt) as caught:
        LogReader(tmp_path / "log")
    assert caught.value.code == "ledger.damaged"
