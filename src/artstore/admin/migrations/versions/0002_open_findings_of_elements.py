"""What is known to be wrong with an element, as it announces it."""

import sqlalchemy as sa
from alembic import context, op

revision = "open_findings_of_elements"
down_revision = "0001"

_SCHEMA = context.config.attributes["schema"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "storage_elements",
        sa.Column("open_findings", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        schema=_SCHEMA,
    )


def downgrade() -> None:
    op.drop_column("storage_elements", "open_findings", schema=_SCHEMA)
