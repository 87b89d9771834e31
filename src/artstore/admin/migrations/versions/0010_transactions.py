"""Transactions, and the tables, types and functions of Procrastinate, which runs them.

Its SQL is that of one release, kept here: what this revision makes must not change with what is installed. A
release of it that has another schema comes with its own migrations, which a later revision applies.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import JSONB

revision = "transactions"
down_revision = "ended_sessions"

_SCHEMA = context.config.attributes["schema"]
_PROCRASTINATE = Path(__file__).parent.parent / "procrastinate-3.10.0.sql"
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "transactions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False, comment="the next one, or the last"),
        sa.Column("is_undoing", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("file_id", sa.Uuid, nullable=False),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("requested_by_id", sa.Text, nullable=False),
        sa.Column("requested_by_name", sa.Text, nullable=False),
        sa.Column("source_element_id", sa.Text, nullable=False),
        sa.Column("target_element_id", sa.Text, nullable=False),
        sa.Column("total_bytes", sa.BigInteger, nullable=False),
        sa.Column("copied_bytes", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column(
            "attempts",
            sa.Integer,
            nullable=False,
            server_default=sa.text("0"),
            comment="that failed at this step",
        ),
        sa.Column("error", sa.Text),
        sa.Column("history", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("next_at", _TIME, comment="when it goes on, where it waits"),
        sa.Column("committed_at", _TIME, comment="since when it cannot be undone"),
        sa.Column("revision", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("updated_at", _TIME, nullable=False, server_default=sa.func.now()),
        schema=_SCHEMA,
    )
    op.create_index(
        "transactions_of_document",
        "transactions",
        ["kind", "file_id"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("state <> 'undone'"),
    )
    op.create_index("transactions_by_document", "transactions", ["file_id", "id"], schema=_SCHEMA)
    op.create_index(
        "transactions_open",
        "transactions",
        ["state", "id"],
        schema=_SCHEMA,
        postgresql_where=sa.text("state <> ALL (ARRAY['done'::text, 'undone'::text])"),
    )
    _make_procrastinate()


def _make_procrastinate() -> None:
    """Its SQL names no schema; the driver takes many statements at once only without parameters."""
    connection = op.get_bind()
    connection.exec_driver_sql(f'SET LOCAL search_path TO "{_SCHEMA}"')
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(_PROCRASTINATE.read_text("utf-8"))
    connection.exec_driver_sql("SET LOCAL search_path TO DEFAULT")
