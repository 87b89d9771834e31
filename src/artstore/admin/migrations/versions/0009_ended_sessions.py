"""Ended sessions of administrators end their access tokens."""

import sqlalchemy as sa
from alembic import context, op

revision = "ended_sessions"
down_revision = "life_of_accounts"

_SCHEMA = context.config.attributes["schema"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    column = sa.Column("session_id", sa.Uuid, comment="or those of this session of a person")
    op.add_column("revocations", column, schema=_SCHEMA)
