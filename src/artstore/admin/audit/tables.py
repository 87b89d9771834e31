"""The tables of the audit trail. Rows of APPEND_ONLY are only ever added; triggers refuse anything else."""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from artstore.admin.metadata import METADATA

AUDIT_ENTRIES: Final = Table(
    "audit_entries",
    METADATA,
    Column("index", BigInteger, primary_key=True, autoincrement=False, comment="From 0, without a gap"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("action", Text, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor_id", Text),
    Column("actor_name", Text),
    Column("address", Text),
    Column("request_id", Text),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False, comment="RFC 6962: SHA-256 of 0x00 and the leaf"),
    Index("audit_entries_at_idx", "at"),
    Index("audit_entries_action_idx", "action", "index"),
    Index("audit_entries_actor_id_idx", "actor_id", "index"),
    Index("audit_entries_subject_id_idx", "subject_id", "index"),
)

AUDIT_SUBTREES: Final = Table(
    "audit_subtrees",
    METADATA,
    Column("height", SmallInteger, primary_key=True, autoincrement=False, comment="Covers 256^height leaves"),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

AUDIT_CHECKPOINTS: Final = Table(
    "audit_checkpoints",
    METADATA,
    Column("tree_size", BigInteger, primary_key=True, autoincrement=False),
    Column("root_hash", LargeBinary, nullable=False),
    Column("note", Text, nullable=False, comment="C2SP signed note, as it is given out"),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
)

AUDIT_KEYS: Final = Table(
    "audit_keys",
    METADATA,
    Column("verifier_key", Text, primary_key=True, comment="name+hash+base64 (C2SP signed note)"),
    Column("name", Text, nullable=False, comment="Of the key and the log: the origin of every checkpoint"),
    Column("private_pem", Text, nullable=False, comment="PKCS#8, encrypted with the key passphrase"),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

REFUSAL_REPORTS: Final = Table(
    "refusal_reports",
    METADATA,
    Column("instance", Text, primary_key=True, comment="A process of a service, from its start to its end"),
    Column("minute", DateTime(timezone=True), primary_key=True),
)

APPEND_ONLY: Final = (AUDIT_ENTRIES, AUDIT_SUBTREES, AUDIT_CHECKPOINTS)
