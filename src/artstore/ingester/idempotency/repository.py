"""The rows of idempotency keys. Each function is one statement, so that tries that run at once do not meet
in the middle.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from artstore.attributes import FileId
from artstore.ingester.idempotency.tables import idempotency_keys
from artstore.kernel.database import ReadConnection, WriteConnection

_keys = idempotency_keys.c
_EXPIRED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """A key with the id of its document and its element, and once it was stored the answer."""

    account_id: str
    key: str
    file_id: FileId
    element_id: str | None
    fingerprint: str | None
    answer: dict[str, Any] | None


async def find(db: ReadConnection, account_id: str, key: str, *, since: datetime) -> Claim | None:
    """What is known of a key that came at ``since`` or later."""
    found = await db.execute(
        select(_keys.file_id, _keys.element_id, _keys.fingerprint, _keys.answer).where(
            _is(account_id, key), _keys.created_at >= since
        )
    )
    row = found.one_or_none()
    return None if row is None else Claim(account_id, key, FileId(row[0]), *row[1:])


async def begin(
    db: WriteConnection,
    account_id: str,
    key: str,
    element_id: str,
    *,
    new: FileId,
    now: datetime,
    since: datetime,
) -> Claim:
    """Begins a try, which must go to the element of the answer: ``element_id``, unless an earlier try went
    elsewhere. A key that is not known, or came before ``since``, gets the id ``new``.
    """
    row = insert(idempotency_keys).values(
        account_id=account_id, key=key, file_id=new, element_id=element_id, unknown_tries=1, created_at=now
    )
    expired = _keys.created_at < since
    begun = await db.execute(
        row.on_conflict_do_update(
            index_elements=[_keys.account_id, _keys.key],
            set_={
                "file_id": case((expired, row.excluded.file_id), else_=_keys.file_id),
                "element_id": case(
                    (expired, row.excluded.element_id),
                    else_=func.coalesce(_keys.element_id, row.excluded.element_id),
                ),
                "unknown_tries": case((expired, 1), else_=_keys.unknown_tries + 1),
                "fingerprint": case((expired, null()), else_=_keys.fingerprint),
                "answer": case((expired, null()), else_=_keys.answer),
                "created_at": case((expired, row.excluded.created_at), else_=_keys.created_at),
            },
        ).returning(_keys.file_id, _keys.element_id, _keys.fingerprint, _keys.answer)
    )
    file_id, pinned, fingerprint, answer = begun.one()
    return Claim(account_id, key, FileId(file_id), pinned, fingerprint, answer)


async def nothing_stored(db: WriteConnection, claimed: Claim) -> None:
    """Ends a try that is known to have stored nothing; after the last such one the pin comes off."""
    await db.execute(
        update(idempotency_keys)
        .where(and_(_row_of(claimed), _keys.unknown_tries > 0))
        .values(
            element_id=case((_keys.unknown_tries == 1, null()), else_=_keys.element_id),
            unknown_tries=_keys.unknown_tries - 1,
        )
    )


async def stored(
    db: WriteConnection, claimed: Claim, fingerprint: str, answer: dict[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """Keeps the answer of the first try that was stored. Returns what is kept, None where the key expired."""
    kept = await db.execute(
        update(idempotency_keys)
        .where(_row_of(claimed))
        .values(
            answer=case((_keys.fingerprint.is_(None), literal(answer, JSONB)), else_=_keys.answer),
            fingerprint=func.coalesce(_keys.fingerprint, fingerprint),
        )
        .returning(_keys.fingerprint, _keys.answer)
    )
    row = kept.one_or_none()
    return None if row is None else (row[0], row[1])


async def expire(db: WriteConnection, before: datetime) -> int:
    """Forgets some of the keys that came before a time, and says how many."""
    some = select(_keys.account_id, _keys.key).where(_keys.created_at < before).limit(_EXPIRED_AT_ONCE)
    expired = some.with_for_update(skip_locked=True).cte("expired")
    gone = await db.execute(
        delete(idempotency_keys).where(
            and_(_keys.account_id == expired.c.account_id, _keys.key == expired.c.key)
        )
    )
    return gone.rowcount


def _is(account_id: str, key: str) -> ColumnElement[bool]:
    return and_(_keys.account_id == account_id, _keys.key == key)


def _row_of(claimed: Claim) -> ColumnElement[bool]:
    return and_(_is(claimed.account_id, claimed.key), _keys.file_id == claimed.file_id)
