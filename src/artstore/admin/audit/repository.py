"""Queries on the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, text

from artstore.admin.audit.tables import AUDIT_ENTRIES
from artstore.kernel.database import WriteConnection

_APPEND_LOCK: Final = 0x6175646974  # "audit"


@dataclass(frozen=True)
class Row:
    """An entry (the JSON object that its leaf is made of) as it is stored."""

    entry: dict[str, Any]
    leaf_hash: bytes
    at: datetime


async def next_place(connection: WriteConnection) -> tuple[int, datetime]:
    """The index and the time of the next entry, which are the caller's until its transaction ends.

    Indexes are given out in the order of commits and none is left out; times never go back.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
    # A statement of its own: it must see what the one who held the lock before has committed.
    last = (
        select(AUDIT_ENTRIES.c.index, AUDIT_ENTRIES.c.at)
        .order_by(AUDIT_ENTRIES.c.index.desc())
        .limit(1)
        .subquery()
    )
    found = await connection.execute(
        select(
            func.coalesce(func.max(last.c.index) + 1, 0),
            func.greatest(func.clock_timestamp(), func.max(last.c.at)),
        )
    )
    index, at = found.one()
    return index, at


async def add_entries(connection: WriteConnection, rows: Sequence[Row]) -> None:
    await connection.execute(
        insert(AUDIT_ENTRIES),
        [
            {
                "index": row.entry["index"],
                "at": row.at,
                "action": row.entry["action"],
                "actor_kind": row.entry["actor"]["kind"],
                "actor_id": row.entry["actor"]["id"],
                "actor_name": row.entry["actor"]["name"],
                "address": row.entry["actor"]["address"],
                "request_id": row.entry["actor"]["request_id"],
                "subject_kind": row.entry["subject"]["kind"],
                "subject_id": row.entry["subject"]["id"],
                "outcome": row.entry["outcome"],
                "details": row.entry["details"],
                "leaf_hash": row.leaf_hash,
            }
            for row in rows
        ],
    )
