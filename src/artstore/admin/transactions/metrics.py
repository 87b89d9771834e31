"""What Admin counts of its transactions."""

from prometheus_client import Counter, Gauge

OPEN = Gauge(
    "artstore_admin_transactions_open",
    "Transactions that are not over, by kind and state; those that failed are an alarm",
    ("kind", "state"),
)
ENDS = Counter(
    "artstore_admin_transaction_ends",
    "Transactions that this process brought to an end, by kind and state",
    ("kind", "state"),
)
FAILED_ATTEMPTS = Counter(
    "artstore_admin_transaction_failed_attempts", "Attempts at a step that failed", ("kind", "step")
)
TAKEN_UP = Counter(
    "artstore_admin_transactions_taken_up",
    "Transactions that this process took up because their worker had died, or their job was lost",
)
