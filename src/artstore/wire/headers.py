"""Names of HTTP headers that more than one part of ArtStore reads or writes."""

REQUEST_ID = "X-Request-ID"
TRACEPARENT = "traceparent"  # W3C Trace Context
REPR_DIGEST = "Repr-Digest"  # RFC 9530: the digest of the whole document, also on a 206
FILE_ID = "X-File-Id"
"""On an upload to an element: the ``file_id`` that the document gets, a new UUIDv7. Whoever lost the answer
sends the same upload with the same id to the same element again, and there is one document: where the first
try was stored, its attributes are the answer."""
FILE_ID_AHEAD_SECONDS = 180
"""How far the time of such an id may be after the element's when the upload begins."""
FILE_ID_BEHIND_SECONDS = 25 * 3600
"""How far it may be before: an upload with an idempotency key is repeated for a day."""
DOCUMENT_ID = "X-Document-Id"
"""On an upload to an element: the document of which it becomes a version, beside `SERVICE_TOKEN`. Only the
Ingester can say it, for it found the document among all elements, and saw that the caller may change it."""
PREVIOUS_VERSION_ID = "X-Previous-Version-Id"
"""Beside `DOCUMENT_ID`: the ``file_id`` of the version that it follows."""
SERVICE_TOKEN = "X-Service-Token"  # noqa: S105  a name
"""Beside a client's own token: that of the service that passes the request on, and vouches for what it adds
to it."""
IDEMPOTENCY_KEY = "Idempotency-Key"  # draft-ietf-httpapi-idempotency-key-header
IDEMPOTENCY_REPLAYED = "Idempotency-Replayed"
"""``true`` on an answer that was given to an earlier request with the same key."""
EXPECTED_SIZE = "X-Expected-Size"
"""On an upload to an element: an upper bound of the document's bytes, for the reservation of room."""
