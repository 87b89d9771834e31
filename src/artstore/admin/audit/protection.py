"""The rights of the database role that Admin serves with: it may read and add entries, and not change them.

Tables belong to the role that migrates. Who owns a table can give itself any right, so the two must be
different roles for this to hold; ``is_protected`` says whether they are.
"""

from typing import Final

from pydantic import SecretStr
from sqlalchemy import text

from artstore.admin.audit.tables import APPEND_ONLY
from artstore.admin.metadata import SCHEMA
from artstore.admin.repository import hold_start_lock
from artstore.kernel.database import Database, ReadConnection

_APPEND_ONLY: Final = frozenset(table.name for table in APPEND_ONLY)


async def grant_rights(owner_url: SecretStr, role: str) -> None:
    """Give a role what the service needs on all tables of the schema, and on those of the log no more.

    To be called after each migration, with the address that migrated. May be called at any time.
    """
    owner = Database(owner_url, application_name="artstore-admin-migration", pool_size=1)
    try:
        async with owner.write() as connection:
            # Two that grant at once would stumble over each other's rows in PostgreSQL's own tables.
            await hold_start_lock(connection)
            quote = connection.connection.dialect.identifier_preparer.quote_identifier
            found = await connection.execute(
                text("SELECT tablename FROM pg_tables WHERE schemaname = :schema"), {"schema": SCHEMA}
            )
            tables = {name: f"{SCHEMA}.{quote(name)}" for (name,) in found}
            log = ", ".join(tables[name] for name in sorted(_APPEND_ONLY))
            others = ", ".join(tables[name] for name in sorted(tables.keys() - _APPEND_ONLY))
            to = quote(role)
            for statement in (
                f"GRANT USAGE ON SCHEMA {SCHEMA} TO {to}",
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {others} TO {to}",
                f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {to}",
                f"REVOKE ALL ON {log} FROM {to}",
                f"GRANT SELECT, INSERT ON {log} TO {to}",
            ):
                await connection.execute(text(statement))
    finally:
        await owner.close()


async def current_role(connection: ReadConnection) -> str:
    return str(await connection.scalar(text("SELECT current_user")))


async def is_protected(connection: ReadConnection) -> bool:
    """Whether this connection's role can neither change rows of the log nor give itself the right to.

    Nor drop its tables, which in PostgreSQL the owner of their schema may too.
    """
    can = await connection.scalar(
        text(
            "SELECT bool_or(pg_has_role(current_user, relowner, 'MEMBER')"
            " OR pg_has_role(current_user, nspowner, 'MEMBER')"
            " OR has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'))"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = :schema AND relname = ANY(:tables)"
        ),
        {"schema": SCHEMA, "tables": sorted(_APPEND_ONLY)},
    )
    return can is False
