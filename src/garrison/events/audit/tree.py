"""The Merkle tree of RFC 9162 (section 2.1), grown leaf by leaf from what its right edge needs: log2(n) hashes.

Threat: someone changes, drops or adds an entry and shows a log that looks whole. Whoever holds an older root finds out.
Pure: no I/O, no state but the frontier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry; its prefix keeps it from passing as an inner node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree of `size` leaves, as the roots of its whole subtrees, the largest first. Raises ValueError."""

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: bytes = b"") -> None:
        if size < 0 or len(nodes) != HASH * size.bit_count():
            raise ValueError(f"{len(nodes)} bytes can't be the frontier of {size} leaves")
        self.size = size
        self.nodes = [nodes[at : at + HASH] for at in range(0, len(nodes), HASH)]

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more entry."""
        nodes, size = self.nodes, self.size
        while size & 1:
            leaf = sha256(b"\x01" + nodes.pop() + leaf).digest()
            size >>= 1
        nodes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root hash of the tree as it is now."""
        if not self.nodes:
            return EMPTY_ROOT
        *rest, root = self.nodes
        for node in reversed(rest):
            root = node_hash(node, root)
        return root

    def to_bytes(self) -> bytes:
        return b"".join(self.nodes)

    def subtrees(self) -> dict[tuple[int, int], bytes]:
        """The nodes by the half-open range of leaves each stands for."""
        found, low, bit = {}, 0, 1 << self.size.bit_length()
        nodes = iter(self.nodes)
        while bit := bit >> 1:
            if self.size & bit:
                found[low, low + bit] = next(nodes)
                low += bit
        return found


def inclusion(index: int, size: int, leaf: Callable[[int], bytes], known: dict[tuple[int, int], bytes]) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves, the nearest sibling first.

    leaf    the hash of one leaf
    known   subtrees that need not be computed, or can't be since their leaves are gone

    Raises ValueError for an index outside the tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not among {size}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(subtree(middle, high, leaf, known))
            high = middle
        else:
            proof.append(subtree(low, middle, leaf, known))
            low = middle
    return proof[::-1]


def subtree(low: int, high: int, leaf: Callable[[int], bytes], known: dict[tuple[int, int], bytes]) -> bytes:
    """The hash over leaves `low` to `high`."""
    found = known.get((low, high))
    if found is not None:
        return found
    if high - low == 1:
        return leaf(low)
    middle = low + _split(high - low)
    return node_hash(subtree(low, middle, leaf, known), subtree(middle, high, leaf, known))


def root_from(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that `proof` leads to (RFC 9162, section 2.1.3.2). Raises ValueError when it has the wrong length."""
    at, last, found = index, size - 1, leaf
    rest: Iterable[bytes] = iter(proof)
    for sibling in rest:
        if last == 0:
            raise ValueError("the proof is too long")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return found


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)
