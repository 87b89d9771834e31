"""A document is made permanent once and moved any number of times, by one transaction after the other; an
element that is drained may name another one, to which its documents are moved.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "transfers"
down_revision = "client_urls_of_elements"

_SCHEMA = context.config.attributes["schema"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "storage_elements",
        sa.Column("moves_to", sa.Text, comment="Where its documents are moved while it is drained"),
        schema=_SCHEMA,
    )
    # Made anew rather than beside: it would refuse the second transfer of a document.
    op.drop_index("transactions_of_document", "transactions", schema=_SCHEMA)
    op.create_index(
        "transactions_of_document",
        "transactions",
        ["kind", "file_id"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("state <> 'undone'::text AND kind <> 'transfer'::text"),
    )
    op.create_index(
        "transactions_moving_document",
        "transactions",
        ["file_id"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text(
            "kind = 'transfer'::text AND state <> ALL (ARRAY['done'::text, 'undone'::text])"
        ),
    )
