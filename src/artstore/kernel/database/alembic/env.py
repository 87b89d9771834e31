"""What Alembic runs around the revisions of every service (see artstore.kernel.database)."""

from alembic import context

_attributes = context.config.attributes

context.configure(
    connection=_attributes["connection"],
    version_table=_attributes["version_table"],
    version_table_schema=_attributes["schema"],
)
with context.begin_transaction():
    context.run_migrations()
