"""Names of HTTP headers that more than one part of ArtStore reads or writes."""

REQUEST_ID = "X-Request-ID"
TRACEPARENT = "traceparent"  # W3C Trace Context
REPR_DIGEST = "Repr-Digest"  # RFC 9530: the digest of the whole document, also on a 206
EXPECTED_SIZE = "X-Expected-Size"
"""On an upload to an element: an upper bound of the document's bytes, for the reservation of room."""
