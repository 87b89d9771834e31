"""What can go wrong for a user of the SDK. Branch on the class, or more finely on ``kind``.

ArtStoreError
├── BadProfile         the profile is missing or cannot be read
├── Rejected           the document, its attributes or the question break a rule; again would fail again
│   └── TooLarge       the document is larger than the system accepts
├── AccessRefused      who asks is unknown, or may not
│   ├── Unauthenticated
│   └── Forbidden
├── NotFound           there is no such thing, or it is not yours to see
├── Offline            the bytes are in an archive; its administrator must bring them back first
├── Conflict           it does not fit what exists, or the mode of the element
├── NoRoom             no element has room for the document
├── Unavailable        a service cannot be reached, or cannot serve now; ``retry_after`` where it said when
│   └── TooManyRequests
├── Damaged            the stored bytes, or those that arrived, do not match their checksum
└── ServiceFailed      the service made a mistake, or answered something that is no answer of ArtStore
"""

from typing import Any

from pydantic import ValidationError

from artstore.wire.problems import ProblemBody, ProblemType


class ArtStoreError(Exception):
    """The base of all. ``problem`` is the service's own account of it, where there is one (RFC 9457)."""

    def __init__(
        self, message: str, *, problem: ProblemBody | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.problem = problem
        self.retry_after = retry_after
        """Seconds after which the service wants to be asked again."""

    @property
    def kind(self) -> ProblemType | None:
        """The exact problem type, None when there is none or it is newer than this SDK."""
        return ProblemType.from_uri(self.problem.type) if self.problem else None

    @property
    def field(self) -> str | None:
        """The input that was refused, where the service named one."""
        return self.problem.field if self.problem else None

    @property
    def request_id(self) -> str | None:
        """What the logs of the services know the request by."""
        return self.problem.request_id if self.problem else None


class BadProfile(ArtStoreError):
    """The profile is missing or cannot be read; the message says where it was looked for."""


class Rejected(ArtStoreError):
    """The request breaks a rule of ArtStore; sent again it would be refused again."""


class TooLarge(Rejected):
    """The document is larger than the system accepts."""


class AccessRefused(ArtStoreError):
    """Access is refused."""


class Unauthenticated(AccessRefused):
    """The account is unknown, its secret is wrong, or its token was not accepted."""


class Forbidden(AccessRefused):
    """The account lacks a scope or a grant that this needs."""


class NotFound(ArtStoreError):
    """There is no such document, account or element, or it is not this account's to see."""


class Offline(ArtStoreError):
    """The document is there, its bytes are offline: ``problem`` tells how to ask for them."""


class Conflict(ArtStoreError):
    """The request does not fit what exists: a name that is taken, a mode that forbids it."""


class NoRoom(ArtStoreError):
    """No storage element has room for the document."""


class Unavailable(ArtStoreError):
    """A service cannot be reached, or says that it cannot serve now."""


class TooManyRequests(Unavailable):
    """This account asks more often than it may: ``retry_after`` says when it is worth asking again."""


class Damaged(ArtStoreError):
    """Bytes do not match their SHA-256: those at rest, or those that arrived."""


class ServiceFailed(ArtStoreError):
    """The service made a mistake, or its answer is not one of ArtStore."""


CLASS_OF_KIND: dict[ProblemType, type[ArtStoreError]] = {
    ProblemType.INVALID_REQUEST: Rejected,
    ProblemType.INVALID_PARAMETER: Rejected,
    ProblemType.NOT_FOUND: NotFound,
    ProblemType.METHOD_NOT_ALLOWED: ServiceFailed,  # the SDK asks only what exists: versions differ
    ProblemType.UNSUPPORTED_MEDIA_TYPE: Rejected,
    ProblemType.REQUEST_TIMEOUT: Unavailable,
    ProblemType.REQUEST_TOO_LARGE: TooLarge,
    ProblemType.INVALID_CURSOR: Rejected,
    ProblemType.UNAUTHENTICATED: Unauthenticated,
    ProblemType.INSUFFICIENT_SCOPE: Forbidden,
    ProblemType.NOT_PERMITTED: Forbidden,
    ProblemType.PROTECTED_ACCOUNT: Conflict,
    ProblemType.LOGIN_REFUSED: Unauthenticated,
    ProblemType.SECOND_FACTOR_REQUIRED: Unauthenticated,
    ProblemType.SESSION_ENDED: Unauthenticated,
    ProblemType.CROSS_ORIGIN: Forbidden,
    ProblemType.WEAK_PASSWORD: Rejected,
    ProblemType.CONFLICT: Conflict,
    ProblemType.PRECONDITION_FAILED: Conflict,
    ProblemType.PRECONDITION_REQUIRED: Rejected,
    ProblemType.BROKEN_MULTIPART: Rejected,
    ProblemType.FILE_MISSING: Rejected,
    ProblemType.FILE_EMPTY: Rejected,
    ProblemType.FILE_TOO_LARGE: TooLarge,
    ProblemType.DIGEST_MISMATCH: Damaged,
    ProblemType.INVALID_FILENAME: Rejected,
    ProblemType.INVALID_ATTRIBUTES: Rejected,
    ProblemType.IDEMPOTENCY_KEY_REUSED: Conflict,
    ProblemType.FILE_ID_TAKEN: Conflict,
    ProblemType.ATTRIBUTES_TOO_LARGE: Rejected,
    ProblemType.FIELD_ORDER: Rejected,
    ProblemType.OFFSET_MISMATCH: Conflict,
    ProblemType.UPLOAD_BUSY: Conflict,
    ProblemType.UPLOAD_STALLED: Unavailable,
    ProblemType.CHECKSUM_MISMATCH: Damaged,
    ProblemType.TUS_VERSION: Rejected,
    ProblemType.TOO_MANY_UPLOADS: TooManyRequests,
    ProblemType.BATCH_CLOSED: Conflict,
    ProblemType.BATCH_FULL: Conflict,
    ProblemType.BATCH_INCOMPLETE: Conflict,
    ProblemType.TOO_MANY_BATCHES: TooManyRequests,
    ProblemType.TOO_MANY_LINKS: TooManyRequests,
    ProblemType.INSUFFICIENT_STORAGE: NoRoom,
    ProblemType.RETAINED: Conflict,
    ProblemType.LEGAL_HOLD: Conflict,
    ProblemType.MODE_FORBIDS: Conflict,
    ProblemType.NOT_MOVABLE: Conflict,
    ProblemType.DOCUMENT_OFFLINE: Offline,
    ProblemType.DOCUMENT_DAMAGED: Damaged,
    ProblemType.RANGE_NOT_SATISFIABLE: Rejected,
    ProblemType.NO_ELEMENT_AVAILABLE: Unavailable,
    ProblemType.ELEMENT_UNAVAILABLE: Unavailable,
    ProblemType.LOG_FULL: Unavailable,
    ProblemType.DEPENDENCY_UNAVAILABLE: Unavailable,
    ProblemType.RATE_LIMITED: TooManyRequests,
    ProblemType.TOO_MANY_REQUESTS: TooManyRequests,
    ProblemType.INTERNAL: ServiceFailed,
}
"""The class of every problem type; a test holds it complete."""

_CLASS_OF_STATUS: dict[int, type[ArtStoreError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
    507: NoRoom,
}


def error_of_answer(status: int, body: Any, *, url: str, retry_after: float | None = None) -> ArtStoreError:
    """The error for an answer that is not a success. ``body`` is its JSON, or None where there is none.

    A problem type that this version does not know, or an answer of something between us and the service, is
    judged by its status.
    """
    try:
        problem = ProblemBody.model_validate(body)
    except ValidationError:
        return _class_of_status(status)(f"{url} answered with status {status}", retry_after=retry_after)
    kind = ProblemType.from_uri(problem.type)
    found = CLASS_OF_KIND[kind] if kind else _class_of_status(status)
    return found(_message(problem), problem=problem, retry_after=retry_after)


def _class_of_status(status: int) -> type[ArtStoreError]:
    return _CLASS_OF_STATUS.get(status, Rejected if 400 <= status < 500 else ServiceFailed)


def _message(problem: ProblemBody) -> str:
    detail = problem.detail or problem.title
    if problem.status >= 500 and problem.request_id:
        return f"{detail} (request {problem.request_id})"
    return detail
