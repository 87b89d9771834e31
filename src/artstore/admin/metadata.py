"""The one collection of Admin's tables. Each resource declares its own in its ``tables`` module.

The tables are what the code believes; ``migrations`` are what the database is told. A test compares them.
"""

from typing import Final

from sqlalchemy import MetaData

SCHEMA: Final = "admin"

METADATA: Final = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    },
)
