"""Work on administrators straight in Admin's database, as the command line does it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from artstore.admin.administrators import administration, trail
from artstore.admin.administrators.password_rules import normal_form, weakness
from artstore.admin.administrators.passwords import PasswordHasher
from artstore.admin.metadata import SCHEMA
from artstore.admin.migrations import MIGRATIONS, VERSION_TABLE
from artstore.admin.settings import OfflineSettings
from artstore.kernel.database import Database, WriteConnection, migrate
from artstore.kernel.problems import Problem
from artstore.kernel.settings import load
from artstore.wire.administrators import Administrator, CreatedAdministrator, NewAdministrator, ResetCode
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import AdministratorRole

T = TypeVar("T")


@contextmanager
def offline(data: Path | None) -> Iterator["OfflineAdmin"]:
    """Admin's database: that of a data folder of ``artstore up``, else that of Admin's settings.

    Makes and migrates the tables where that was not done yet. Raises Problem, UnknownRevision; ends the
    process with status 2 for settings that cannot be used.
    """
    settings = load(OfflineSettings, secrets_dir=data / "secrets" / "admin" if data else None)
    with asyncio.Runner() as runner:
        runner.run(
            migrate(settings.database_url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE)
        )
        database = Database(settings.database_url, application_name="artstore-admin-user", pool_size=1)
        try:
            yield OfflineAdmin(runner, database, settings)
        finally:
            runner.run(database.close())


class OfflineAdmin:
    """What may be done. Whoever has Admin's settings may do it, so nobody is asked for a password."""

    def __init__(self, runner: asyncio.Runner, database: Database, settings: OfflineSettings) -> None:
        self._runner = runner
        self._database = database
        self._lifetime = settings.reset_code_lifetime
        self._actor = trail.operator()

    def create(
        self, username: str, role: AdministratorRole, full_name: str, password: str | None
    ) -> tuple[Administrator, ResetCode | None]:
        """With a one-time code, unless a password is given."""
        wanted = _wanted(username, role, full_name)
        hashed = None if password is None else self._hash(password, wanted)

        async def create(connection: WriteConnection) -> Administrator:
            return await administration.create(
                connection, self._lifetime, wanted, self._actor, password_hash=hashed
            )

        made = self._write(create)
        return made, made if isinstance(made, CreatedAdministrator) else None

    def list(self) -> list[Administrator]:
        """The oldest first."""
        found: list[Administrator] = []
        while page := self._runner.run(
            administration.page(self._database, found[-1].id if found else None, limit=500)
        ):
            found += page
        return found

    def reset_password(self, username: str, *, remove_second_factor: bool) -> tuple[Administrator, ResetCode]:
        async def reset(connection: WriteConnection) -> tuple[Administrator, ResetCode]:
            person = await administration.shown_by_username(connection, username)
            code = await administration.reset_password(
                connection,
                self._lifetime,
                person.id,
                self._actor,
                without_second_factor=remove_second_factor,
            )
            return person, code

        return self._write(reset)

    def unlock(self, username: str) -> None:
        async def unlock(connection: WriteConnection) -> None:
            person = await administration.shown_by_username(connection, username)
            await administration.unlock(connection, person.id, self._actor)

        self._write(unlock)

    def _write(self, work: Callable[[WriteConnection], Awaitable[T]]) -> T:
        async def write() -> T:
            async with self._database.write() as connection:
                return await work(connection)

        return self._runner.run(write())

    def _hash(self, password: str, wanted: NewAdministrator) -> str:
        if reason := weakness(normal_form(password), wanted.username, wanted.full_name):
            raise Problem(ProblemType.WEAK_PASSWORD, reason)
        hasher = PasswordHasher()
        try:
            return self._runner.run(hasher.hash(password))
        finally:
            hasher.close()


def _wanted(username: str, role: AdministratorRole, full_name: str) -> NewAdministrator:
    try:
        return NewAdministrator(username=username, role=role, full_name=full_name)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise Problem(
            ProblemType.INVALID_PARAMETER, f"no administrator can have this {wrong['loc'][0]}: {wrong['msg']}"
        ) from error
