"""Which request is being served, and what it takes: for logs, answers, other services, and collectors.

``context`` is the identity of a request: its id and its W3C trace. ``spans`` are what a collector is told of
it, ``calls`` those of calls to other services; ``exporting`` sends them by OTLP. Where no collector is named
there are no spans, and nothing of what makes and sends them is loaded.
"""

from artstore.kernel.tracing.context import (
    RequestContext,
    current,
    current_request_id,
    current_traceparent,
    enter,
    from_headers,
    new_request_id,
)
from artstore.kernel.tracing.spans import note

__all__ = [
    "RequestContext",
    "current",
    "current_request_id",
    "current_traceparent",
    "enter",
    "from_headers",
    "new_request_id",
    "note",
]
