"""Log lines: one JSON object each on standard output, with the service and the request that they belong to.

Every line has ``ts`` (UTC, RFC 3339), ``level``, ``event`` and ``service``; ``request_id`` and ``trace_id``
where a request is being served. What looks like a secret is blotted out, whoever wrote it: see ``blot_out``.
"""

import json
import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from artstore.kernel import tracing

_SECRET_NAMES = frozenset(
    {
        *("authorization", "cookie", "token", "access_token", "refresh_token", "client_assertion", "api_key"),
        *("password", "old_password", "new_password", "reset_code", "secret", "client_secret", "passphrase"),
    }
)
_BLOT = "[removed]"
_JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_URL_PASSWORD = re.compile(r"(://[^/\s:@\"]*:)[^/\s@\"]+(?=@)")


def configure(service: str, level: str = "info") -> None:
    """Sets up structlog and the standard library's logging for this process. May be called again."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _Identity(service),
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            _drop_secret_values,
            structlog.processors.format_exc_info,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_StandardOutput,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Forward()]
    root.setLevel(max(number, logging.WARNING))


def get_logger(name: str | None = None) -> FilteringBoundLogger:
    """A logger; ``name`` becomes the field ``source``. Cheap to call, safe to call at import time."""
    logger: FilteringBoundLogger = structlog.get_logger(**({"source": name} if name else {}))
    return logger


def tell_cannot_start(service: str, error: BaseException) -> None:
    """One line on stderr for the person who started the service; the log has the traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(str(error).split())
    if not text or not isinstance(error, RuntimeError):
        text = f"{type(error).__name__}: {text}".rstrip(": ")
    sys.stderr.write(f"artstore {service}: cannot start: {blot_out(text)}\n")


class _StandardOutput:
    """Writes lines to whatever standard output is at that moment, each at once and whole."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: bytes) -> None:
        output = sys.stdout.buffer
        output.write(line + b"\n")
        output.flush()

    log = debug = info = warning = error = exception = critical = msg


class _Identity:
    """Adds who speaks, and for which request."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self._service)
        context = tracing.current()
        if context is not None:
            event.setdefault("request_id", context.request_id)
            event.setdefault("trace_id", context.trace_id)
        return event


def _drop_secret_values(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    for name in _SECRET_NAMES.intersection(event):
        event[name] = _BLOT
    return event


def _render(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
    head = {name: event.pop(name) for name in ("ts", "level", "event", "service") if name in event}
    line = json.dumps({**head, **event}, ensure_ascii=False, separators=(",", ":"), default=str)
    return blot_out(line).encode("utf-8", "backslashreplace")


def blot_out(line: str) -> str:
    """The line without tokens and without passwords in addresses: both hide in texts of exceptions."""
    if "eyJ" in line:
        line = _JWT.sub(_BLOT, line)
    if "://" in line and "@" in line:
        line = _URL_PASSWORD.sub(rf"\g<1>{_BLOT}", line)
    return line


class _Forward(logging.Handler):
    """Carries what libraries log through the standard library into our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"source": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **fields)
