"""Documents that expire are found by when they do, and those of which nobody was told; those under a legal
hold are not.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "documents_that_expire"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema: str = context.config.attributes["schema"]
    prefix: str = context.config.attributes["prefix"]
    op.add_column(
        f"{prefix}_files",
        sa.Column("told_expiry", sa.Text, comment="of which followers were told that it comes"),
        schema=schema,
    )
    expires = "attributes ->> 'expires_at' IS NOT NULL AND attributes ->> 'legal_hold' IS NULL"
    untold = f"{expires} AND told_expiry IS DISTINCT FROM attributes ->> 'expires_at'"
    for name, those in (("by_expiry", expires), ("untold", untold)):
        op.create_index(
            f"{prefix}_files_{name}",
            f"{prefix}_files",
            [sa.text("(attributes ->> 'expires_at') COLLATE \"C\""), "file_id"],
            schema=schema,
            postgresql_where=sa.text(those),
        )


def downgrade() -> None:
    schema: str = context.config.attributes["schema"]
    prefix: str = context.config.attributes["prefix"]
    op.drop_index(f"{prefix}_files_untold", schema=schema)
    op.drop_index(f"{prefix}_files_by_expiry", schema=schema)
    op.drop_column(f"{prefix}_files", "told_expiry", schema=schema)
