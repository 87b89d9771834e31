"""Problem types (RFC 9457): the stable names of everything that can go wrong over HTTP.

A type is added, never renamed: programs branch on it. The sentence that tells what was wrong with one
request is the ``detail`` of the answer, not part of the type.
"""

from enum import Enum
from typing import Any

from pydantic import BaseModel, ConfigDict

PROBLEM_JSON = "application/problem+json"
NOTHING_STORED = "nothing_stored"
"""A member of ELEMENT_UNAVAILABLE from an element: whether it is certain that the document is not stored."""
_PREFIX = "urn:artstore:problem:"


class ProblemType(Enum):
    """A kind of refusal: its name, its HTTP status, its title. Its ``uri`` is the ``type`` on the wire."""

    # Requests
    INVALID_REQUEST = ("invalid-request", 400, "The request is malformed")
    INVALID_PARAMETER = ("invalid-parameter", 422, "A parameter has an invalid value")
    NOT_FOUND = ("not-found", 404, "There is no such resource, or it is not yours to see")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "The resource does not support this method")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, "The body has an unsupported content type")
    REQUEST_TIMEOUT = ("request-timeout", 408, "The request did not arrive in time")
    REQUEST_TOO_LARGE = ("request-too-large", 413, "The body is larger than this resource takes")
    INVALID_CURSOR = ("invalid-cursor", 400, "The cursor is not one that this service gave out")

    # Access
    UNAUTHENTICATED = ("unauthenticated", 401, "The request needs a valid access token")
    INSUFFICIENT_SCOPE = ("insufficient-scope", 403, "The access token lacks a needed scope")
    NOT_PERMITTED = ("not-permitted", 403, "The resource may be seen, but not this done to it")
    PROTECTED_ACCOUNT = ("protected-account", 409, "The account belongs to the system")
    LOGIN_REFUSED = ("login-refused", 401, "The login is refused")
    SECOND_FACTOR_REQUIRED = ("second-factor-required", 401, "The login needs a code of the second factor")
    SESSION_ENDED = ("session-ended", 401, "The session is over")
    CROSS_ORIGIN = ("cross-origin", 403, "The request comes from a page of another origin")
    WEAK_PASSWORD = ("weak-password", 422, "The password is too easy to guess")
    CONFLICT = ("conflict", 409, "The request conflicts with what exists")
    PRECONDITION_FAILED = ("precondition-failed", 412, "The resource is not in the state that was asked for")
    PRECONDITION_REQUIRED = ("precondition-required", 428, "The request must say which state it changes")

    # Uploads
    BROKEN_MULTIPART = ("broken-multipart", 400, "The multipart body cannot be read")
    FILE_MISSING = ("file-missing", 400, "The form has no file in a part named 'file'")
    FILE_EMPTY = ("file-empty", 400, "The file has no bytes")
    FILE_TOO_LARGE = ("file-too-large", 413, "The file is larger than this system accepts")
    DIGEST_MISMATCH = ("digest-mismatch", 422, "The bytes that arrived are not those of the announced digest")
    INVALID_FILENAME = ("invalid-filename", 422, "The file name cannot be accepted")
    INVALID_ATTRIBUTES = ("invalid-attributes", 422, "The attributes cannot be accepted")
    IDEMPOTENCY_KEY_REUSED = (
        "idempotency-key-reused",
        422,
        "The idempotency key came with another upload before",
    )
    FILE_ID_TAKEN = ("file-id-taken", 409, "Another document has or had the given id")
    ATTRIBUTES_TOO_LARGE = ("attributes-too-large", 422, "The attributes exceed 4096 bytes as written")
    FIELD_ORDER = ("field-order", 422, "A field that decides placement came after the file")

    # Resumable uploads
    OFFSET_MISMATCH = ("offset-mismatch", 409, "The bytes do not follow those that the upload has")
    UPLOAD_BUSY = ("upload-busy", 423, "Another request is at the upload")
    # Not 408, which no client of tus takes for a reason to go on by itself.
    UPLOAD_STALLED = ("upload-stalled", 503, "Nothing more of the piece arrived")
    CHECKSUM_MISMATCH = ("checksum-mismatch", 460, "The bytes of the piece are not those of its checksum")
    TUS_VERSION = ("tus-version", 412, "The version of tus is not spoken here")
    TOO_MANY_UPLOADS = ("too-many-uploads", 429, "The account has too many unfinished uploads")
    BATCH_CLOSED = ("batch-closed", 409, "The batch takes no documents any more")
    BATCH_FULL = ("batch-full", 409, "The batch has as many documents as it may")
    BATCH_INCOMPLETE = ("batch-incomplete", 409, "The batch has another number of documents")
    TOO_MANY_BATCHES = ("too-many-batches", 429, "The account has too many open batches")

    # Storage
    INSUFFICIENT_STORAGE = ("insufficient-storage", 507, "No storage element has room for the file")
    RETAINED = ("retained", 409, "The document is permanent, and not deleted")
    LEGAL_HOLD = ("legal-hold", 409, "The document is under a legal hold")
    MODE_FORBIDS = ("mode-forbids", 409, "The mode of the storage element forbids this operation")
    NOT_MOVABLE = ("not-movable", 409, "The document cannot be moved to this storage element")
    # No error, but no bytes either; RFC 9457 leaves the status free.
    DOCUMENT_OFFLINE = ("document-offline", 202, "The bytes of the document are offline")
    DOCUMENT_DAMAGED = ("document-damaged", 500, "The stored bytes do not match their attributes")
    RANGE_NOT_SATISFIABLE = ("range-not-satisfiable", 416, "The range lies outside the document")

    TOO_MANY_LINKS = ("too-many-links", 429, "The account has too many links that are good")

    # State of the system
    NO_ELEMENT_AVAILABLE = ("no-element-available", 503, "No storage element can take the request now")
    ELEMENT_UNAVAILABLE = ("element-unavailable", 503, "The storage element of the document is away")
    LOG_FULL = ("log-full", 503, "The element must first catch up with what it has accepted")
    DEPENDENCY_UNAVAILABLE = ("dependency-unavailable", 503, "A part that this request needs is away")
    RATE_LIMITED = ("rate-limited", 429, "Requests come more often than they may")
    TOO_MANY_REQUESTS = ("too-many-requests", 429, "Too many requests")
    INTERNAL = ("internal", 500, "The service made a mistake")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        return _PREFIX + self.slug

    @classmethod
    def from_uri(cls, uri: str) -> "ProblemType | None":
        """The type that a ``type`` member names, or None for one that this version does not know."""
        return next((kind for kind in cls if kind.uri == uri), None)


class ProblemBody(BaseModel):
    """The body of a refusal. ``field`` names the offending input where there is one."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    instance: str | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, kind: ProblemType, detail: str, **members: Any) -> "ProblemBody":
        return cls(type=kind.uri, title=kind.title, status=kind.status, detail=detail, **members)
