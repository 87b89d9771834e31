"""The rows of links. What time it is the database says, for all processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, insert, not_, or_, select, update

from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.query.links.tables import links
from artstore.wire.links import RESUME_SECONDS, Link, NewLink

_link = links.c
_MOST_REMOVED = 1000


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a link, as its access token says."""

    account_id: str
    epoch: int
    session_id: str | None
    rate_limit: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a link that has not ended allows, to whoever may use it."""

    link: Link
    maker: Maker


class LinkRepository:
    async def add(
        self,
        db: WriteConnection,
        new: NewLink,
        file_id: UUID,
        link_id: UUID,
        secret_hash: bytes,
        maker: Maker,
        latest: int | None,
    ) -> Link:
        """``latest``: the Unix time at which it ends, if it would be good for longer."""
        row = (
            await db.execute(
                insert(links)
                .values(
                    link_id=link_id,
                    secret_hash=secret_hash,
                    file_id=file_id,
                    account_id=maker.account_id,
                    epoch=maker.epoch,
                    session_id=maker.session_id,
                    rate_limit=maker.rate_limit,
                    created_at=func.now(),
                    expires_at=_end(new.expires_in, latest),
                    once=new.once,
                    address=new.address,
                    direct=new.direct,
                )
                .returning(links)
            )
        ).one()
        return _read(row)

    async def count(self, db: ReadConnection, account_id: str) -> int:
        query = select(func.count()).where(_link.account_id == account_id, _is_good())
        return int(await db.scalar(query))

    async def of_account(self, db: ReadConnection, account_id: str) -> list[Link]:
        query = (
            select(links)
            .where(_link.account_id == account_id, _is_good())
            .order_by(_link.created_at.desc(), _link.link_id)
        )
        return [_read(row) for row in await db.execute(query)]

    async def by_secret(self, db: ReadConnection, secret_hash: bytes, address: str | None) -> Grant | None:
        """A link that this address may use now, as far as that is for the rows to say."""
        query = select(links).where(_link.secret_hash == secret_hash, _is_good(), _is_left_to(address))
        row = (await db.execute(query)).one_or_none()
        if row is None:
            return None
        return Grant(_read(row), Maker(row.account_id, row.epoch, row.session_id, row.rate_limit))

    async def use(self, db: WriteConnection, link_id: UUID, address: str | None) -> bool:
        """Uses a link that is for one use; False where another has used it, or it has ended.

        Of several at once one has it, for the row is locked until the first is committed.
        """
        statement = (
            update(links)
            .where(_link.link_id == link_id, _is_good(), _is_left_to(address))
            .values(
                used_at=func.coalesce(_link.used_at, func.now()),
                used_by=func.coalesce(_link.used_by, address),
            )
        )
        return (await db.execute(statement)).rowcount == 1

    async def remove(self, db: WriteConnection, link_id: UUID, account_id: str) -> bool:
        statement = delete(links).where(_link.link_id == link_id, _link.account_id == account_id, _is_good())
        return (await db.execute(statement)).rowcount == 1

    async def remove_ended(self, db: WriteConnection) -> None:
        """Some of all those that have expired; several may do so at once."""
        ended = (
            select(_link.link_id)
            .where(not_(_is_good()))
            .limit(_MOST_REMOVED)
            .with_for_update(skip_locked=True)
        )
        await db.execute(delete(links).where(_link.link_id.in_(ended)))


def _end(seconds: int, latest: int | None) -> ColumnElement[datetime]:
    end: ColumnElement[datetime] = func.now() + timedelta(seconds=seconds)
    return end if latest is None else func.least(end, func.to_timestamp(latest))


def _is_good() -> ColumnElement[bool]:
    return _link.expires_at > func.now()


def _is_left_to(address: str | None) -> ColumnElement[bool]:
    still = _link.used_at > func.now() - timedelta(seconds=RESUME_SECONDS)
    return or_(not_(_link.once), _link.used_at.is_(None), (_link.used_by == address) & still)


def _read(row: Row[*tuple[Any, ...]]) -> Link:
    used_at: datetime | None = row.used_at
    return Link(
        link_id=row.link_id,
        file_id=row.file_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        once=row.once,
        address=row.address,
        direct=row.direct,
        used_at=used_at,
    )
