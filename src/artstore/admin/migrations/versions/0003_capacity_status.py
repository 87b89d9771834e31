"""How far the room of each storage element is used up."""

import sqlalchemy as sa
from alembic import context, op

revision = "capacity_status"
down_revision = "open_findings_of_elements"

_SCHEMA = context.config.attributes["schema"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # With a default, so that an Admin of before, which runs on meanwhile, can still write rows.
    op.add_column(
        "storage_elements",
        sa.Column("capacity_status", sa.Text, nullable=False, server_default="ok"),
        schema=_SCHEMA,
    )
