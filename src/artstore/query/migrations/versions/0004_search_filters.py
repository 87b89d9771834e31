"""What searches are filtered by: labels, custom attributes, sizes and times of changes."""

from alembic import op
from sqlalchemy import text

revision = "0004_search_filters"
down_revision = "0003_search"
branch_labels = None
depends_on = None

# What documents have in common, as short texts, so that one index knows any combination. Cut, for an entry of
# an index must not be large.
LABELS = r"""
CREATE FUNCTION query.labels(document jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT COST 1000
RETURN (
    SELECT array_agg(left(label, 200))
    FROM (
        VALUES
            ('type:' || split_part(lower(document ->> 'content_type' COLLATE "C"), ';', 1)),
            ('type:' || split_part(lower(document ->> 'content_type' COLLATE "C"), '/', 1) || '/*'),
            ('ext:' || query.folded(substring(document ->> 'original_filename', '[^.]\.([^.]+)$'))),
            ('kept:' || (document ->> 'retention_policy')),
            ('by:' || (document ->> 'created_by_username'))
        UNION ALL
        SELECT 'tag:' || tag FROM jsonb_array_elements_text(coalesce(document -> 'tags', '[]')) AS tag
        UNION ALL
        SELECT 'has:' || name FROM jsonb_object_keys(coalesce(document -> 'custom_attributes', '{}')) AS name
    ) AS found(label)
    WHERE label IS NOT NULL
)
"""

# The text says its zone, so that what it means depends on no setting.
MOMENT = """
CREATE FUNCTION query.moment(value text) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN value::timestamptz
"""

INDEXES = {
    "catalog_files_by_label": ("gin", ["query.labels(document)"]),
    "catalog_files_by_attribute": ("gin", ["(document -> 'custom_attributes') jsonb_path_ops"]),
    "catalog_files_by_size": (
        "btree",
        ["((document ->> 'file_size')::bigint)", "created_at", "file_id", "element_id"],
    ),
    "catalog_files_by_update": (
        "btree",
        ["query.moment(document ->> 'updated_at')", "created_at", "file_id", "element_id"],
    ),
}


def upgrade() -> None:
    op.execute(LABELS)
    op.execute(MOMENT.replace("::", r"\:\:"))
    for name, (method, columns) in INDEXES.items():
        escaped = [text(column.replace("::", r"\:\:")) for column in columns]
        op.create_index(name, "catalog_files", escaped, schema="query", postgresql_using=method)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "catalog_files", schema="query")
    op.execute("DROP FUNCTION query.moment(text)")
    op.execute("DROP FUNCTION query.labels(jsonb)")
