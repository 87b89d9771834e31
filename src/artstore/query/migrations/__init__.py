"""The revisions of the schema ``query``, run by ``artstore.kernel.database.migrate`` at the start."""

from pathlib import Path

from artstore.kernel.database import head_of

MIGRATIONS = Path(__file__).parent
VERSION_TABLE = "alembic_version"
REVISION = head_of(MIGRATIONS / "versions")
"""Of the tables that this code expects."""

__all__ = ["MIGRATIONS", "REVISION", "VERSION_TABLE"]
