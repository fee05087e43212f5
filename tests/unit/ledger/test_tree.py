"""The tree against the vectors of RFC 6962 implementations and against pymerkle."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from agent.ledger import tree

# The eight leaves and the roots used by certificate-transparency's and Trillian's reference tests.
CT_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
COUNT = 300


def _node(hashes: list[bytes]) -> tree.Node:
    return lambda height, index: tree.root_of(hashes[index << height : index + 1 << height])


@pytest.fixture(scope="module")
def reference() -> InmemoryTree:
    made = InmemoryTree(algorithm="sha256")
    for number in range(COUNT):
        made.append_entry(b"leaf %d" % number)
    return made


@pytest.fixture(scope="module")
def hashes() -> list[bytes]:
    return [tree.leaf_hash(b"leaf %d" % number) for number in range(COUNT)]


def test_the_published_roots() -> None:
    leaves = [tree.leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES]
    assert [tree.root_of(leaves[:size]).hex() for size in range(9)] == CT_ROOTS
    assert sha256(b"").digest() == tree.EMPTY_ROOT


def test_a_published_inclusion_path() -> None:
    leaves = [tree.leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES]
    path = tree.inclusion_path(5, 8, _node(leaves))
    assert [step.hex() for step in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_roots_are_those_of_pymerkle_up_to_300_leaves(reference: InmemoryTree, hashes: list[bytes]) -> None:
    frontier = tree.Frontier()
    assert frontier.root() == tree.EMPTY_ROOT
    for size in range(1, COUNT + 1):
        frontier.push(hashes[size - 1])
        assert frontier.root() == reference.get_root(size)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 63, 64, 65, 127, 255, 256, 257, 300])
def test_inclusion_paths_are_those_of_pymerkle(
    size: int, reference: InmemoryTree, hashes: list[bytes]
) -> None:
    root = tree.root_of(hashes[:size])
    node = _node(hashes[:size])
    for index in range(size):
        path = tree.inclusion_path(index, size, node)
        theirs = reference.prove_inclusion(index + 1, size).path
        # pymerkle lists the whole chain in tree order, with the leaf itself in it.
        assert sorted([*path, hashes[index]]) == sorted(theirs)
        assert tree.verify_inclusion(hashes[index], index, size, path, root)


@pytest.mark.parametrize("new", [1, 2, 3, 7, 8, 9, 64, 65, 255, 256, 257, 300])
def test_consistency_paths_verify_for_every_older_size(new: int, hashes: list[bytes]) -> None:
    new_root = tree.root_of(hashes[:new])
    node = _node(hashes[:new])
    for old in range(1, new + 1):
        old_root = tree.root_of(hashes[:old])
        path = tree.consistency_path(old, new, node)
        assert tree.verify_consistency(old, new, old_root, new_root, path)
        other = tree.root_of([*hashes[: old - 1], tree.leaf_hash(b"edited")])
        assert not tree.verify_consistency(old, new, other, new_root, path)
        if path:
            assert not tree.verify_consistency(old, new, old_root, new_root, path[:-1])
        assert not tree.verify_consistency(old, new, old_root, new_root, [*path, new_root])


def test_everything_is_consistent_with_nothing() -> None:
    root = tree.root_of([tree.leaf_hash(b"a")])
    assert tree.verify_consistency(0, 1, tree.EMPTY_ROOT, root, [])
    assert not tree.verify_consistency(0, 1, root, root, [])
    assert not tree.verify_consistency(0, 1, tree.EMPTY_ROOT, root, [root])
    assert not tree.verify_consistency(2, 1, root, root, [])
    assert not tree.verify_consistency(1, 2, root, root, [])


@given(size=st.integers(1, 80), data=st.data())
def test_a_wrong_leaf_place_or_step_is_not_included(size: int, data: st.DataObject) -> None:
    leaves = [tree.leaf_hash(bytes([number])) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root = tree.root_of(leaves)
    path = tree.inclusion_path(index, size, _node(leaves))
    assert tree.verify_inclusion(leaves[index], index, size, path, root)
    assert not tree.verify_inclusion(tree.leaf_hash(b"other"), index, size, path, root)
    assert not tree.verify_inclusion(leaves[index], index, size, [*path, root], root)
    assert not tree.verify_inclusion(leaves[index], size, size, path, root)
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        broken = [*path[:place], bytes(32), *path[place + 1 :]]
        assert not tree.verify_inclusion(leaves[index], index, size, broken, root)
        assert not tree.verify_inclusion(leaves[index], index, size, path[:-1], root)
        wrong = (index + 1) % size
        assert not tree.verify_inclusion(leaves[index], wrong, size, path, root)


def test_paths_of_leaves_that_do_not_exist_are_refused(hashes: list[bytes]) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        tree.inclusion_path(3, 3, _node(hashes))
    with pytest.raises(ValueError, match="sizes"):
        tree.consistency_path(0, 3, _node(hashes))
    with pytest.raises(ValueError, match="multiple"):
        frontier = tree.Frontier([hashes[0]])
        frontier.push(hashes[1], 1)
