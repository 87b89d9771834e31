"""The part of the composition root that has to do with transactions."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import aiohttp

from artstore.admin.settings import AdminSettings
from artstore.admin.storage_elements.repository import all_elements, element_by_id
from artstore.admin.transactions.deciding import Decisions
from artstore.admin.transactions.elements import TransferElements
from artstore.admin.transactions.emptying import Emptying
from artstore.admin.transactions.failpoints import ENVIRONMENT, Failpoints
from artstore.admin.transactions.jobs import Jobs
from artstore.admin.transactions.moving import finalizing, transferring
from artstore.admin.transactions.running import Running
from artstore.admin.transactions.transfers import Transfers
from artstore.admin.transactions.whereabouts import Whereabouts
from artstore.kernel.database import Database
from artstore.kernel.peers import ElementDirectory, http_session
from artstore.wire.elements import RegisteredElement
from artstore.wire.transactions import TransactionKind


class Transactions:
    """``token`` makes one for the elements, and is asked for each call."""

    def __init__(
        self,
        settings: AdminSettings,
        database: Database,
        directory: ElementDirectory,
        token: Callable[[], Awaitable[str]],
    ) -> None:
        self._session: aiohttp.ClientSession | None = None
        find, every = partial(_find, database, directory), partial(_known, database, directory)
        elements = TransferElements(
            self._open_session, find, every, token, are_all=lambda: directory.is_up_to_date
        )
        sagas = {
            TransactionKind.FINALIZE: finalizing(
                database, elements, timedelta(seconds=settings.finalize_margin_seconds)
            ),
            TransactionKind.TRANSFER: transferring(
                database, elements, timedelta(seconds=settings.transfer_margin_seconds)
            ),
        }
        failpoints = Failpoints(os.environ.get(ENVIRONMENT, ""))
        running = Running(database, sagas, settings.retry_policy(), failpoints)
        at_once = settings.transactions_at_once
        self._jobs = running.jobs = Jobs(database, settings.database_url, running.go_on, at_once=at_once)
        self.decisions = Decisions(database, running, self._jobs)
        self.transfers = Transfers(database, Whereabouts(every, token, directory), self.decisions)
        self._emptying = Emptying(database, self.transfers, token, most=2 * at_once)

    async def run(self) -> None:
        """Goes on with transactions, and begins those that empty elements, until it is cancelled; may be
        called again after it raised.
        """
        async with http_session() as self._session, asyncio.TaskGroup() as group:
            group.create_task(self._jobs.work())
            group.create_task(self._emptying.run(self._session))

    def _open_session(self) -> aiohttp.ClientSession:
        assert self._session is not None, "steps run while the worker does"
        return self._session


async def _find(database: Database, directory: ElementDirectory, element_id: str) -> RegisteredElement | None:
    """As it announced itself last; by the registry where it has not since this process runs."""
    if (announced := directory.get(element_id)) is not None:
        return announced
    async with database.read() as connection:
        return await element_by_id(connection, element_id)


async def _known(database: Database, directory: ElementDirectory) -> list[RegisteredElement]:
    """Also those that announced themselves just now, and are not written down yet."""
    async with database.read() as connection:
        written = await all_elements(connection)
    ids = {element.element_id for element in written}
    return [*written, *(element for element in directory.elements() if element.element_id not in ids)]
