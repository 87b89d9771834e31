"""The hashes of the tree in PostgreSQL: those of leaves beside their entries, and of every 256^height leaves.

A hash between two of these heights is made of at most 256 of the lower. So appending an entry costs its own
hash alone, a proof some hundreds of rows for each height (there are three at 16 million entries), and the
stored hashes of subtrees are a 255th of the entries.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import between, func, insert, or_, select

from artstore.admin.audit.tables import AUDIT_ENTRIES, AUDIT_SUBTREES
from artstore.admin.audit.tree import EMPTY_ROOT, Node, Range, fold, nodes_of, perfect_hash
from artstore.kernel.database import ReadConnection, WriteConnection

WIDTH_BITS: Final = 8
WIDTH: Final = 1 << WIDTH_BITS
_SUBTREES_AT_ONCE: Final = 64


class HashesMissing(Exception):
    """The log lacks hashes that it had: rows were removed."""


async def root_hash(connection: ReadConnection, size: int) -> bytes:
    """Raises HashesMissing."""
    if size == 0:
        return EMPTY_ROOT
    [root] = await range_hashes(connection, [Range(0, size)])
    return root


async def range_hashes(connection: ReadConnection, ranges: Sequence[Range]) -> list[bytes]:
    """The hash of each range, all of them below a size whose subtrees are stored. Raises HashesMissing."""
    parts = [list(nodes_of(wanted)) for wanted in ranges]
    bases = [_base_of(node) for nodes in parts for node in nodes]
    hashes: dict[tuple[int, int], bytes] = {}
    for height in sorted({height for height, _ in bases}):
        wanted = sorted(covered for base_height, covered in bases if base_height == height)
        hashes |= await _stored(connection, height, _merged(wanted))
    return [fold([_node_hash(node, hashes) for node in nodes]) for nodes in parts]


async def extend_subtrees(connection: WriteConnection, size: int) -> bool:
    """Store the hashes of subtrees that have become complete, some at a time. Returns whether any are left.

    Of all processes only one may do so at a time: the caller holds a lock. Raises HashesMissing.
    """
    height, below = 0, size
    while below >= WIDTH:
        height += 1
        last = await connection.scalar(
            select(func.max(AUDIT_SUBTREES.c.position)).where(AUDIT_SUBTREES.c.height == height)
        )
        there, complete = 0 if last is None else last + 1, below // WIDTH
        if there < complete:
            stop = min(complete, there + _SUBTREES_AT_ONCE)
            await _add(connection, height, Range(there, stop))
            return True
        below = complete
    return False


async def _add(connection: WriteConnection, height: int, positions: Range) -> None:
    children = Range(positions.start << WIDTH_BITS, positions.stop << WIDTH_BITS)
    hashes = await _stored(connection, height - 1, [children])
    await connection.execute(
        insert(AUDIT_SUBTREES),
        [
            {
                "height": height,
                "position": position,
                "hash": _folded(hashes, height - 1, position << WIDTH_BITS, WIDTH),
            }
            for position in range(*positions)
        ],
    )


def _base_of(node: Node) -> tuple[int, Range]:
    """The stored hashes that a node is made of: their height and positions."""
    height, above = divmod(node.level, WIDTH_BITS)
    return height, Range(node.position << above, (node.position + 1) << above)


def _node_hash(node: Node, hashes: dict[tuple[int, int], bytes]) -> bytes:
    height, covered = _base_of(node)
    return _folded(hashes, height, covered.start, covered.stop - covered.start)


def _folded(hashes: dict[tuple[int, int], bytes], height: int, start: int, count: int) -> bytes:
    try:
        return perfect_hash([hashes[height, position] for position in range(start, start + count)])
    except KeyError as e:
        _, position = e.args[0]
        raise HashesMissing(f"a hash is missing that covers entry {position << height * WIDTH_BITS}") from e


def _merged(ranges: Sequence[Range]) -> list[Range]:
    merged: list[Range] = []
    for wanted in ranges:
        if merged and wanted.start <= merged[-1].stop:
            merged[-1] = Range(merged[-1].start, max(merged[-1].stop, wanted.stop))
        else:
            merged.append(wanted)
    return merged


async def _stored(
    connection: ReadConnection, height: int, positions: Sequence[Range]
) -> dict[tuple[int, int], bytes]:
    leaves = AUDIT_ENTRIES.c
    subtrees = AUDIT_SUBTREES.c
    position = leaves.index if height == 0 else subtrees.position
    within = or_(*(between(position, wanted.start, wanted.stop - 1) for wanted in positions))
    if height == 0:
        query = select(leaves.index, leaves.leaf_hash).where(within)
    else:
        query = select(subtrees.position, subtrees.hash).where(subtrees.height == height, within)
    return {(height, place): bytes(found) for place, found in await connection.execute(query)}
