"""Brings tables to the newest revision; a start with nothing to do imports no Alembic and takes no lock."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, NullPool, create_engine, text

from artstore.kernel.database.errors import CONNECT_SECONDS, database_url, translated_errors

_REVISION = re.compile(r"^(down_)?revision(?:\s*:[^=\n]+)?\s*=\s*(?:[\"']([^\"']+)[\"']|None)", re.MULTILINE)
_LOCK = 0x61727473746F7265  # "artstore": one lock for all services, as they share schemas and extensions


class UnknownRevision(Exception):
    """The tables are of a revision that this version does not have: a newer one has migrated them."""


async def migrate(
    db_url: str | SecretStr,
    *,
    migrations: Path,
    schema: str,
    version_table: str,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Creates ``schema`` where it is missing and runs all revisions in ``migrations``/versions that it lacks.

    Safe to call from any number of processes at once: one migrates, the others wait for it. All revisions run
    in one transaction, so a failure leaves the tables as they were. Raises `DatabaseDown`, `UnknownRevision`.
    """
    versions = migrations / "versions"
    await asyncio.to_thread(_migrate, db_url, versions, schema, version_table, dict(attributes or {}))


def head_of(versions: Path) -> str:
    """The newest revision in a folder, read without running any. Raises ValueError unless it is one."""
    revisions: set[str] = set()
    replaced: set[str] = set()
    for script in versions.glob("*.py"):
        for down, name in _REVISION.findall(script.read_text("utf-8")):
            (replaced if down else revisions).add(name)
    heads = revisions - replaced
    if len(heads) != 1:
        raise ValueError(f"{versions} must have exactly one newest revision, but has {sorted(heads)}.")
    return heads.pop()


def _migrate(
    url: str | SecretStr, versions: Path, schema: str, version_table: str, attributes: dict[str, str]
) -> None:
    head = head_of(versions)
    engine = create_engine(
        database_url(url), poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS}
    )
    with translated_errors(), engine.begin() as connection:
        if _current(connection, schema, version_table) == head:
            return
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        # A migration that waits for a lock blocks all who come after it; better that it fails and runs again.
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        quoted = connection.dialect.identifier_preparer.quote_schema(schema)
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {quoted}"))
        _upgrade(connection, versions, schema, version_table, attributes)


def _current(connection: Connection, schema: str, version_table: str) -> str | None:
    preparer = connection.dialect.identifier_preparer
    table = f"{preparer.quote_schema(schema)}.{preparer.quote(version_table)}"
    if connection.scalar(text("SELECT to_regclass(:table)"), {"table": table}) is None:
        return None
    current: str | None = connection.scalar(text(f"SELECT version_num FROM {table}"))  # noqa: S608  names of ours
    return current


def _upgrade(
    connection: Connection, versions: Path, schema: str, version_table: str, attributes: dict[str, Any]
) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", _escaped(Path(__file__).parent / "alembic"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", _escaped(versions))
    config.attributes.update(attributes, connection=connection, schema=schema, version_table=version_table)
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UnknownRevision(
            f"The tables in schema {schema!r} cannot be brought to this version: {error}"
        ) from error


def _escaped(path: Path) -> str:
    """Alembic's configuration interpolates percent signs."""
    return str(path).replace("%", "%%")
