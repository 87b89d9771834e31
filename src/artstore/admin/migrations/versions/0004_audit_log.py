"""The audit trail: entries, hashes of subtrees, checkpoints, the key that signs them; reports of refusals."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "audit_log"
down_revision = "capacity_status"

_SCHEMA = context.config.attributes["schema"]
_APPEND_ONLY = ("audit_entries", "audit_subtrees", "audit_checkpoints")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        "audit_entries",
        sa.Column(
            "index", sa.BigInteger, nullable=False, autoincrement=False, comment="From 0, without a gap"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("actor_id", sa.Text),
        sa.Column("actor_name", sa.Text),
        sa.Column("address", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("subject_kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("details", postgresql.JSONB, nullable=False),
        sa.Column(
            "leaf_hash", sa.LargeBinary, nullable=False, comment="RFC 6962: SHA-256 of 0x00 and the leaf"
        ),
        sa.PrimaryKeyConstraint("index", name="audit_entries_pkey"),
        schema=_SCHEMA,
    )
    op.create_index("audit_entries_at_idx", "audit_entries", ["at"], schema=_SCHEMA)
    for column in ("action", "actor_id", "subject_id"):
        op.create_index(f"audit_entries_{column}_idx", "audit_entries", [column, "index"], schema=_SCHEMA)
    op.create_table(
        "audit_subtrees",
        sa.Column(
            "height", sa.SmallInteger, nullable=False, autoincrement=False, comment="Covers 256^height leaves"
        ),
        sa.Column("position", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("height", "position", name="audit_subtrees_pkey"),
        schema=_SCHEMA,
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("tree_size", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("root_hash", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.Text, nullable=False, comment="C2SP signed note, as it is given out"),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tree_size", name="audit_checkpoints_pkey"),
        schema=_SCHEMA,
    )
    op.create_table(
        "audit_keys",
        sa.Column("verifier_key", sa.Text, nullable=False, comment="name+hash+base64 (C2SP signed note)"),
        sa.Column(
            "name", sa.Text, nullable=False, comment="Of the key and the log: the origin of every checkpoint"
        ),
        sa.Column(
            "private_pem", sa.Text, nullable=False, comment="PKCS#8, encrypted with the key passphrase"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("verifier_key", name="audit_keys_pkey"),
        schema=_SCHEMA,
    )
    op.create_table(
        "refusal_reports",
        sa.Column(
            "instance", sa.Text, nullable=False, comment="A process of a service, from its start to its end"
        ),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("instance", "minute", name="refusal_reports_pkey"),
        schema=_SCHEMA,
    )
    _refuse_changes()


def _refuse_changes() -> None:
    """A second line behind the rights of the role: the owner of the tables must remove it on purpose."""
    op.execute(
        f"""CREATE FUNCTION {_SCHEMA}.refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are never changed and never removed', TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$"""
    )
    for table in _APPEND_ONLY:
        op.execute(
            f"""CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {_SCHEMA}.{table}
            FOR EACH STATEMENT EXECUTE FUNCTION {_SCHEMA}.refuse_change_of_audit()"""
        )
