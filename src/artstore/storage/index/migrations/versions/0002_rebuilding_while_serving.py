"""A rebuild that was asked for lets the index answer meanwhile: whether it can is a fact of its own."""

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema: str = context.config.attributes["schema"]
    state = f"{context.config.attributes['prefix']}_state"
    op.add_column(
        state,
        sa.Column(
            "complete",
            sa.Boolean,
            nullable=False,
            server_default=sa.true(),
            comment="no document is missing in the rows",
        ),
        schema=schema,
    )
    table = sa.table(
        state, sa.column("complete", sa.Boolean), sa.column("rebuilding_from", sa.BigInteger), schema=schema
    )
    op.execute(table.update().where(table.c.rebuilding_from.is_not(None)).values(complete=False))


def downgrade() -> None:
    schema: str = context.config.attributes["schema"]
    op.drop_column(f"{context.config.attributes['prefix']}_state", "complete", schema=schema)
