"""The audit trail as it crosses the wire."""

from enum import StrEnum


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
    ELEMENT_REGISTERED = "element.registered"
    ELEMENT_MODE_CHANGED = "element.mode_changed"
    ACCESS_REFUSED = "access.refused"
    """Requests of one account or address in one minute; ``details`` says how many."""


class ActorKind(StrEnum):
    SERVICE_ACCOUNT = "service_account"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"
    """Admin by itself."""
    UNKNOWN = "unknown"
    """Somebody without a good token; the address is all that is known."""


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
