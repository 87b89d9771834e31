"""What the Ingester counts."""

from prometheus_client import Counter

UPLOADS = Counter("artstore_ingester_uploads", "Uploads that ended, by how they ended", ("outcome",))
UPLOAD_BYTES = Counter("artstore_ingester_upload_bytes", "Bytes of uploads that were relayed to elements")
PLACEMENTS = Counter(
    "artstore_ingester_placements",
    "Elements that uploads were sent to, and what came of it",
    ("element_id", "result"),
)
