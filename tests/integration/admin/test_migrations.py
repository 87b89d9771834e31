"""The migrations make the tables that the code believes in."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from artstore.admin.app import create_app
from artstore.admin.metadata import METADATA, SCHEMA

from .conftest import Admin


def _ours(name: str | None, kind: str, parents: Any) -> bool:
    return kind != "schema" or name == SCHEMA


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
