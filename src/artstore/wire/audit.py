"""The audit trail as it crosses the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from artstore.attributes.schema import Time


class Action(StrEnum):
    """What was done. One is added, never renamed: it stands in leaves that are signed."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    """Its role, scopes, limits, keys or client id; ``details`` has the old and the new."""
    ACCOUNT_SUSPENDED = "account.suspended"
    ACCOUNT_ACTIVATED = "account.activated"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_RESTORED = "account.restored"
    ACCOUNT_SECRET_REPLACED = "account.secret_replaced"  # noqa: S105 - an action
    """By another one in the settings."""
    ACCOUNT_SECRET_ROTATED = "account.secret_rotated"  # noqa: S105
    ACCOUNT_SECRET_ENDED = "account.secret_ended"  # noqa: S105
    GRANT_GIVEN = "grant.given"
    """To the account; ``details`` names the owner of the documents."""
    GRANT_TAKEN_BACK = "grant.taken_back"
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    """By somebody else than the account that it was given to."""
    KEY_CREATED = "key.created"
    KEY_ROTATED = "key.rotated"
    """A key was made that follows another; ``details`` says which."""
    KEY_REVOKED = "key.revoked"
    ADMINISTRATOR_CREATED = "administrator.created"
    ADMINISTRATOR_CHANGED = "administrator.changed"
    """Name, role or activity; ``details`` has the old and the new."""
    ADMINISTRATOR_REMOVED = "administrator.removed"
    ADMINISTRATOR_LOCKED = "administrator.locked"
    """Too many logins failed; ``details`` says until when. Nobody is named where the name is nobody's."""
    ADMINISTRATOR_UNLOCKED = "administrator.unlocked"
    PASSWORD_CHANGED = "administrator.password_changed"  # noqa: S105 - an action
    PASSWORD_RESET = "administrator.password_reset"  # noqa: S105 - an action
    """A one-time code was given out; the old password is good no more."""
    SECOND_FACTOR_ENROLLED = "administrator.second_factor_enrolled"
    SECOND_FACTOR_REMOVED = "administrator.second_factor_removed"
    RECOVERY_CODE_USED = "administrator.recovery_code_used"
    LOGIN_REFUSED = "login.refused"
    """An attempt that was counted. Those during a lock are not: they are among ``access.refused``."""
    SESSION_BEGUN = "session.begun"
    SESSION_ENDED = "session.ended"
    ELEMENT_REGISTERED = "element.registered"
    ELEMENT_MODE_CHANGED = "element.mode_changed"
    ELEMENT_CHANGED = "element.changed"
    """What the registry says of it; ``details`` has the old and the new."""
    ELEMENT_DRAINED = "element.drained"
    ELEMENT_ACTIVATED = "element.activated"
    ELEMENT_RETIRED = "element.retired"
    TRANSACTION_BEGUN = "transaction.begun"
    """For the account that asked for it; ``details`` has its kind, the document and the elements."""
    TRANSACTION_DONE = "transaction.done"
    TRANSACTION_UNDONE = "transaction.undone"
    TRANSACTION_FAILED = "transaction.failed"
    """Somebody must look at it."""
    TRANSACTION_RETRIED = "transaction.retried"
    TRANSACTION_COMPENSATED = "transaction.compensated"
    """Somebody wanted it to be undone."""
    DOCUMENT_EXPIRED = "document.expired"
    """Its time was over, and its element was about to remove it."""
    DOCUMENT_HELD = "document.held"
    """It was put under a legal hold; ``details`` has the reason."""
    DOCUMENT_RELEASED = "document.released"
    """From its legal hold."""
    ACCESS_REFUSED = "access.refused"
    """Requests of one account or address in one minute; ``details`` says how many."""


class ActorKind(StrEnum):
    SERVICE_ACCOUNT = "service_account"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    """Somebody at a command line with the settings of Admin; ``name`` is the user of the machine."""
    SYSTEM = "system"
    """Admin by itself, or the element of this ``name``."""
    UNKNOWN = "unknown"
    """Somebody without a good token; the address is all that is known."""


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"


_Base64 = Annotated[str, Field(description="Base64 of 32 bytes")]


class AuditActor(BaseModel):
    address: str | None
    id: str | None
    kind: str
    name: str | None
    request_id: str | None


class AuditSubject(BaseModel):
    id: str
    kind: str


class AuditRecord(BaseModel):
    """An entry of the audit trail. Without ``leaf_hash`` it is the JSON object that its leaf is made of."""

    action: str
    actor: AuditActor
    at: Annotated[str, Field(description="RFC 3339, UTC, with six digits of a second")]
    details: dict[str, Any]
    index: int
    outcome: str
    subject: AuditSubject
    leaf_hash: _Base64


class AuditPage(BaseModel):
    items: list[AuditRecord]
    next_cursor: str | None = None


class CheckpointRecord(BaseModel):
    tree_size: int
    root_hash: _Base64
    sealed_at: datetime
    note: Annotated[str, Field(description="C2SP signed note")]


class CheckpointPage(BaseModel):
    items: list[CheckpointRecord]
    next_cursor: str | None = None


class InclusionProof(BaseModel):
    """RFC 6962 §2.1.1."""

    index: int
    tree_size: int
    leaf_hash: _Base64
    hashes: list[_Base64]


class ConsistencyProof(BaseModel):
    """RFC 6962 §2.1.2."""

    from_size: int
    to_size: int
    hashes: list[_Base64]


_Short = Annotated[str, Field(max_length=256, pattern=r"^[^\x00]*$")]


class RefusalCount(BaseModel):
    """How often somebody was refused something within one minute. Without an account: nobody knows who."""

    account_id: _Short | None
    account_name: _Short | None
    account_kind: Literal[ActorKind.SERVICE_ACCOUNT, ActorKind.ADMINISTRATOR] = ActorKind.SERVICE_ACCOUNT
    """Whose id and name they are. Without them it says nothing."""
    address: _Short | None
    method: _Short
    route: _Short
    """The template of the path, or ``*`` for several that were counted together."""
    status: Annotated[int, Field(ge=400, le=499)]
    count: Annotated[int, Field(ge=1, le=2**53 - 1)]


class RefusalReport(BaseModel):
    """What one process of a service refused in one minute. A report that is sent again is recorded once."""

    service: _Short
    instance: Annotated[str, Field(min_length=8, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
    minute: Time
    refusals: Annotated[list[RefusalCount], Field(min_length=1, max_length=1000)]


class ExpiredDocument(BaseModel):
    """One that is about to be removed, since its time is over."""

    file_id: UUID
    owner_id: _Short
    expires_at: Time


class ExpiryReport(BaseModel):
    """What an element is about to remove. It removes nothing before this is taken.

    Sent again, it changes nothing. ``at`` is the time by the clock of the element.
    """

    element_id: _Short
    at: Time
    documents: Annotated[list[ExpiredDocument], Field(min_length=1, max_length=1000)]


class HoldReport(BaseModel):
    """A document was put under a legal hold, or is about to be released from it. Sent again, it changes
    nothing.
    """

    action: Literal[Action.DOCUMENT_HELD, Action.DOCUMENT_RELEASED]
    element_id: _Short
    file_id: UUID
    owner_id: _Short
    since: Time
    """Of the hold."""
    reason: Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
    """Of the hold."""
    account_id: _Short
    account_name: _Short
    account_kind: Literal[ActorKind.SERVICE_ACCOUNT, ActorKind.ADMINISTRATOR] = ActorKind.SERVICE_ACCOUNT
    """Whose id and name they are."""
    request_id: _Short | None = None
