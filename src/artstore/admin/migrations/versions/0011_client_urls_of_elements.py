"""Where clients reach an element, as it announces it."""

import sqlalchemy as sa
from alembic import context, op

revision = "client_urls_of_elements"
down_revision = "transactions"

_SCHEMA = context.config.attributes["schema"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "storage_elements",
        sa.Column("client_url", sa.Text, nullable=False, server_default=""),
        schema=_SCHEMA,
    )


def downgrade() -> None:
    op.drop_column("storage_elements", "client_url", schema=_SCHEMA)
