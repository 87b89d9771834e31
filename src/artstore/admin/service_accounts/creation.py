"""How a client makes a service account."""

from datetime import UTC, datetime

from uuid_utils.compat import uuid7

from artstore.admin import audit
from artstore.admin.service_accounts import repository
from artstore.admin.service_accounts.account import Account
from artstore.admin.service_accounts.changes import created_entry
from artstore.admin.service_accounts.client_secrets import SecretHasher
from artstore.admin.service_accounts.naming import new_client_id
from artstore.admin.service_accounts.public_keys import read_public_keys
from artstore.admin.service_accounts.rotation import SecretPolicy, make_secret
from artstore.admin.service_accounts.updating import demand_future, demand_scopes_of_role
from artstore.kernel.database import Database
from artstore.kernel.problems import Problem
from artstore.wire.accounts import NewServiceAccount
from artstore.wire.problems import ProblemType


async def create_account(
    database: Database,
    hasher: SecretHasher,
    policy: SecretPolicy,
    wanted: NewServiceAccount,
    actor: audit.Actor,
) -> tuple[Account, str]:
    """The new account and its secret, which nobody can read again.

    Raises Problem CONFLICT (name taken), INVALID_PARAMETER, TOO_MANY_REQUESTS.
    """
    demand_scopes_of_role(wanted.role, wanted.scopes)
    demand_future(wanted.expires_at)
    keys = read_public_keys(wanted.keys)
    secret = await make_secret(hasher, policy)  # before the transaction, which need not wait for it
    now = datetime.now(UTC)
    account = Account(
        id=uuid7(),
        name=wanted.name,
        role=wanted.role,
        client_id=new_client_id(wanted.name),
        is_system=False,
        created_at=now,
        updated_at=now,
        description=wanted.description,
        chosen_scopes=None if wanted.scopes is None else tuple(wanted.scopes),
        chosen_rate_limit=wanted.rate_limit,
        keys=tuple(keys),
        expires_at=wanted.expires_at,
        secrets=(secret.stored,),
    )
    try:
        async with database.write() as connection:
            await repository.add_account(connection, account)
            await audit.append(connection, created_entry(account, actor))
    except repository.NameTaken as e:
        raise Problem(
            ProblemType.CONFLICT,
            f"There is a service account named {wanted.name!r} already; choose another name. "
            "(The name of a deleted account stays taken.)",
            field="name",
        ) from e
    return account, secret.text
