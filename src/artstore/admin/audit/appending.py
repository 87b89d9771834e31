"""Appending to the log, in the transaction of the change that the entry tells of."""

from collections.abc import Sequence

from artstore.admin.audit import repository
from artstore.admin.audit.entry import AuditEntry
from artstore.admin.audit.leaf import leaf, members
from artstore.admin.audit.tree import leaf_hash
from artstore.kernel.database import WriteConnection


async def append(connection: WriteConnection, entry: AuditEntry) -> int:
    """Append an entry and return its index. It is there when the caller's transaction commits.

    To be the last of a transaction: from here to the commit every other append waits, in all processes, and
    who holds a lock that a waiting one wants would make a deadlock. May be called several times in one
    transaction. Raises NotCanonical for details that no leaf can hold, which is a mistake of the caller.
    """
    return await append_all(connection, [entry])


async def append_all(connection: WriteConnection, entries: Sequence[AuditEntry]) -> int:
    """Like ``append`` for several entries; returns the index of the first one."""
    first, at = await repository.next_place(connection)
    made = [members(entry, index, at) for index, entry in enumerate(entries, start=first)]
    rows = [repository.StoredEntry(entry, leaf_hash(leaf(entry)), at) for entry in made]
    await repository.add_entries(connection, rows)
    return first
