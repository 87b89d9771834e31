"""Queries on transactions."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from artstore.admin.metadata import SCHEMA
from artstore.admin.transactions.progress import TransactionRow
from artstore.admin.transactions.tables import TRANSACTIONS
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.transactions import OVER, StepAttempt, TransactionKind, TransactionState

_transactions = TRANSACTIONS.c
_DOCUMENT_LOCK: Final = 1
_WRITTEN: Final = (
    "state",
    "step",
    "is_undoing",
    "target_element_id",
    "attempts",
    "error",
    "next_at",
    "committed_at",
)


@dataclass(frozen=True)
class Wanted:
    """What a list may be narrowed to; None lets everything through."""

    kind: TransactionKind | None = None
    state: TransactionState | None = None
    file_id: UUID | None = None


async def by_id(connection: ReadConnection, transaction_id: UUID) -> TransactionRow | None:
    found = await connection.execute(select(TRANSACTIONS).where(_transactions.id == transaction_id))
    row = found.one_or_none()
    return None if row is None else _transaction(row)


async def to_change(connection: WriteConnection, transaction_id: UUID) -> TransactionRow | None:
    """As it is now; nobody else changes it before this database transaction ends."""
    query = select(TRANSACTIONS).where(_transactions.id == transaction_id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _transaction(row)


async def of_document(
    connection: ReadConnection, kind: TransactionKind, file_id: UUID
) -> TransactionRow | None:
    """The one of a document that whoever asks for one of this kind gets; there is one at most.

    Made permanent is a document once, unless that was undone; moved it may be again.
    """
    gone = OVER if kind is TransactionKind.TRANSFER else {TransactionState.UNDONE}
    found = await connection.execute(
        select(TRANSACTIONS).where(
            _transactions.kind == kind,
            _transactions.file_id == file_id,
            _transactions.state.not_in(sorted(gone)),
        )
    )
    row = found.one_or_none()
    return None if row is None else _transaction(row)


async def open_of_document(connection: ReadConnection, file_id: UUID) -> TransactionRow | None:
    """One that is not over, of whatever kind."""
    query = select(TRANSACTIONS).where(
        _transactions.file_id == file_id, _transactions.state.not_in(sorted(OVER))
    )
    row = (await connection.execute(query.limit(1))).one_or_none()
    return None if row is None else _transaction(row)


async def one_at_a_time(connection: WriteConnection, file_id: UUID) -> None:
    """Until this database transaction ends nobody else who calls this begins anything with the document."""
    # Locks of two numbers are others than those of one, which are of other things here.
    lock = text("SELECT pg_advisory_xact_lock(CAST(:what AS integer), CAST(:key AS integer))")
    key = int.from_bytes(file_id.bytes[-4:], signed=True)
    await connection.execute(lock, {"what": _DOCUMENT_LOCK, "key": key})


async def last_done(
    connection: ReadConnection, kind: TransactionKind, file_id: UUID
) -> TransactionRow | None:
    """The newest of a document that is done."""
    wanted = Wanted(kind, TransactionState.DONE, file_id)
    return next(iter(await newest_before(connection, wanted, None, 1)), None)


async def newest_before(
    connection: ReadConnection, wanted: Wanted, before: UUID | None, limit: int
) -> list[TransactionRow]:
    """The newest first, from behind the one with the id ``before``."""
    query = select(TRANSACTIONS).order_by(_transactions.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_transactions.id < before)
    if wanted.kind is not None:
        query = query.where(_transactions.kind == wanted.kind)
    if wanted.state is not None:
        query = query.where(_transactions.state == wanted.state)
    if wanted.file_id is not None:
        query = query.where(_transactions.file_id == wanted.file_id)
    return [_transaction(row) for row in await connection.execute(query)]


async def add(connection: WriteConnection, values: dict[str, Any]) -> bool:
    """Whether it was added; not where the document has one of the kind already: see ``of_document``."""
    added = await connection.execute(
        insert(TRANSACTIONS).values(**values).on_conflict_do_nothing().returning(_transactions.id)
    )
    return added.one_or_none() is not None


async def change(connection: WriteConnection, row: TransactionRow) -> bool:
    """Write what became of it, unless somebody else changed it since ``row`` was read: then False."""
    changed = await connection.execute(
        update(TRANSACTIONS)
        .where(_transactions.id == row.id, _transactions.revision == row.revision)
        .values(
            {name: getattr(row, name) for name in _WRITTEN}
            | {
                "history": [attempt.model_dump(mode="json") for attempt in row.history],
                "revision": row.revision + 1,
                "updated_at": func.now(),
            }
        )
        .returning(_transactions.id)
    )
    return changed.one_or_none() is not None


async def progressed(connection: WriteConnection, row: TransactionRow, copied_bytes: int) -> bool:
    """Whether it was written; not where somebody else changed the transaction since ``row`` was read."""
    changed = await connection.execute(
        update(TRANSACTIONS)
        .where(_transactions.id == row.id, _transactions.revision == row.revision)
        .values(copied_bytes=copied_bytes, updated_at=func.now())
        .returning(_transactions.id)
    )
    return changed.one_or_none() is not None


async def under_way_from(connection: ReadConnection) -> dict[str, int]:
    """Transfers by the element that they are from, as far as the target does not have the document yet."""
    rows = await connection.execute(
        select(_transactions.source_element_id, func.count().label("transfers"))
        .where(
            _transactions.kind == TransactionKind.TRANSFER,
            _transactions.state.not_in(sorted({*OVER, TransactionState.FAILED})),
            _transactions.committed_at.is_(None),
        )
        .group_by(_transactions.source_element_id)
    )
    return {row.source_element_id: row.transfers for row in rows}


async def undone_lately(connection: ReadConnection, file_ids: list[UUID], within: timedelta) -> set[UUID]:
    """Those of the documents of which a transfer was undone in this time."""
    rows = await connection.execute(
        select(_transactions.file_id).where(
            _transactions.file_id.in_(file_ids),
            _transactions.kind == TransactionKind.TRANSFER,
            _transactions.state == TransactionState.UNDONE,
            _transactions.updated_at > func.now() - within,
        )
    )
    return {row.file_id for row in rows}


async def orphans(connection: ReadConnection, limit: int) -> list[UUID]:
    """Transactions that are to go on and that no job goes on with."""
    rows = await connection.execute(
        text(
            f"SELECT id FROM {SCHEMA}.transactions t"  # noqa: S608 - a name of ours
            " WHERE state NOT IN ('done', 'undone') AND (state <> 'failed' OR next_at IS NOT NULL)"
            " AND NOT EXISTS ("
            f"SELECT 1 FROM {SCHEMA}.procrastinate_jobs WHERE lock = t.id::text"
            " AND status IN ('todo', 'doing')) LIMIT :limit"
        ),
        {"limit": limit},
    )
    return [row.id for row in rows]


async def forget_waiting_jobs(connection: WriteConnection, transaction_id: UUID) -> None:
    """A later job of the same lock would wait for them, also where they are to begin in a day."""
    await connection.execute(
        text(f"DELETE FROM {SCHEMA}.procrastinate_jobs WHERE lock = :lock AND status = 'todo'"),  # noqa: S608
        {"lock": str(transaction_id)},
    )


async def name_schema(connection: WriteConnection) -> None:
    """Procrastinate's functions name no schema; until the transaction ends they find their tables here."""
    await connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))


async def open_counts(connection: ReadConnection) -> dict[tuple[str, str], int]:
    """Those that are not over, by kind and state."""
    rows = await connection.execute(
        select(_transactions.kind, _transactions.state, func.count().label("transactions"))
        .where(_transactions.state.not_in(["done", "undone"]))
        .group_by(_transactions.kind, _transactions.state)
    )
    return {(row.kind, row.state): row.transactions for row in rows}


def _transaction(row: Row[Any]) -> TransactionRow:
    members = dict(row._mapping)
    members["kind"] = TransactionKind(members["kind"])
    members["state"] = TransactionState(members["state"])
    members["history"] = tuple(StepAttempt.model_validate(attempt) for attempt in members["history"])
    return TransactionRow(**members)
