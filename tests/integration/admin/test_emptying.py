"""Emptying elements where something goes wrong that nobody thought of."""

import asyncio
from contextlib import suppress

import aiohttp
from pydantic import SecretStr

from artstore.admin.preparing import prepare_tables
from artstore.admin.storage_elements import repository
from artstore.admin.transactions.emptying import Emptying
from artstore.admin.transactions.transfers import Transfers
from artstore.kernel.database import Database
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.wire.elements import ElementState, Mode, RegisteredElement, Registration
from tests.support.announcements import registered


class Mistaken(Transfers):
    """Fails with one target. ``asked_other`` once it was asked about the other one."""

    def __init__(self) -> None:
        self.has_failed = False
        self.asked_other = asyncio.Event()

    async def demand_open(self, target: str) -> None:
        if target == "edit-08":
            self.has_failed = True
            raise RuntimeError("a mistake")
        self.asked_other.set()
        raise RuntimeError("another one")


def drained(element_id: str, moves_to: str) -> RegisteredElement:
    draining = Registration(state=ElementState.DRAINING, moves_to=moves_to)
    return registered(element_id, mode=Mode.EDIT, registration=draining)


async def test_a_mistake_ends_nothing_else(postgres: EmbeddedPostgres) -> None:
    url = postgres.create_database("emptying")
    await asyncio.to_thread(lambda: asyncio.run(prepare_tables(SecretStr(url), None)))
    database = Database(url, application_name="test")
    async with database.write() as connection:
        await repository.add(connection, drained("edit-01", "edit-08"))
        await repository.add(connection, drained("edit-02", "edit-09"))
    transfers = Mistaken()

    async def token() -> str:
        return "token"

    emptying = Emptying(database, transfers, token, most=1)
    async with aiohttp.ClientSession() as session:
        running = asyncio.create_task(emptying.run(session))
        other = asyncio.create_task(transfers.asked_other.wait())
        await asyncio.wait([running, other], return_when=asyncio.FIRST_COMPLETED)
        assert (transfers.has_failed, other.done(), running.done()) == (True, True, False)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    await database.close()
    postgres.drop_database("emptying")
