"""Scopes (RFC 6749 §3.3) and the roles that bundle them. Code checks scopes, never roles."""

from enum import StrEnum


class Scope(StrEnum):
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"
    FILES_DELETE = "files:delete"
    FILES_ALL = "files:all"
    """Extends the other ``files`` scopes from the account's own documents to those of every account."""
    FILES_HOLD = "files:hold"
    """To put documents under a legal hold, and to release them from it."""
    ELEMENTS_READ = "elements:read"
    ELEMENTS_WRITE = "elements:write"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    AUDIT_READ = "audit:read"
    AUDIT_REPORT = "audit:report"
    """To report refused accesses: of the account of the services alone, and of no role."""
    TRANSACTIONS_READ = "transactions:read"
    TRANSACTIONS_WRITE = "transactions:write"
    """To retry and to undo them. They are begun by what they are for."""
    TRANSACTIONS_BEGIN = "transactions:begin"
    """For others, whose right to it was checked: of the account of the services alone, and of no role."""
    VERSIONS_VOUCH = "versions:vouch"
    """To tell an element of which document an upload is a version, whose right to it was checked: of the
    account of the services alone, and of no role."""
    TICKETS_ISSUE = "tickets:issue"
    """To let somebody fetch a document from its element, whose right to it was checked: of the account of the
    services alone, and of no role."""
    TRANSFERS_WRITE = "transfers:write"
    """To move documents between elements. Of no account: Admin gives it to itself for its transactions."""
    ADMINISTRATORS_READ = "administrators:read"
    ADMINISTRATORS_WRITE = "administrators:write"
    ADMINISTRATORS_SELF = "administrators:self"
    """What a person does about the own login: password, second factor, sessions. Not for service accounts."""


class Role(StrEnum):
    ADMIN = "ADMIN"
    OPERATOR = "OPERATOR"
    USER = "USER"
    AUDITOR = "AUDITOR"
    READONLY = "READONLY"


SERVICES_SCOPES = frozenset(
    {Scope.AUDIT_REPORT, Scope.TRANSACTIONS_BEGIN, Scope.VERSIONS_VOUCH, Scope.TICKETS_ISSUE}
)
"""What the account of the services has beyond its role."""
OF_NO_ROLE = SERVICES_SCOPES | {Scope.TRANSFERS_WRITE}


class AdministratorRole(StrEnum):
    """The roles of people, as ``Role`` has those of service accounts."""

    SUPER_ADMIN = "SUPER_ADMIN"
    ADMIN = "ADMIN"
    READONLY = "READONLY"


ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope) - OF_NO_ROLE - {Scope.ADMINISTRATORS_WRITE, Scope.ADMINISTRATORS_SELF},
    Role.OPERATOR: frozenset(
        {
            Scope.FILES_READ,
            Scope.FILES_ALL,
            Scope.FILES_HOLD,
            Scope.ELEMENTS_READ,
            Scope.ELEMENTS_WRITE,
            Scope.ACCOUNTS_READ,
            Scope.KEYS_READ,
            Scope.TRANSACTIONS_READ,
            Scope.TRANSACTIONS_WRITE,
        }
    ),
    Role.USER: frozenset({Scope.FILES_READ, Scope.FILES_WRITE, Scope.FILES_DELETE}),
    Role.AUDITOR: frozenset(
        {
            Scope.FILES_READ,
            Scope.FILES_ALL,
            Scope.ELEMENTS_READ,
            Scope.ACCOUNTS_READ,
            Scope.KEYS_READ,
            Scope.AUDIT_READ,
            Scope.TRANSACTIONS_READ,
        }
    ),
    Role.READONLY: frozenset({Scope.FILES_READ, Scope.FILES_ALL}),
}

ADMINISTRATOR_SCOPES: dict[AdministratorRole, frozenset[Scope]] = {
    AdministratorRole.SUPER_ADMIN: frozenset(Scope) - OF_NO_ROLE,
    # Not to write administrators: whoever may, can become a SUPER_ADMIN. For the same reason no service
    # account may, since an ADMIN can make service accounts of every role.
    AdministratorRole.ADMIN: frozenset(Scope) - OF_NO_ROLE - {Scope.ADMINISTRATORS_WRITE},
    AdministratorRole.READONLY: frozenset(
        {
            Scope.FILES_READ,
            Scope.FILES_ALL,
            Scope.ELEMENTS_READ,
            Scope.ACCOUNTS_READ,
            Scope.KEYS_READ,
            Scope.AUDIT_READ,
            Scope.TRANSACTIONS_READ,
            Scope.ADMINISTRATORS_SELF,
        }
    ),
}
