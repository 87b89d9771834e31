"""Queries on the registry of storage elements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from artstore.admin.storage_elements.tables import STORAGE_ELEMENTS
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.elements import (
    ElementAnnouncement,
    ElementHealth,
    Mode,
    RegisteredElement,
    Registration,
)

_ANNOUNCED = [STORAGE_ELEMENTS.c[name] for name in ElementAnnouncement.model_fields]
_DECIDED = [STORAGE_ELEMENTS.c[name] for name in Registration.model_fields]


async def element_by_id(connection: ReadConnection, element_id: str) -> RegisteredElement | None:
    rows = await connection.execute(
        select(*_ANNOUNCED, *_DECIDED).where(STORAGE_ELEMENTS.c.element_id == element_id)
    )
    row = rows.one_or_none()
    return _element(row) if row else None


async def element_to_change(connection: WriteConnection, element_id: str) -> RegisteredElement | None:
    """The same, which nobody else changes until the commit."""
    rows = await connection.execute(
        select(*_ANNOUNCED, *_DECIDED).where(STORAGE_ELEMENTS.c.element_id == element_id).with_for_update()
    )
    row = rows.one_or_none()
    return _element(row) if row else None


async def elements_after(
    connection: ReadConnection, after: str | None, limit: int
) -> list[RegisteredElement]:
    """Elements in the order of their ids, from behind the id ``after``."""
    query = select(*_ANNOUNCED, *_DECIDED).order_by(STORAGE_ELEMENTS.c.element_id).limit(limit)
    if after is not None:
        query = query.where(STORAGE_ELEMENTS.c.element_id > after)
    return [_element(row) for row in await connection.execute(query)]


async def all_elements(connection: ReadConnection) -> list[RegisteredElement]:
    """Elements in the order of their ids. They are counted in tens, not in millions."""
    query = select(*_ANNOUNCED, *_DECIDED).order_by(STORAGE_ELEMENTS.c.element_id)
    return [_element(row) for row in await connection.execute(query)]


async def decide(connection: WriteConnection, element_id: str, registration: Registration) -> None:
    """Keep what was decided about an element, as it is given."""
    await connection.execute(
        update(STORAGE_ELEMENTS)
        .where(STORAGE_ELEMENTS.c.element_id == element_id)
        .values(registration.model_dump())
    )


async def add(connection: WriteConnection, element: RegisteredElement) -> bool:
    """Add an element that nobody has announced. False if it is known meanwhile."""
    values = element.model_dump(include=set(ElementAnnouncement.model_fields))
    added = await connection.execute(
        insert(STORAGE_ELEMENTS)
        .values({**values, **element.registration.model_dump()})
        .on_conflict_do_nothing()
        .returning(STORAGE_ELEMENTS.c.element_id)
    )
    return added.one_or_none() is not None


@dataclass(frozen=True)
class Change:
    """What a recorded announcement changed beyond the numbers. ``before`` is None for a new element."""

    element: ElementAnnouncement
    before: Mode | None


async def record(connection: WriteConnection, announcements: Sequence[ElementAnnouncement]) -> list[Change]:
    """Keep these announcements, except where a newer one of the same element is there already.

    Returns the elements that are new, or have another mode than before: each once, to whichever process was
    the first to record it. Rows are locked in the order of their ids, so that two processes that record the
    same elements wait for each other instead of deadlocking.
    """
    ordered = sorted(announcements, key=lambda announcement: announcement.element_id)
    modes = await _modes(connection, [announcement.element_id for announcement in ordered])
    upsert = insert(STORAGE_ELEMENTS).values([announcement.model_dump() for announcement in ordered])
    newer = {name: upsert.excluded[name] for name in ElementAnnouncement.model_fields if name != "element_id"}
    kept = await connection.execute(
        upsert.on_conflict_do_update(
            index_elements=[STORAGE_ELEMENTS.c.element_id],
            set_=newer,
            where=upsert.excluded.announced_at >= STORAGE_ELEMENTS.c.announced_at,
        ).returning(*_ANNOUNCED, literal_column("xmax = 0").label("is_new"))
    )
    changes = []
    for row in kept:
        element, before = ElementAnnouncement.model_validate(row._mapping), modes.get(row.element_id)
        if row.is_new or before not in (None, element.mode):
            changes.append(Change(element, before))
    return changes


async def _modes(connection: WriteConnection, element_ids: Sequence[str]) -> dict[str, Mode]:
    rows = await connection.execute(
        select(STORAGE_ELEMENTS.c.element_id, STORAGE_ELEMENTS.c.mode)
        .where(STORAGE_ELEMENTS.c.element_id.in_(element_ids))
        .order_by(STORAGE_ELEMENTS.c.element_id)
        .with_for_update()
    )
    return {row.element_id: Mode(row.mode) for row in rows}


def _element(row: Row[*tuple[Any, ...]]) -> RegisteredElement:
    return RegisteredElement.model_validate({**row._mapping, "registration": row._mapping})


async def mark_away_except(connection: WriteConnection, element_ids: Sequence[str]) -> None:
    """Record that every element but these is AWAY."""
    await connection.execute(
        update(STORAGE_ELEMENTS)
        .where(STORAGE_ELEMENTS.c.element_id.not_in(element_ids))
        .where(STORAGE_ELEMENTS.c.health != ElementHealth.AWAY)
        .values(health=ElementHealth.AWAY)
    )
