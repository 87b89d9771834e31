"""The rows of idempotency keys. Each function is one statement, so that tries that run at once do not meet
in the middle.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, func, literal, null, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from artstore.attributes import FileId
from artstore.ingester.idempotency.tables import idempotency_keys
from artstore.kernel.database import WriteConnection

_keys = idempotency_keys.c
_EXPIRED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """A key with the id of its document; ``answer`` and ``fingerprint`` once it was stored."""

    account_id: str
    key: str
    file_id: FileId
    fingerprint: str | None = None
    answer: dict[str, Any] | None = None


class LostClaim(Exception):
    """The key expired while it was used."""


async def claim(
    db: WriteConnection, account_id: str, key: str, *, new: FileId, now: datetime, expired_before: datetime
) -> Claim:
    """The row of the key; where there is none, or one that has expired, with the id ``new``."""
    fresh: dict[str, Any] = {"file_id": new, "created_at": now}
    blank = {"element_id": null(), "unknown_tries": 0, "fingerprint": null(), "answer": null()}
    await db.execute(
        insert(idempotency_keys)
        .values(account_id=account_id, key=key, **fresh)
        .on_conflict_do_update(
            index_elements=[_keys.account_id, _keys.key],
            set_={**fresh, **blank},
            where=_keys.created_at < expired_before,
        )
    )
    found = await db.execute(
        select(_keys.file_id, _keys.fingerprint, _keys.answer).where(_is(account_id, key))
    )
    file_id, fingerprint, answer = found.one()
    return Claim(account_id, key, FileId(UUID(str(file_id))), fingerprint, answer)


async def pin(db: WriteConnection, claimed: Claim, element_id: str) -> str:
    """Begins a try. Returns the element to which it must go: ``element_id``, unless an earlier try went
    elsewhere. Raises LostClaim.
    """
    pinned: str | None = await db.scalar(
        update(idempotency_keys)
        .where(_row_of(claimed))
        .values(element_id=func.coalesce(_keys.element_id, element_id), unknown_tries=_keys.unknown_tries + 1)
        .returning(_keys.element_id)
    )
    if pinned is None:
        raise LostClaim
    return pinned


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
) -> tuple[str, dict[str, Any]]:
    """Keeps the answer of the first try that was stored. Returns what is kept. Raises LostClaim."""
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
    if row is None:
        raise LostClaim
    return row[0], row[1]


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
