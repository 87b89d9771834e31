"""Empties elements: the documents of one that is drained, and names another one, are moved there one by one.

Nothing of it is remembered: what an element still has, it says itself, and each document is a transaction of
its own. So it goes on wherever a process died, and two processes at once begin nothing twice. What cannot be
moved (permanent documents) stays; what was tried in vain is tried again later.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import aiohttp
from pydantic import BaseModel, ValidationError

from artstore.admin import audit
from artstore.admin.storage_elements.repository import all_elements
from artstore.admin.transactions import repository
from artstore.admin.transactions.transfers import Transfers
from artstore.admin.transactions.whereabouts import Copy
from artstore.attributes import RetentionPolicy
from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.wire.elements import ElementState, RegisteredElement
from artstore.wire.problems import ProblemType

_EVERY_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 30.0
"""Before an element is gone through again, to whose end somebody came, or where something is in the way."""
_TRY_AGAIN: Final = timedelta(hours=1)
"""For a document whose transfer was undone."""
_PAGE: Final = 100
_SECONDS: Final = 30.0
_MOST_BYTES: Final = _PAGE * 16 * 1024
_OF_THE_DOCUMENT: Final = {
    ProblemType.CONFLICT,
    ProblemType.FILE_TOO_LARGE,
    ProblemType.INSUFFICIENT_STORAGE,
}
"""Refusals that say nothing of the documents behind it, where the target takes documents at all."""
_log = get_logger(__name__)


class _Page(BaseModel):
    items: list[dict[str, Any]]
    """As ``wire.documents.Document``."""
    next_cursor: str | None = None


@dataclass
class _Place:
    """How far this process has gone through an element. ``not_before`` is of the monotonic clock."""

    cursor: str | None = None
    not_before: float = 0.0
    last_refusal: str = ""
    refused: int = 0
    """Documents, since its beginning."""

    def went_on(self, element_id: str, cursor: str | None, refused: list[str]) -> None:
        """A page is done, of which documents were refused for these reasons; it has one line in the log."""
        self.cursor, self.refused = cursor, self.refused + len(refused)
        if refused:
            self.last_refusal = refused[-1]
        if cursor is not None:
            return
        self.not_before = time.monotonic() + _PAUSE_SECONDS
        if self.refused:
            _log.warning(
                "documents of an element that is emptied stay",
                element_id=element_id,
                documents=self.refused,
                last=self.last_refusal,
            )
        self.refused = 0


class _Stays(Exception):
    """A document that is not moved now. The text is for operators."""


class _InTheWay(Exception):
    """The element cannot be asked, or its target takes nothing now. The text is for operators."""


class Emptying:
    """``most``: documents under way from one element that its target does not have yet."""

    def __init__(
        self, database: Database, transfers: Transfers, token: Callable[[], Awaitable[str]], *, most: int
    ) -> None:
        self._database = database
        self._transfers = transfers
        self._token = token
        self._most = most
        self._places: dict[tuple[str, int], _Place] = {}

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Until it is cancelled. What is away is waited for."""
        while True:
            try:
                await self._look(session)
            except DatabaseDown as error:
                _log.warning("elements are not emptied without the database", reason=error.reason)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        async with self._database.read() as connection:
            elements = [element for element in await all_elements(connection) if _is_emptied(element)]
            under_way = await repository.under_way_from(connection) if elements else {}
        # Anew where somebody decided something of the element since.
        keys = [(element.element_id, element.registration.revision) for element in elements]
        self._places = {key: self._places.get(key, _Place()) for key in keys}
        for key, element in zip(keys, elements, strict=True):
            place, most = self._places[key], self._most - under_way.get(element.element_id, 0)
            if most <= 0 or time.monotonic() < place.not_before:
                continue
            try:
                await self._move_some(session, element, place, most)
            except _InTheWay as error:
                _log.warning(
                    "an element is not emptied now", element_id=element.element_id, reason=str(error)
                )
                place.not_before = time.monotonic() + _PAUSE_SECONDS
            except DatabaseDown:
                raise
            except Exception:  # noqa: BLE001 - a mistake must end neither the others nor the transactions
                _log.exception("emptying an element failed", element_id=element.element_id)
                place.not_before = time.monotonic() + _PAUSE_SECONDS

    async def _move_some(
        self, session: aiohttp.ClientSession, element: RegisteredElement, place: _Place, most: int
    ) -> None:
        target = element.registration.moves_to
        assert target is not None
        try:
            await self._transfers.demand_open(target)
        except Problem as problem:
            raise _InTheWay(str(problem)) from problem
        page = await self._page(session, element, place.cursor)
        movable = [document for document in page.items if _is_movable(document)]
        async with self._database.read() as connection:
            ids = [UUID(document["file_id"]) for document in movable]
            in_vain = await repository.undone_lately(connection, ids, _TRY_AGAIN)
        refused: list[str] = []
        for file_id, document in zip(ids, movable, strict=True):
            if most <= 0:
                return  # the rest of the page is there the next time
            if file_id in in_vain:
                continue
            try:
                most -= await self._begin(Copy(element, document), target)
            except _Stays as error:
                refused.append(f"{file_id}: {error}")
        place.went_on(element.element_id, page.next_cursor, refused)

    async def _begin(self, source: Copy, target: str) -> bool:
        """Whether a transfer began."""
        try:
            _, is_new = await self._transfers.begin_from(source, target, audit.SYSTEM)
        except Problem as problem:
            raise (_Stays if problem.kind in _OF_THE_DOCUMENT else _InTheWay)(str(problem)) from problem
        return is_new

    async def _page(
        self, session: aiohttp.ClientSession, element: RegisteredElement, cursor: str | None
    ) -> _Page:
        parameters = {"limit": str(_PAGE)} | ({} if cursor is None else {"cursor": cursor})
        url = f"{element.url.rstrip('/')}/api/v1/files"
        headers = {"Authorization": f"Bearer {await self._token()}"}
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with session.get(
                url, params=parameters, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise _InTheWay(f"its list of documents is answered with status {answer.status}")
                return _Page.model_validate_json(await whole_body(answer, _MOST_BYTES))
        except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong, ValidationError) as error:
            raise _InTheWay(f"its list of documents cannot be had ({type(error).__name__})") from error


def _is_emptied(element: RegisteredElement) -> bool:
    decided = element.registration
    return decided.state is ElementState.DRAINING and decided.moves_to is not None


def _is_movable(document: dict[str, Any]) -> bool:
    is_permanent = document.get("retention_policy") == RetentionPolicy.PERMANENT
    return not is_permanent and "transfer_id" not in document
