"""Attempts to prove who one is, counted by name and by address before anything is compared.

A name is counted whether or not it is somebody's, with the same work, so that nobody learns from it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from artstore.admin.administrators import attempt_repository as repository
from artstore.admin.administrators import metrics
from artstore.admin.administrators.lockout import Attempts, begin, give_back
from artstore.admin.administrators.means import Rules
from artstore.kernel.client_address import customer
from artstore.kernel.database import WriteConnection


@dataclass(frozen=True)
class Attempt:
    """One attempt that has begun. It counts as failed until ``succeeded`` or ``forgiven`` is called."""

    name_key: bytes
    address_key: bytes
    name_is_locked: bool
    """Nothing that is given may be accepted, and the answer must be that for what is wrong."""
    locked_until: datetime | None
    """Set by the failure of this attempt, unless it is forgiven."""


async def begin_attempt(
    connection: WriteConnection, rules: Rules, username: str, address: str
) -> Attempt | None:
    """Counts an attempt; None where the address is locked. Commit before anything is compared."""
    name_key, address_key = key_of_name(username), key_of_address(address)
    known = await repository.locked(connection, [name_key, address_key])
    now = await repository.now(connection)
    by_address = begin(known[address_key], now, rules.by_address)
    if by_address is None:
        metrics.LOGINS.labels("address_locked").inc()
        return None
    if by_address.locked_until is not None:
        metrics.LOCKOUTS.labels("address").inc()
    by_name = begin(known[name_key], now, rules.by_name)
    await repository.keep(connection, address_key, by_address)
    if by_name is None:
        return Attempt(name_key, address_key, name_is_locked=True, locked_until=None)
    await repository.keep(connection, name_key, by_name)
    return Attempt(name_key, address_key, name_is_locked=False, locked_until=by_name.locked_until)


async def hold(connection: WriteConnection, attempt: Attempt) -> None:
    """Locks what the attempt is counted in. To be the first lock of a transaction that takes others."""
    await repository.locked(connection, [attempt.name_key, attempt.address_key])


async def succeeded(connection: WriteConnection, attempt: Attempt) -> None:
    """Nothing is held against the name any more. Of the address this attempt only: others may guess there."""
    known = await repository.locked(connection, [attempt.name_key, attempt.address_key])
    await repository.keep(connection, attempt.name_key, Attempts())
    await repository.keep(connection, attempt.address_key, give_back(known[attempt.address_key]))


async def forgiven(connection: WriteConnection, attempt: Attempt) -> None:
    """The attempt was neither a success nor a failure."""
    for key, attempts in (
        await repository.locked(connection, [attempt.name_key, attempt.address_key])
    ).items():
        await repository.keep(connection, key, give_back(attempts))


def key_of_name(username: str) -> bytes:
    """Hashed, for people type passwords into the wrong field."""
    return hashlib.sha256(b"name\0" + username.encode("utf-8")).digest()


def key_of_address(address: str) -> bytes:
    return hashlib.sha256(b"address\0" + customer(address).encode("utf-8", "replace")).digest()
