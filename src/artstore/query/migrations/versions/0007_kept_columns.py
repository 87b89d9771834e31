"""What searches compare each row with is kept in the row.

The table is written anew, which takes some minutes for a million documents.
"""

from alembic import op
from sqlalchemy import text

revision = "0007_kept_columns"
down_revision = "0006_terms"
branch_labels = None
depends_on = None

COLUMNS = {
    "labels": (
        "text[]",
        "query.labels(document)",
        "what it has in common with others: its type, extension, tags and so on, as short texts",
    ),
    "folded_name": (
        'text COLLATE "C"',
        """query.folded((document ->> 'original_filename') COLLATE "C")""",
        "the file name without case and accents",
    ),
    "stays": (
        "boolean",
        "coalesce((document ->> 'retention_policy') = 'permanent', false)",
        "whether it is permanent: of two copies, the one to which the document has moved",
    ),
}
PLACE = ["created_at", "file_id", "element_id"]
INDEXES = {
    "catalog_files_by_label": ("gin", ["labels"]),
    "catalog_files_by_part_of_name": ("gin", ["query.trigrams(folded_name)"]),
    "catalog_files_by_name": ("btree", ["left(folded_name, 100)", *PLACE]),
}
NAME = "document ->> 'original_filename'"
INDEXES_BEFORE = {
    "catalog_files_by_label": ("gin", ["query.labels(document)"]),
    "catalog_files_by_part_of_name": ("gin", [f"query.trigrams(query.folded({NAME}))"]),
    "catalog_files_by_name": ("btree", [f'left(query.folded(({NAME}) COLLATE "C"), 100)', *PLACE]),
}


def upgrade() -> None:
    op.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for name in INDEXES_BEFORE:
        op.drop_index(name, "catalog_files", schema="query")
    # In one statement: each one writes the table anew.
    added = (
        f"ADD COLUMN {name} {kind} GENERATED ALWAYS AS ({value}) STORED"
        for name, (kind, value, _) in COLUMNS.items()
    )
    op.execute(f"ALTER TABLE query.catalog_files {', '.join(added)}")
    for name, (_, _, comment) in COLUMNS.items():
        op.execute(f"COMMENT ON COLUMN query.catalog_files.{name} IS '{comment}'")
    _create(INDEXES)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "catalog_files", schema="query")
    for name in COLUMNS:
        op.drop_column("catalog_files", name, schema="query")
    _create(INDEXES_BEFORE)


def _create(indexes: dict[str, tuple[str, list[str]]]) -> None:
    for name, (method, columns) in indexes.items():
        op.create_index(
            name,
            "catalog_files",
            [text(column) for column in columns],
            schema="query",
            postgresql_using=method,
        )
