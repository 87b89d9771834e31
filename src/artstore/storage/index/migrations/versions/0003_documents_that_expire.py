"""Documents that expire are found by when they do; those under a legal hold do not."""

import sqlalchemy as sa
from alembic import context, op

revision = "documents_that_expire"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema: str = context.config.attributes["schema"]
    prefix: str = context.config.attributes["prefix"]
    op.create_index(
        f"{prefix}_files_by_expiry",
        f"{prefix}_files",
        [sa.text("(attributes ->> 'expires_at') COLLATE \"C\""), "file_id"],
        schema=schema,
        postgresql_where=sa.text(
            "attributes ->> 'expires_at' IS NOT NULL AND attributes ->> 'legal_hold' IS NULL"
        ),
    )


def downgrade() -> None:
    schema: str = context.config.attributes["schema"]
    op.drop_index(f"{context.config.attributes['prefix']}_files_by_expiry", schema=schema)
