"""The revisions of the schema ``admin``, run by ``artstore.kernel.database.migrate``.

They run while processes of the release before still serve: a revision adds (tables, columns with a default or
nullable), and what it replaces is removed by a revision of a later release.
"""

from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).parent
VERSION_TABLE: Final = "alembic_version"
