"""The Merkle tree against its recursive definition in RFC 9162, section 2.1.1."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.events.audit.tree import EMPTY_ROOT, Frontier, inclusion, leaf_hash, root_from

LEAVES = [leaf_hash(b"%d" % number) for number in range(70)]


def by_definition(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def grown(size: int) -> Frontier:
    tree = Frontier()
    for leaf in LEAVES[:size]:
        tree.append(leaf)
    return tree


@pytest.mark.parametrize("size", range(70))
def test_the_grown_tree_has_the_root_of_the_definition_and_survives_being_stored(size: int) -> None:
    tree = grown(size)
    assert tree.root() == by_definition(LEAVES[:size])
    again = Frontier(size, tree.to_bytes())
    again.append(LEAVES[0])
    assert again.root() == by_definition([*LEAVES[:size], LEAVES[0]])


def test_an_empty_tree_and_one_leaf_are_those_of_the_standard() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@pytest.mark.parametrize(("size", "nodes"), [(1, b""), (3, bytes(32)), (-1, b""), (2, bytes(33))])
def test_a_malformed_frontier_is_refused(size: int, nodes: bytes) -> None:
    with pytest.raises(ValueError):
        Frontier(size, nodes)


@given(st.data())
def test_every_leaf_is_proved_and_no_other_leaf_place_or_tree_is(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    begin = data.draw(st.integers(0, index))  # leaves below are gone; their subtrees' roots are known
    proof = inclusion(index, size, lambda at: LEAVES[begin:][at - begin], grown(begin).subtrees())
    root = by_definition(LEAVES[:size])
    assert root_from(index, size, LEAVES[index], proof) == root
    assert root_from(index, size, leaf_hash(b"another"), proof) != root
    other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index)) if size > 1 else None
    if other is not None:
        with suppress(ValueError):  # its proof would be of another length
            assert root_from(other, size, LEAVES[index], proof) != root
    for wrong in [proof[:-1]] * bool(proof) + [[*proof, bytes(32)]]:
        with pytest.raises(ValueError):
            root_from(index, size, LEAVES[index], wrong)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_there_is_no_proof_for_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError):
        inclusion(index, size, LEAVES.__getitem__, {})
