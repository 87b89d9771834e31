"""What is told of limits."""

from typing import Final

from prometheus_client import Counter, Gauge

LOCAL: Final = Gauge(
    "artstore_rate_limit_local",
    "1 while Redis does not answer, and this process limits by what it counts alone",
    ("service",),
)
LOCAL_DECISIONS: Final = Counter(
    "artstore_rate_limit_local_decisions",
    "Requests judged without Redis, by the count of this process",
    ("service",),
)
REFUSED: Final = Counter(
    "artstore_rate_limit_refused", "Requests over a limit, by what was limited", ("service", "limit")
)
