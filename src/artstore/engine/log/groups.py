"""Groups of records, of which all count or none: what a crash left of one is taken for no records. Pure.

A group is one batch, and so in one segment. One that a crash interrupted is the last thing in the log, and
nobody was told of it; a disk may have written any part of it. Where something follows, or a checkpoint tells
of it, the group was durable, and what is missing of it is damage: what can be read of it counts.
"""

from collections.abc import Iterable, Iterator

from artstore.engine.log.record import Lsn
from artstore.engine.log.scan import Found, Unreadable

Item = Found | Unreadable


def without_torn_group(
    items: Iterable[Item], first_lsn: Lsn, *, following: Lsn | None, known: Lsn
) -> Iterator[Item]:
    """What a segment holds (see ``scan_segment``), a torn group at its end as one unreadable tail.

    ``first_lsn`` is that of the segment, ``following`` that of the next one, None behind the last;
    ``known`` is the last LSN of which a checkpoint tells.
    """
    held: list[Item] = []
    """Of a group that has not come to its end, or a hole that may be the beginning of one."""
    begin = expected = first_lsn
    whole = False
    for item in items:
        if isinstance(item, Unreadable):
            begin, whole = (begin if held else expected), False
            held.append(item)
            continue
        record = item.record
        if record.begins_batch or not record.in_group:
            yield from held  # something follows it
            held, begin, whole = [], record.lsn, True
        held.append(item)
        whole = whole and (record.begins_batch or record.lsn == expected)
        expected = Lsn(record.lsn + 1)
        if not record.in_group or (whole and record.ends_group):
            yield from held
            held = []
    is_group = any(isinstance(item, Found) for item in held)
    if is_group and begin > known and (following is None or following <= begin):
        yield Unreadable(_start(held[0]), _end(held[-1]), tail=True)
    else:
        yield from held


def _start(item: Item) -> int:
    return item.offset if isinstance(item, Found) else item.start


def _end(item: Item) -> int:
    return item.offset + item.record.size if isinstance(item, Found) else item.end
