"""Queries on key pairs. What the time is, the database says: processes may have other clocks."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, case, func, insert, or_, select, text, tuple_, update

from artstore.admin.keys.pairs import StoredPair
from artstore.admin.keys.tables import SIGNING_KEYS
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.keys import KeyState, SigningKey

_LOCK: Final = 0x6B657973  # "keys"
_KEYS: Final = SIGNING_KEYS.c
_NOW: Final = func.statement_timestamp()
"""Not when the transaction began: it may have waited for the lock."""
_UNREVOKED: Final = _KEYS.revoked_at.is_(None)
_GOOD: Final = _UNREVOKED & or_(_KEYS.good_until.is_(None), _KEYS.good_until > _NOW)
_SIGNING_KID: Final = (
    select(_KEYS.kid)
    .where(_UNREVOKED, _KEYS.signs_from <= _NOW)
    .order_by(_KEYS.signs_from.desc(), _KEYS.kid)
    .limit(1)
    .scalar_subquery()
)
_STATE: Final = case(
    (_KEYS.revoked_at.is_not(None), KeyState.REVOKED.value),
    (_KEYS.signs_from > _NOW, KeyState.PENDING.value),
    (_KEYS.kid == _SIGNING_KID, KeyState.SIGNING.value),
    (_KEYS.good_until <= _NOW, KeyState.RETIRED.value),
    else_=KeyState.RETIRING.value,
)
_TOLD: Final = (
    _KEYS.kid,
    _STATE.label("state"),
    _KEYS.created_at,
    _KEYS.signs_from,
    _KEYS.good_until,
    _KEYS.revoked_at,
)


@dataclass(frozen=True)
class GoodPair:
    """A pair that verifies. ``signs_in`` is in seconds: negative for one that signs or has signed."""

    stored: StoredPair
    signs_in: float


async def hold_keys_lock(connection: WriteConnection) -> None:
    """Wait until no other process changes the pairs, and keep the others waiting until the commit."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


async def good_pairs(connection: ReadConnection) -> list[GoodPair]:
    """Every pair that verifies, in the order in which they sign, the last first."""
    rows = await connection.execute(
        select(
            _KEYS.kid,
            _KEYS.public_jwk,
            _KEYS.private_pem,
            func.extract("epoch", _KEYS.signs_from - _NOW).label("signs_in"),
        )
        .where(_GOOD)
        .order_by(_KEYS.signs_from.desc(), _KEYS.kid)
    )
    return [
        GoodPair(StoredPair(row.kid, row.public_jwk, row.private_pem), float(row.signs_in)) for row in rows
    ]


def that_may_sign(pairs: list[GoodPair]) -> list[GoodPair]:
    """Of all that verify, in their order: those that are pending, and the one that signs now."""
    pending = [pair for pair in pairs if pair.signs_in > 0]
    return pairs[: len(pending) + 1]


async def key_by_id(connection: ReadConnection, kid: str) -> SigningKey | None:
    rows = await connection.execute(select(*_TOLD).where(_KEYS.kid == kid))
    row = rows.one_or_none()
    return _key(row) if row else None


async def keys_before(
    connection: ReadConnection, before: tuple[datetime, str] | None, limit: int
) -> list[SigningKey]:
    """All pairs that ever were, the newest first, from behind the one made ``before``, with its id."""
    query = select(*_TOLD).order_by(_KEYS.created_at.desc(), _KEYS.kid.desc()).limit(limit)
    if before is not None:
        query = query.where(_before(*before))
    return [_key(row) for row in await connection.execute(query)]


def _before(created_at: datetime, kid: str) -> ColumnElement[bool]:
    return tuple_(_KEYS.created_at, _KEYS.kid) < tuple_(created_at, kid)


async def add_pair(connection: WriteConnection, pair: StoredPair, *, signs_in: float) -> None:
    """Publish a pair that signs after so many seconds."""
    await connection.execute(
        insert(SIGNING_KEYS).values(
            kid=pair.kid,
            public_jwk=pair.public_jwk,
            private_pem=pair.private_pem,
            created_at=_NOW,
            signs_from=_NOW + timedelta(seconds=signs_in),
        )
    )


async def end_all_but(connection: WriteConnection, kid: str, *, good_for: float) -> None:
    """Let every other good pair verify for so many seconds from now on, or shorter where that was said."""
    await connection.execute(
        update(SIGNING_KEYS)
        .where(_UNREVOKED, _KEYS.good_until.is_(None), _KEYS.kid != kid)
        .values(good_until=_NOW + timedelta(seconds=good_for))
    )


async def revoke(connection: WriteConnection, kid: str) -> None:
    """From now on the pair is not good for anything, and its private part is gone."""
    await connection.execute(
        update(SIGNING_KEYS).where(_KEYS.kid == kid, _UNREVOKED).values(revoked_at=_NOW, private_pem=None)
    )


async def sign_now(connection: WriteConnection, kid: str) -> None:
    """Let a pending pair sign without further delay."""
    await connection.execute(
        update(SIGNING_KEYS).where(_KEYS.kid == kid, _KEYS.signs_from > _NOW).values(signs_from=_NOW)
    )


async def sign_on(connection: WriteConnection, kid: str) -> None:
    """Take back that the pair ends."""
    await connection.execute(update(SIGNING_KEYS).where(_KEYS.kid == kid).values(good_until=None))


async def remove_private_parts(connection: WriteConnection) -> None:
    """Of the pairs that will never sign again."""
    await connection.execute(
        update(SIGNING_KEYS)
        .where(_KEYS.private_pem.is_not(None), _KEYS.signs_from <= _NOW, _KEYS.kid != _SIGNING_KID)
        .values(private_pem=None)
    )


async def replace_private_part(connection: WriteConnection, kid: str, private_pem: str) -> None:
    await connection.execute(update(SIGNING_KEYS).where(_KEYS.kid == kid).values(private_pem=private_pem))


def _key(row: Row[*tuple[Any, ...]]) -> SigningKey:
    return SigningKey.model_validate(row._mapping)
