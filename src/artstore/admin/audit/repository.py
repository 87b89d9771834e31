"""Queries on the audit trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, insert, select, text, update
from sqlalchemy.dialects import postgresql

from artstore.admin.audit.leaf import moment
from artstore.admin.audit.tables import AUDIT_CHECKPOINTS, AUDIT_ENTRIES, AUDIT_KEYS, REFUSAL_REPORTS
from artstore.kernel.database import ReadConnection, WriteConnection

_APPEND_LOCK: Final = 0x6175646974  # "audit"
_SEAL_LOCK: Final = 0x7365616C  # "seal"
_LARGEST_INDEX: Final = 2**63 - 1
_E: Final = AUDIT_ENTRIES.c


@dataclass(frozen=True)
class StoredEntry:
    """An entry (the JSON object that its leaf is made of) as it is stored."""

    entry: dict[str, Any]
    leaf_hash: bytes
    at: datetime


@dataclass(frozen=True)
class StoredCheckpoint:
    tree_size: int
    root_hash: bytes
    note: str
    sealed_at: datetime


@dataclass(frozen=True)
class StoredKey:
    verifier_key: str
    name: str
    private_pem: str = field(repr=False)


@dataclass(frozen=True)
class Wanted:
    """What a search of the log asks for; None: anything."""

    since: datetime | None = None
    until: datetime | None = None
    """Not included."""
    equal: Mapping[str, str] = field(default_factory=dict)
    """Columns with the value that they must have."""


async def hold_appends(connection: WriteConnection) -> None:
    """From now on nobody else appends until the caller's transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})


async def next_place(connection: WriteConnection) -> tuple[int, datetime]:
    """The index and the time of the next entry, which are the caller's until its transaction ends.

    Indexes are given out in the order of commits and none is left out; times never go back.
    """
    await hold_appends(connection)
    # A statement of its own: it must see what the one who held the lock before has committed.
    last = select(_E.index, _E.at).order_by(_E.index.desc()).limit(1).subquery()
    found = await connection.execute(
        select(
            func.coalesce(func.max(last.c.index) + 1, 0),
            func.greatest(func.clock_timestamp(), func.max(last.c.at)),
        )
    )
    index, at = found.one()
    return index, at


async def add_entries(connection: WriteConnection, entries: Sequence[StoredEntry]) -> None:
    await connection.execute(insert(AUDIT_ENTRIES), [_columns(stored) for stored in entries])


def _columns(stored: StoredEntry) -> dict[str, Any]:
    entry = stored.entry
    actor, subject = entry["actor"], entry["subject"]
    return {
        "index": entry["index"],
        "at": stored.at,
        "action": entry["action"],
        "actor_kind": actor["kind"],
        "actor_id": actor["id"],
        "actor_name": actor["name"],
        "address": actor["address"],
        "request_id": actor["request_id"],
        "subject_kind": subject["kind"],
        "subject_id": subject["id"],
        "outcome": entry["outcome"],
        "details": entry["details"],
        "leaf_hash": stored.leaf_hash,
    }


def stored_entry(row: Row[*tuple[Any, ...]]) -> StoredEntry:
    """A row of ``audit_entries`` as the JSON object of its leaf."""
    return StoredEntry(
        {
            "action": row.action,
            "actor": {
                "address": row.address,
                "id": row.actor_id,
                "kind": row.actor_kind,
                "name": row.actor_name,
                "request_id": row.request_id,
            },
            "at": moment(row.at),
            "details": row.details,
            "index": row.index,
            "outcome": row.outcome,
            "subject": {"id": row.subject_id, "kind": row.subject_kind},
        },
        row.leaf_hash,
        row.at,
    )


async def size(connection: ReadConnection) -> int:
    """How many entries there are, none being left out."""
    last = await connection.scalar(select(func.max(_E.index)))
    return 0 if last is None else int(last) + 1


async def entry_at(connection: ReadConnection, index: int) -> StoredEntry | None:
    row = (await connection.execute(select(AUDIT_ENTRIES).where(_E.index == index))).one_or_none()
    return stored_entry(row) if row else None


async def entries(
    connection: ReadConnection, wanted: Wanted, limit: int, *, start: int = 0, stop: int | None = None
) -> list[StoredEntry]:
    """Entries from the index ``start`` on up to, not including, ``stop``, the oldest first."""
    query = select(AUDIT_ENTRIES).where(_E.index >= start, *_conditions(wanted))
    if stop is not None:
        query = query.where(_E.index < stop)
    return [stored_entry(row) for row in await connection.execute(query.order_by(_E.index).limit(limit))]


