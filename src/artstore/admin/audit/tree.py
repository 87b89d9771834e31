"""The Merkle tree of RFC 6962 §2.1 (and RFC 9162 §2.1, which has the same hashes): pure functions.

A *range* is a run of leaves, from the first up to, not including, the second. A *node* is a perfect subtree:
the 2^level leaves from position * 2^level on. Every range of a proof is made of few nodes.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()


class Range(NamedTuple):
    start: int
    stop: int


class Node(NamedTuple):
    level: int
    position: int


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The tree over the leaves so far, in few hashes: all that a reader of the whole log must keep."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, hash_of_leaf: bytes) -> None:
        self._peaks.append(hash_of_leaf)
        size = self.size = self.size + 1
        while size % 2 == 0:
            right = self._peaks.pop()
            self._peaks[-1] = node_hash(self._peaks[-1], right)
            size //= 2

    def root(self) -> bytes:
        return fold(self._peaks) if self._peaks else EMPTY_ROOT


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over nodes beside each other, the largest first, as the right edge of a tree has them."""
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def perfect_hash(hashes: Sequence[bytes]) -> bytes:
    """The hash over 2^n nodes of the same level."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def nodes_of(wanted: Range) -> Iterator[Node]:
    """The nodes that a range of a proof consists of, the largest first."""
    start, stop = wanted
    while start < stop:
        level = (stop - start).bit_length() - 1
        yield Node(level, start >> level)
        start += 1 << level


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that a leaf is in a tree, as RFC 6962 §2.1.1 orders them."""
    found: list[Range] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            found.append(Range(middle, stop))
            stop = middle
        else:
            found.append(Range(start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges whose hashes prove that a tree is the beginning of another (RFC 6962 §2.1.2), in order."""
    found: list[Range] = []
    start, stop, from_the_first = 0, new, True
    while old < stop:
        middle = start + _split(stop - start)
        if old <= middle:
            found.append(Range(middle, stop))
            stop = middle
        else:
            found.append(Range(start, middle))
            start, from_the_first = middle, False
    if not from_the_first:
        found.append(Range(start, stop))
    return found[::-1]


def _split(width: int) -> int:
    """The largest power of two that is smaller."""
    return 1 << ((width - 1).bit_length() - 1)


def root_of_inclusion(hash_of_leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root of the tree in which the proof puts the leaf (RFC 9162 §2.1.3.2); None: it proves nothing."""
    if not 0 <= index < size:
        return None
    node, last, found = index, size - 1, hash_of_leaf
    for sibling in proof:
        if last == 0:
            return None
        if node % 2 or node == last:
            found = node_hash(sibling, found)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return found if last == 0 else None


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the first tree is the beginning of the second (RFC 9162 §2.1.4.2)."""
    if not 0 < old <= new or (old == new and proof):
        return False
    if old == new:
        return old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    node, last = old - 1, new - 1
    while node % 2:
        node, last = node >> 1, last >> 1
    of_old = of_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            of_old, of_new = node_hash(sibling, of_old), node_hash(sibling, of_new)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            of_new = node_hash(of_new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and of_old == old_root and of_new == new_root
