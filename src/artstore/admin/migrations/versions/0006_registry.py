"""What is decided about storage elements: state, priority, limits, retention period, labels."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "registry"
down_revision = "keys_rotate"

_SCHEMA = context.config.attributes["schema"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for column in (
        sa.Column("state", sa.Text, nullable=False, server_default="active"),
        sa.Column("priority", sa.Integer, nullable=False, server_default="100"),
        sa.Column("limit_bytes", sa.BigInteger),
        sa.Column("limit_file_bytes", sa.BigInteger),
        sa.Column("retention_until", sa.DateTime(timezone=True)),
        sa.Column("labels", postgresql.JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.Column(
            "revision", sa.BigInteger, nullable=False, server_default="0", comment="Grows with each change"
        ),
    ):
        op.add_column("storage_elements", column, schema=_SCHEMA)
