"""``artstore admin migrate``: make Admin's tables with a role that the service itself does not have."""

import typer


def register(group: typer.Typer) -> None:
    group.command("migrate")(migrate)


def migrate() -> None:
    """Bring Admin's tables to this version, and give the service's database role its rights on them.

    Told by ARTSTORE_ADMIN_MIGRATION_DATABASE_URL, with the role that owns the tables, and
    ARTSTORE_ADMIN_DATABASE_URL, with the role of the service. Changes nothing when given again.

    Example: artstore admin migrate
    """
    import asyncio

    from artstore.admin.preparing import MigrationSettings, prepare_tables
    from artstore.kernel.database import DatabaseDown
    from artstore.kernel.settings import load
    from artstore.sdk.errors import Unavailable

    settings = load(MigrationSettings)
    try:
        asyncio.run(prepare_tables(settings.database_url, settings.migration_database_url))
    except DatabaseDown as error:
        raise Unavailable(str(error)) from error
