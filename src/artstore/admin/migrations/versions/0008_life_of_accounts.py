"""What changes in the life of an account: status, scopes, keys, expiring secrets, grants, revocations."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "life_of_accounts"
down_revision = "administrators"

_SCHEMA = context.config.attributes["schema"]
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    _accounts()
    _secrets()
    _grants()
    _revocations()
    _assertions()


def _accounts() -> None:
    for column in (
        sa.Column("description", sa.Text),
        sa.Column("scopes", sa.ARRAY(sa.Text), comment="null: all of the role"),
        sa.Column("rate_limit", sa.Integer, comment="null: the usual one"),
        sa.Column(
            "keys",
            postgresql.JSONB,
            nullable=False,
            server_default=sa.text("'[]'::jsonb"),
            comment="public JWKs",
        ),
        sa.Column("expires_at", _TIME),
        sa.Column("suspended_at", _TIME),
        sa.Column("deleted_at", _TIME),
        sa.Column("last_used_at", _TIME),
        sa.Column("token_epoch", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("revision", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("updated_at", _TIME, nullable=False, server_default=sa.func.now()),
    ):
        op.add_column("service_accounts", column, schema=_SCHEMA)
    op.execute(f'UPDATE "{_SCHEMA}".service_accounts SET updated_at = created_at')  # noqa: S608  a name of ours


def _secrets() -> None:
    for column in (
        sa.Column("selector", sa.Text, comment="the readable part of the secret; null: it was configured"),
        sa.Column("expires_at", _TIME),
        sa.Column("last_used_at", _TIME),
        sa.Column("warned_at", _TIME, comment="when its expiry was last told"),
    ):
        op.add_column("client_secrets", column, schema=_SCHEMA)


def _grants() -> None:
    accounts = f"{_SCHEMA}.service_accounts.id"
    op.create_table(
        "grants",
        sa.Column("account_id", sa.Uuid, nullable=False, comment="who may"),
        sa.Column("owner_id", sa.Uuid, nullable=False, comment="whose documents"),
        sa.Column("may_change", sa.Boolean, nullable=False, comment="files:write; else files:read alone"),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("account_id", "owner_id", name="grants_pkey"),
        sa.ForeignKeyConstraint(["account_id"], [accounts], name="grants_account_id_fkey"),
        sa.ForeignKeyConstraint(["owner_id"], [accounts], name="grants_owner_id_fkey"),
        schema=_SCHEMA,
    )


def _revocations() -> None:
    op.create_table(
        "revocations",
        sa.Column(
            "position",
            sa.BigInteger,
            sa.Identity(always=True),
            nullable=False,
            comment="committed in this order, for who writes one holds a lock",
        ),
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("epoch", sa.Integer, comment="the account's tokens of a lower one are void"),
        sa.Column("jti", sa.Text, comment="or this one token is"),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("position", name="revocations_pkey"),
        sa.UniqueConstraint("jti", name="revocations_jti_key"),
        schema=_SCHEMA,
    )
    op.create_index("revocations_account_id_idx", "revocations", ["account_id"], schema=_SCHEMA)


def _assertions() -> None:
    op.create_table(
        "used_assertions",
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column(
            "jti_hash", sa.LargeBinary, nullable=False, comment="SHA-256: a client may choose long ones"
        ),
        sa.Column("until", _TIME, nullable=False, comment="then the assertion has expired by itself"),
        sa.PrimaryKeyConstraint("account_id", "jti_hash", name="used_assertions_pkey"),
        schema=_SCHEMA,
    )
    op.create_index("used_assertions_until_idx", "used_assertions", ["until"], schema=_SCHEMA)
