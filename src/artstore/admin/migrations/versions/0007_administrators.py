"""Administrators with their second factors and sessions; the account of failed logins."""

import sqlalchemy as sa
from alembic import context, op

revision = "administrators"
down_revision = "registry"

_SCHEMA = context.config.attributes["schema"]
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "administrators",
        sa.Column(
            "id", sa.Uuid, nullable=False, comment="UUIDv7, so that the order of ids is the order of creation"
        ),
        sa.Column("username", sa.Text, nullable=False, comment="in lower case"),
        sa.Column("full_name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("password_hash", sa.Text, comment="argon2id; none until a person has set one"),
        sa.Column("reset_code_hash", sa.LargeBinary, comment="SHA-256 of the one-time code"),
        sa.Column("reset_code_expires_at", _MOMENT),
        sa.Column(
            "totp_secret", sa.Text, comment="encrypted; of a second factor that may not be confirmed yet"
        ),
        sa.Column("totp_confirmed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column(
            "totp_last_step",
            sa.BigInteger,
            nullable=False,
            server_default=sa.text("0"),
            comment="of the last code used",
        ),
        sa.Column("created_at", _MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("last_login_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="administrators_pkey"),
        sa.UniqueConstraint("username", name="administrators_username_key"),
        schema=_SCHEMA,
    )
    op.create_table(
        "administrator_recovery_codes",
        sa.Column("administrator_id", sa.Uuid, nullable=False),
        sa.Column(
            "code_hash", sa.LargeBinary, nullable=False, comment="SHA-256; the row goes when the code is used"
        ),
        sa.PrimaryKeyConstraint("administrator_id", "code_hash", name="administrator_recovery_codes_pkey"),
        _of_administrator("administrator_recovery_codes"),
        schema=_SCHEMA,
    )
    op.create_table(
        "administrator_sessions",
        sa.Column("id", sa.Uuid, nullable=False, comment="UUIDv7"),
        sa.Column("administrator_id", sa.Uuid, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("user_agent", sa.Text, nullable=False),
        sa.Column("second_factor", sa.Boolean, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_used_at", _MOMENT, nullable=False),
        sa.Column("idle_expires_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("ended_because", sa.Text),
        sa.PrimaryKeyConstraint("id", name="administrator_sessions_pkey"),
        _of_administrator("administrator_sessions"),
        schema=_SCHEMA,
    )
    op.create_index(
        "administrator_sessions_administrator_id_idx",
        "administrator_sessions",
        ["administrator_id"],
        schema=_SCHEMA,
    )
    op.create_table(
        "administrator_refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary, nullable=False, comment="SHA-256 of 256 random bits"),
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("used_at", _MOMENT, comment="a token that comes again after that was stolen"),
        sa.PrimaryKeyConstraint("token_hash", name="administrator_refresh_tokens_pkey"),
        sa.ForeignKeyConstraint(
            ["session_id"],
            [f"{_SCHEMA}.administrator_sessions.id"],
            name="administrator_refresh_tokens_session_id_fkey",
            ondelete="CASCADE",
        ),
        schema=_SCHEMA,
    )
    op.create_index(
        "administrator_refresh_tokens_session_id_idx",
        "administrator_refresh_tokens",
        ["session_id"],
        schema=_SCHEMA,
    )
    op.create_table(
        "login_attempts",
        sa.Column(
            "key", sa.LargeBinary, nullable=False, comment="SHA-256 of a name or an address, whoever's it is"
        ),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("lockouts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("locked_until", _MOMENT),
        sa.Column("last_attempt_at", _MOMENT),
        sa.PrimaryKeyConstraint("key", name="login_attempts_pkey"),
        schema=_SCHEMA,
    )


def _of_administrator(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["administrator_id"],
        [f"{_SCHEMA}.administrators.id"],
        name=f"{table}_administrator_id_fkey",
        ondelete="CASCADE",
    )
