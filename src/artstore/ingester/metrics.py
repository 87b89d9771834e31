"""What the Ingester counts."""

from prometheus_client import Counter

UPLOADS = Counter("artstore_ingester_uploads", "Uploads that ended, by how they ended", ("outcome",))
UPLOAD_BYTES = Counter("artstore_ingester_upload_bytes", "Bytes of uploads that were relayed to elements")
RESUMABLE = Counter(
    "artstore_ingester_resumable_requests",
    "Requests of resumable uploads by what they want and their end: answered (by the element), client_gone,"
    " failed, or the slug of the problem that refused them",
    ("operation", "outcome"),
)
PLACEMENTS = Counter(
    "artstore_ingester_placements",
    "Elements that uploads were sent to, and what came of it",
    ("element_id", "result"),
)
DELETIONS = Counter(
    "artstore_ingester_deletions",
    "Deletions by their end: done, refused by the element, or the slug of the problem",
    ("outcome",),
)
RETENTION = Counter(
    "artstore_ingester_retention_requests",
    "Extensions, legal holds and releases by their end: done, refused by the element, or the slug of the"
    " problem",
    ("operation", "outcome"),
)
FINALIZATIONS = Counter(
    "artstore_ingester_finalizations",
    "Requests to finalize a document: begun (now or before), or the slug of the problem",
    ("outcome",),
)
BATCHES = Counter(
    "artstore_ingester_batches",
    "Batches that were to be opened, committed or given up, by their end: done, refused by the element, or"
    " unavailable where none could be reached",
    ("operation", "outcome"),
)
