"""The audit trail as it crosses the wire."""

from enum import StrEnum


class Action(StrEnum):
    """What was done. One is added, never renamed: it stands in leaves that are signed."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    """Its client id or its role; ``details`` has the old and the new."""
    ACCOUNT_SECRET_REPLACED = "account.secret_replaced"  # noqa: S105 - an action
    KEY_CREATED = "key.created"
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
    ACCESS_REFUSED = "access.refused"
    """Requests of one account or address in one minute; ``details`` says how many."""


class ActorKind(StrEnum):
    SERVICE_ACCOUNT = "service_account"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    """Somebody at a command line with the settings of Admin; ``name`` is the user of the machine."""
    SYSTEM = "system"
    """Admin by itself."""
    UNKNOWN = "unknown"
    """Somebody without a good token; the address is all that is known."""


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
