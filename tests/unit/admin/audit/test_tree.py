"""The tree against the definitions of RFC 6962 §2.1, written down once more as they stand there."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artstore.admin.audit.tree import (
    CompactRange,
    Range,
    consistency_ranges,
    fold,
    inclusion_ranges,
    is_consistent,
    leaf_hash,
    nodes_of,
    perfect_hash,
    root_of_inclusion,
)

LEAVES = [leaf_hash(str(number).encode()) for number in range(150)]


def mth(hashes: list[bytes]) -> bytes:
    """RFC 6962 §2.1, of leaves that are hashed already."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else sha256().digest()
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(m: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1."""
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m < k:
        return [*path(m, hashes[:k]), mth(hashes[k:])]
    return [*path(m - k, hashes[k:]), mth(hashes[:k])]


def subproof(m: int, hashes: list[bytes], complete: bool) -> list[bytes]:
    """RFC 6962 §2.1.2."""
    if m == len(hashes):
        return [] if complete else [mth(hashes)]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m <= k:
        return [*subproof(m, hashes[:k], complete), mth(hashes[k:])]
    return [*subproof(m - k, hashes[k:], False), mth(hashes[:k])]


def proof(ranges: list[Range]) -> list[bytes]:
    return [mth(LEAVES[wanted.start : wanted.stop]) for wanted in ranges]


def test_the_first_known_roots() -> None:
    """Of the test vectors of Certificate Transparency: the empty tree, and one empty leaf."""
    empty = CompactRange()
    assert empty.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    empty.append(leaf_hash(b""))
    assert empty.root().hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_compact_range_at_every_size() -> None:
    growing = CompactRange()
    for size, leaf in enumerate(LEAVES, start=1):
        growing.append(leaf)
        assert growing.root() == mth(LEAVES[:size])


@given(st.integers(1, 150))
def test_a_range_is_made_of_its_nodes(size: int) -> None:
    nodes = list(nodes_of(Range(0, size)))
    hashes = [perfect_hash(LEAVES[p << level : (p + 1) << level]) for level, p in nodes]
    assert fold(hashes) == mth(LEAVES[:size])


@given(st.data())
def test_inclusion(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 150))
    index = data.draw(st.integers(0, size - 1))
    made = proof(inclusion_ranges(index, size))
    root = mth(LEAVES[:size])
    assert made == path(index, LEAVES[:size])
    assert root_of_inclusion(LEAVES[index], index, size, made) == root
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index)) if size > 1 else None
    if other is not None:
        assert root_of_inclusion(LEAVES[other], index, size, made) != root
        assert root_of_inclusion(LEAVES[index], other, size, made) != root
    assert root_of_inclusion(LEAVES[index], index, size, [*made, root]) is None


@given(st.data())
def test_consistency(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 150))
    old = data.draw(st.integers(1, new))
    made = proof(consistency_ranges(old, new))
    old_root, new_root = mth(LEAVES[:old]), mth(LEAVES[:new])
    assert made == subproof(old, LEAVES[:new], True)
    assert is_consistent(old, new, old_root, new_root, made)
    assert not is_consistent(old, new, leaf_hash(b"other"), new_root, made)
    assert not is_consistent(old, new, old_root, leaf_hash(b"other"), made)
    assert not is_consistent(old, new, old_root, new_root, [*made, old_root])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 1), (1, 1)])
def test_no_leaf_of_the_tree(index: int, size: int) -> None:
    assert root_of_inclusion(LEAVES[0], index, size, []) is None
