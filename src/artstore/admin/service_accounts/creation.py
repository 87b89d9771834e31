"""How a client makes a service account."""

from datetime import UTC, datetime

from uuid_utils.compat import uuid7

from artstore.admin import audit
from artstore.admin.service_accounts import repository
from artstore.admin.service_accounts.client_secrets import SecretHasher, new_secret
from artstore.admin.service_accounts.naming import new_client_id
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.accounts import CreatedServiceAccount, NewServiceAccount, ServiceAccount
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import ROLE_SCOPES


async def create_account(
    database: Database, hasher: SecretHasher, wanted: NewServiceAccount, actor: audit.Actor
) -> CreatedServiceAccount:
    """The new account with its secret, which nobody can read again. Raises Problem CONFLICT: name taken."""
    account = ServiceAccount(
        id=uuid7(),
        name=wanted.name,
        role=wanted.role,
        client_id=new_client_id(wanted.name),
        scopes=sorted(ROLE_SCOPES[wanted.role]),
        is_system=False,
        created_at=datetime.now(UTC),
    )
    secret = new_secret()
    secret_hash = await hasher.hash(secret)  # before the transaction, which need not wait for it
    try:
        async with database.write() as connection:
            await repository.add_account(connection, account, secret_hash)
            await audit.append(connection, account_created(account, actor))
    except repository.NameTaken as e:
        raise Problem(
            ProblemType.CONFLICT,
            f"There is a service account named {wanted.name!r} already; choose another name.",
            field="name",
        ) from e
    return CreatedServiceAccount(**account.model_dump(), client_secret=secret)


def account_created(account: ServiceAccount, actor: audit.Actor) -> audit.AuditEntry:
    """What the audit trail says of a new account."""
    return audit.AuditEntry(
        audit.Action.ACCOUNT_CREATED,
        actor,
        "account",
        str(account.id),
        details={"name": account.name, "role": account.role, "client_id": account.client_id},
    )
