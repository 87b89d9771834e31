"""The migrations make the tables that the code believes in."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from procrastinate.schema import SchemaManager
from sqlalchemy import create_engine

from artstore.admin.app import create_app
from artstore.admin.metadata import METADATA, SCHEMA
from artstore.admin.migrations import MIGRATIONS

from .conftest import Admin


def _ours(name: str | None, kind: str, parents: Any) -> bool:
    if kind == "table" and name is not None and name.startswith("procrastinate_"):
        return False  # made by its own SQL
    return kind != "schema" or name == SCHEMA


def test_procrastinate_is_the_release_whose_tables_are_there() -> None:
    """Another release may need others: then a revision applies its migrations."""
    ours = MIGRATIONS / "procrastinate-3.10.0.sql"
    assert ours.read_text("utf-8") == SchemaManager.get_schema()


def test_tables_are_those_of_the_code(admin: Admin) -> None:
    engine = create_engine(admin.backends.database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": _ours,
                "version_table_schema": SCHEMA,
                "compare_type": True,
                "compare_server_default": True,
            },
        )
        differences = compare_metadata(context, METADATA)
    engine.dispose()
    # Importing the application imports every module that declares a table.
    assert create_app.__module__ == "artstore.admin.app"
    assert f"{SCHEMA}.service_accounts" in METADATA.tables
    assert differences == []
