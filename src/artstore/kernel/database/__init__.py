"""PostgreSQL as services use it: one request or job is one transaction, committed at the edge.

`Database.read()` and `Database.write()` give handles of different types, so that the type checker refuses
a change in a handler that reads; PostgreSQL refuses it too, for the transaction is read-only. Statements are
SQLAlchemy Core. That the server cannot be reached, or does not answer in time, is `DatabaseDown`, whatever
the driver called it; every other database error (a violated constraint, a mistake in SQL) passes as it is.

`migrate` brings the tables of a service to the state that its code expects. A service keeps its revisions
(Alembic) in ``migrations/versions`` and needs no ``env.py``. A revision finds what the caller passed as
``attributes`` (an element's table prefix, say) in ``context.config.attributes`` (``from alembic import
context``), beside ``schema`` and ``version_table``.
"""

from artstore.kernel.database.errors import DatabaseDown, libpq_address
from artstore.kernel.database.migration import UnknownRevision, head_of, migrate
from artstore.kernel.database.pool import (
    Database,
    DatabaseDependency,
    Parameters,
    Query,
    ReadConnection,
    WriteConnection,
)

__all__ = [
    "Database",
    "DatabaseDependency",
    "DatabaseDown",
    "Parameters",
    "Query",
    "ReadConnection",
    "UnknownRevision",
    "WriteConnection",
    "head_of",
    "libpq_address",
    "migrate",
]