async def newest_entries(
    connection: ReadConnection, wanted: Wanted, limit: int, *, stop: int | None = None
) -> list[StoredEntry]:
    """Entries before the index ``stop``, the newest first."""
    query = select(AUDIT_ENTRIES).where(*_conditions(wanted))
    if stop is not None:
        query = query.where(_E.index < stop)
    rows = await connection.execute(query.order_by(_E.index.desc()).limit(limit))
    return [stored_entry(row) for row in rows]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Times are turned into indexes, in whose order entries are read: times never go back in it."""
    conditions = [_E[column] == value for column, value in wanted.equal.items()]
    if wanted.since is not None:
        conditions.append(_E.index >= _first_index_at(wanted.since))
    if wanted.until is not None:
        conditions.append(_E.index < _first_index_at(wanted.until))
    return conditions


def _first_index_at(at: datetime) -> ColumnElement[int]:
    found = AUDIT_ENTRIES.alias()
    first = (
        select(found.c.index).where(found.c.at >= at).order_by(found.c.at, found.c.index).limit(1)
    ).scalar_subquery()
    return func.coalesce(first, _LARGEST_INDEX)


async def may_seal(connection: WriteConnection) -> bool:
    """Whether this transaction is the one that seals; another process may be at it."""
    return bool(await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _SEAL_LOCK}))


async def newest_checkpoint(connection: ReadConnection) -> StoredCheckpoint | None:
    query = select(AUDIT_CHECKPOINTS).order_by(AUDIT_CHECKPOINTS.c.tree_size.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return StoredCheckpoint(**row._mapping) if row else None


async def checkpoints_after(connection: ReadConnection, tree_size: int, limit: int) -> list[StoredCheckpoint]:
    """Checkpoints of larger trees, the smallest first."""
    column = AUDIT_CHECKPOINTS.c.tree_size
    query = select(AUDIT_CHECKPOINTS).where(column > tree_size).order_by(column).limit(limit)
    return [StoredCheckpoint(**row._mapping) for row in await connection.execute(query)]


async def add_checkpoint(connection: WriteConnection, tree_size: int, root_hash: bytes, note: str) -> None:
    await connection.execute(
        insert(AUDIT_CHECKPOINTS).values(
            tree_size=tree_size, root_hash=root_hash, note=note, sealed_at=func.clock_timestamp()
        )
    )


async def stored_key(connection: ReadConnection) -> StoredKey | None:
    """The oldest, should there ever be several."""
    keys = AUDIT_KEYS.c
    query = select(keys.verifier_key, keys.name, keys.private_pem).order_by(keys.created_at).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return StoredKey(*row) if row else None


async def add_key(connection: WriteConnection, key: StoredKey, created_at: datetime) -> None:
    await connection.execute(
        insert(AUDIT_KEYS).values(
            verifier_key=key.verifier_key, name=key.name, private_pem=key.private_pem, created_at=created_at
        )
    )


async def replace_private_part(connection: WriteConnection, verifier_key: str, private_pem: str) -> None:
    await connection.execute(
        update(AUDIT_KEYS).where(AUDIT_KEYS.c.verifier_key == verifier_key).values(private_pem=private_pem)
    )


async def take_report(connection: WriteConnection, instance: str, minute: datetime) -> bool:
    """Whether this report of refusals is new; from now on it is not."""
    known = postgresql.insert(REFUSAL_REPORTS).values(instance=instance, minute=minute)
    taken = await connection.execute(known.on_conflict_do_nothing().returning(REFUSAL_REPORTS.c.instance))
    return taken.one_or_none() is not None


async def forget_reports_before(connection: WriteConnection, minute: datetime) -> None:
    await connection.execute(REFUSAL_REPORTS.delete().where(REFUSAL_REPORTS.c.minute < minute))


async def last_of_subjects(
    connection: WriteConnection, kind: str, subject_ids: Sequence[str]
) -> dict[str, tuple[str, dict[str, Any]]]:
    """Action and details of the newest entry about each, where there is one."""
    query = (
        select(_E.subject_id, _E.action, _E.details)
        .distinct(_E.subject_id)
        .where(_E.subject_kind == kind, _E.subject_id.in_(subject_ids))
        .order_by(_E.subject_id, _E.index.desc())
    )
    return {row.subject_id: (row.action, row.details) for row in await connection.execute(query)}
