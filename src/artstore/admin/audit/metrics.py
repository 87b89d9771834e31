"""Metrics of the audit trail."""

from prometheus_client import Gauge

SEALED_ENTRIES = Gauge("artstore_admin_audit_sealed_entries", "Entries that the newest checkpoint seals")
CONTRADICTS = Gauge(
    "artstore_admin_audit_contradicts", "1 while the log contradicts its last checkpoint and is not sealed"
)
PROTECTED = Gauge(
    "artstore_admin_audit_protected", "1 when the database role of the service cannot change entries"
)
