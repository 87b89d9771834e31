"""Key pairs follow one another: from when one signs, how long it is good, when it was revoked."""

import sqlalchemy as sa
from alembic import context, op

revision = "keys_rotate"
down_revision = "audit_log"

_SCHEMA = context.config.attributes["schema"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "signing_keys",
        sa.Column("signs_from", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema=_SCHEMA,
    )
    for name, comment in (
        ("good_until", "Set when another pair was made to follow it"),
        ("revoked_at", None),
    ):
        op.add_column(
            "signing_keys", sa.Column(name, sa.DateTime(timezone=True), comment=comment), schema=_SCHEMA
        )
    op.alter_column(
        "signing_keys",
        "private_pem",
        nullable=True,
        existing_type=sa.Text,
        comment="PKCS#8, encrypted with the key passphrase; null once the pair will never sign again",
        existing_comment="PKCS#8, encrypted with the key passphrase",
        schema=_SCHEMA,
    )
    op.execute(sa.text(f'UPDATE "{_SCHEMA}".signing_keys SET signs_from = created_at'))  # noqa: S608
