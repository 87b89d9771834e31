"""Tables and rights: what must be there before Admin can serve. Also ``artstore admin migrate``."""

from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.exc import ProgrammingError

from artstore.admin.audit import protection
from artstore.admin.metadata import SCHEMA
from artstore.admin.migrations import MIGRATIONS, VERSION_TABLE
from artstore.kernel.database import Database, migrate


class MigrationSettings(BaseSettings):
    """What ``artstore admin migrate`` is told, of the settings of Admin."""

    model_config = SettingsConfigDict(env_prefix="ARTSTORE_ADMIN_", extra="ignore", frozen=True)

    database_url: SecretStr
    migration_database_url: SecretStr


class MayNotMigrate(RuntimeError):
    """The role of the service is not allowed to make the tables that this version needs."""


async def prepare_tables(database_url: SecretStr, migration_database_url: SecretStr | None) -> None:
    """Bring the tables to this version, and give the role of ``database_url`` its rights on them.

    Without ``migration_database_url`` the serving role migrates itself. Raises MayNotMigrate where it has not
    the right to, DatabaseDown, UnknownRevision.
    """
    try:
        await migrate(
            migration_database_url or database_url,
            migrations=MIGRATIONS,
            schema=SCHEMA,
            version_table=VERSION_TABLE,
        )
    except ProgrammingError as e:
        if not isinstance(e.orig, InsufficientPrivilege):
            raise
        raise MayNotMigrate(
            "the database role may not make the tables that this version needs: run 'artstore admin migrate' "
            "first, or set ARTSTORE_ADMIN_MIGRATION_DATABASE_URL"
        ) from e
    if migration_database_url is not None:
        await protection.grant_rights(migration_database_url, await _role_of(database_url))


async def _role_of(database_url: SecretStr) -> str:
    database = Database(database_url, application_name="artstore-admin-migration", pool_size=1)
    try:
        async with database.read() as connection:
            return await protection.current_role(connection)
    finally:
        await database.close()
