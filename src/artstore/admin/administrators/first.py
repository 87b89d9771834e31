"""The first administrator, made at a start that finds none: with the configured password or a generated one.

There is no password that everybody knows: without a configured one the start makes one up and shows it once.
"""

import sys
from dataclasses import dataclass

from pydantic import SecretStr

from artstore.admin.administrators import repository
from artstore.admin.administrators.administration import create
from artstore.admin.administrators.means import Means
from artstore.admin.administrators.one_time import new_refresh_token
from artstore.admin.administrators.password_rules import normal_form, weakness
from artstore.admin.audit import SYSTEM
from artstore.kernel.database import WriteConnection
from artstore.wire.administrators import NewAdministrator
from artstore.wire.scopes import AdministratorRole


class BadFirstPassword(RuntimeError):
    """The configured password of the first administrator breaks a rule. The text says which."""


@dataclass(frozen=True)
class FirstAdministrator:
    username: str
    password: SecretStr | None


async def ensure_first(connection: WriteConnection, means: Means, first: FirstAdministrator) -> str | None:
    """Makes the first administrator if there is none; a generated password is to be shown after the commit.

    The caller holds a lock, so that several processes agree. Raises BadFirstPassword.
    """
    if await repository.any_exists(connection):
        return None
    generated = None
    if first.password is None:
        password = generated = new_refresh_token()
    else:
        password = first.password.get_secret_value()
        if reason := weakness(normal_form(password), first.username):
            raise BadFirstPassword(f"ARTSTORE_ADMIN_INITIAL_ADMIN_PASSWORD cannot be used: {reason}")
    with means.hasher.place():
        hashed = await means.hasher.hash(password)
    wanted = NewAdministrator(username=first.username, role=AdministratorRole.SUPER_ADMIN)
    await create(connection, means.rules.reset_code_lifetime, wanted, SYSTEM, password_hash=hashed)
    return generated


def show_once(username: str, password: str) -> None:
    """On stderr, which is for the person who started the service; not in the log, which is kept."""
    sys.stderr.write(
        f"artstore admin: the first administrator is {username!r} with the password {password}\n"
        "artstore admin: it is shown this once; log in and change it\n"
    )
    sys.stderr.flush()
