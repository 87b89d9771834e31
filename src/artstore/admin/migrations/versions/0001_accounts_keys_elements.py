"""Service accounts with their secrets, key pairs, the registry of storage elements."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_SCHEMA = context.config.attributes["schema"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "service_accounts",
        sa.Column(
            "id", sa.Uuid, nullable=False, comment="UUIDv7, so that the order of ids is the order of creation"
        ),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("is_system", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="service_accounts_pkey"),
        sa.UniqueConstraint("name", name="service_accounts_name_key"),
        sa.UniqueConstraint("client_id", name="service_accounts_client_id_key"),
        schema=_SCHEMA,
    )
    op.create_table(
        "client_secrets",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("account_id", sa.Uuid, nullable=False),
        sa.Column("secret_hash", sa.Text, nullable=False, comment="bcrypt of the secret's SHA-256"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="client_secrets_pkey"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            [f"{_SCHEMA}.service_accounts.id"],
            name="client_secrets_account_id_fkey",
            ondelete="CASCADE",
        ),
        schema=_SCHEMA,
    )
    op.create_index("client_secrets_account_id_idx", "client_secrets", ["account_id"], schema=_SCHEMA)
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("public_jwk", postgresql.JSONB, nullable=False),
        sa.Column(
            "private_pem", sa.Text, nullable=False, comment="PKCS#8, encrypted with the key passphrase"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("kid", name="signing_keys_pkey"),
        schema=_SCHEMA,
    )
    op.create_table(
        "storage_elements",
        sa.Column("element_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("capacity_bytes", sa.BigInteger, nullable=False),
        sa.Column("used_bytes", sa.BigInteger, nullable=False),
        sa.Column("free_bytes", sa.BigInteger, nullable=False),
        sa.Column("documents", sa.BigInteger, nullable=False),
        sa.Column("last_lsn", sa.BigInteger, nullable=False),
        sa.Column("health", sa.Text, nullable=False),
        sa.Column("max_file_bytes", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("element_id", name="storage_elements_pkey"),
        schema=_SCHEMA,
    )
