"""The revisions of the schema ``ingester``, run by ``artstore.kernel.database.migrate`` at the start."""

from pathlib import Path

MIGRATIONS = Path(__file__).parent
VERSION_TABLE = "alembic_version"

__all__ = ["MIGRATIONS", "VERSION_TABLE"]
