"""The first administrator, made at a start that finds none: with the configured password or a generated one.

There is no password that everybody knows. Without a configured one the start makes one up and shows it once,
if there is a terminal to show it at: standard error without one is a log. Otherwise the person has none yet,
and whoever runs Admin gives a one-time code.
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
from artstore.kernel.logging import get_logger
from artstore.wire.administrators import NewAdministrator
from artstore.wire.scopes import AdministratorRole

_log = get_logger(__name__)


class BadFirstPassword(RuntimeError):
    """The configured password of the first administrator breaks a rule. The text says which."""


@dataclass(frozen=True)
class FirstAdministrator:
    username: str
    password: SecretStr | None


async def ensure_first(
    connection: WriteConnection, means: Means, first: FirstAdministrator, *, terminal: bool
) -> str | None:
    """Makes the first administrator if there is none; a generated password is to be shown after the commit,
    at the terminal.

    The caller holds a lock, so that several processes agree. Raises BadFirstPassword.
    """
    if await repository.any_exists(connection):
        return None
    generated = new_refresh_token() if first.password is None and terminal else None
    password = generated if first.password is None else first.password.get_secret_value()
    if first.password is not None and (reason := weakness(normal_form(password or ""), first.username)):
        raise BadFirstPassword(f"ARTSTORE_ADMIN_INITIAL_ADMIN_PASSWORD cannot be used: {reason}")
    hashed = None
    if password is None:
        _log.warning(
            "the first administrator has no password yet; "
            f"'artstore admin user reset-password {first.username}' shows a one-time code to set one"
        )
    else:
        with means.hasher.place():
            hashed = await means.hasher.hash(password)
    wanted = NewAdministrator(username=first.username, role=AdministratorRole.SUPER_ADMIN)
    await create(connection, means.rules.reset_code_lifetime, wanted, SYSTEM, password_hash=hashed)
    return generated


def show_once(username: str, password: str) -> None:
    """To the person who started the service."""
    sys.stderr.write(
        f"artstore admin: the first administrator is {username!r} with the password {password}\n"
        "artstore admin: it is shown this once; log in and change it\n"
    )
    sys.stderr.flush()
