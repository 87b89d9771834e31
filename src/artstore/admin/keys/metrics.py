"""What Admin counts of its keys."""

from prometheus_client import Counter, Gauge

SIGNING_SECONDS = Gauge(
    "artstore_admin_signing_key_seconds", "Age of the key that signs, from its first token"
)
PUBLISHED = Gauge("artstore_admin_published_keys", "Keys that verify tokens now, the pending one included")
ROTATIONS = Counter(
    "artstore_admin_key_rotations", "Keys that this process made to follow another, by what for", ("cause",)
)
