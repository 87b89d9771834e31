"""The audit trail as it crosses the wire."""

from enum import StrEnum


class Action(StrEnum):
    """What was done. One is added, never renamed: it stands in leaves that are signed."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    """Its client id or its role; ``details`` has the old and the new."""
    ACCOUNT_SECRET_REPLACED = "account.secret_replaced"  # noqa: S105 - an action
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
