"""How often an account may ask, and how often an address may fail.

A *window* is the last minute, counted by seconds: in any 60 seconds no more is allowed than the limit, and
what is not used is not saved up. Redis counts for all processes of a service (``shared``), and each process
for itself (``windows``); both must allow a request. So a process that Redis does not answer goes on limiting,
with what it has seen itself. ``limiter`` puts both together, ``requests`` says what is counted of a request.

Nobody waits for Redis longer than a moment, and nothing is ever refused or let in because Redis is away.
"""

from artstore.kernel.limits import metrics
from artstore.kernel.limits.limiter import Limiter
from artstore.kernel.limits.requests import RequestLimits, over, request_limits, tell
from artstore.kernel.limits.windows import Standing

__all__ = ["Limiter", "RequestLimits", "Standing", "metrics", "over", "request_limits", "tell"]
