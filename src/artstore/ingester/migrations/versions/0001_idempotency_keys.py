"""Idempotency keys, and what became of the uploads that came with them."""

from alembic import op
from sqlalchemy import Column, DateTime, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        Column("account_id", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("file_id", Uuid, nullable=False),
        Column("element_id", Text),
        Column("unknown_tries", Integer, nullable=False, server_default="0"),
        Column("fingerprint", Text),
        Column("answer", JSONB),
        Column("created_at", DateTime(timezone=True), nullable=False),
        schema="ingester",
    )
    op.create_index("idempotency_keys_by_time", "idempotency_keys", ["created_at"], schema="ingester")


def downgrade() -> None:
    op.drop_table("idempotency_keys", schema="ingester")
