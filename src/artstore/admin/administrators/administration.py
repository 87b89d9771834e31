"""What is done to administrators by others: made, changed, removed, let in again.

One SUPER_ADMIN who can log in is left at any time, whoever does what at the same moment: of those all are
locked before one is changed. From the command line even that one can be given a new password.
"""

from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from artstore.admin.administrators import attempt_repository as attempts
from artstore.admin.administrators import repository, session_repository, trail
from artstore.admin.administrators.attempts import key_of_name
from artstore.admin.administrators.one_time import code_hash, new_code
from artstore.admin.administrators.repository import Known
from artstore.admin.audit import Action, Actor, AuditEntry, Json, append_all
from artstore.kernel.database import Database, ReadConnection, WriteConnection
from artstore.kernel.problems import Problem
from artstore.wire.administrators import (
    Administrator,
    AdministratorChange,
    CreatedAdministrator,
    NewAdministrator,
    ResetCode,
)
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import ADMINISTRATOR_SCOPES, AdministratorRole


async def create(
    connection: WriteConnection,
    code_lifetime: timedelta,
    wanted: NewAdministrator,
    actor: Actor,
    *,
    password_hash: str | None = None,
) -> CreatedAdministrator | Administrator:
    """Makes an administrator, with a one-time code to set a password, unless one is given.

    Raises Problem CONFLICT: the name is taken.
    """
    administrator_id = uuid7()
    try:
        await repository.add(
            connection,
            administrator_id=administrator_id,
            username=wanted.username,
            full_name=wanted.full_name,
            role=wanted.role,
            password_hash=password_hash,
        )
    except repository.UsernameTaken as error:
        raise Problem(
            ProblemType.CONFLICT,
            f"There is an administrator named {wanted.username!r} already; choose another name.",
            field="username",
        ) from error
    code = None
    if password_hash is None:
        code = await _new_reset_code(connection, code_lifetime, administrator_id)
    shown = await shown_by_id(connection, administrator_id)
    details: dict[str, Json] = {"username": wanted.username, "role": wanted.role.value}
    await append_all(
        connection, [trail.of_administrator(Action.ADMINISTRATOR_CREATED, actor, administrator_id, details)]
    )
    if code is None:
        return shown
    return CreatedAdministrator(**shown.model_dump(), **code.model_dump())


async def change(
    connection: WriteConnection, administrator_id: UUID, wanted: AdministratorChange, actor: Actor
) -> Administrator:
    """Changes name, role, activity. The last two end all sessions, whose tokens have the old scopes.

    Raises Problem NOT_FOUND, CONFLICT for the last SUPER_ADMIN.
    """
    able = await repository.locked_able(connection, AdministratorRole.SUPER_ADMIN)
    known = await _locked(connection, administrator_id)
    old = {"full_name": known.full_name, "role": known.role, "is_active": known.is_active}
    new = {name: value for name, value in wanted.model_dump(exclude_none=True).items() if value != old[name]}
    if new:
        if new.get("role", known.role) is not AdministratorRole.SUPER_ADMIN or new.get("is_active") is False:
            _require_another(able, administrator_id)
        await repository.change(connection, administrator_id, **new)
        entries = [
            trail.of_administrator(
                Action.ADMINISTRATOR_CHANGED,
                actor,
                administrator_id,
                {
                    "before": {name: _json(old[name]) for name in new},
                    "after": {name: _json(value) for name, value in new.items()},
                },
            )
        ]
        if "role" in new or "is_active" in new:
            entries += await _end_sessions(connection, administrator_id, actor, "changed")
        await append_all(connection, entries)
    return await shown_by_id(connection, administrator_id)


async def remove(connection: WriteConnection, administrator_id: UUID, actor: Actor) -> None:
    """Raises Problem NOT_FOUND, CONFLICT for the last SUPER_ADMIN."""
    able = await repository.locked_able(connection, AdministratorRole.SUPER_ADMIN)
    known = await _locked(connection, administrator_id)
    _require_another(able, administrator_id)
    entries = await _end_sessions(connection, administrator_id, actor, "removed")
    await repository.remove(connection, administrator_id)
    gone: dict[str, Json] = {"username": known.username, "role": known.role.value}
    entries.append(trail.of_administrator(Action.ADMINISTRATOR_REMOVED, actor, administrator_id, gone))
    await append_all(connection, entries)


async def reset_password(
    connection: WriteConnection,
    code_lifetime: timedelta,
    administrator_id: UUID,
    actor: Actor,
    *,
    without_second_factor: bool = False,
) -> ResetCode:
    """A one-time code with which the person sets a password. The old one and all sessions end now.

    Unlocks the name as well. Raises Problem NOT_FOUND.
    """
    username = (await _present(connection, administrator_id)).username
    await attempts.forget(connection, key_of_name(username))
    known = await _locked(connection, administrator_id)
    code = await _new_reset_code(connection, code_lifetime, administrator_id)
    entries = [trail.of_administrator(Action.PASSWORD_RESET, actor, administrator_id)]
    if without_second_factor and known.totp_secret is not None:
        await repository.remove_second_factor(connection, administrator_id)
        entries.append(trail.of_administrator(Action.SECOND_FACTOR_REMOVED, actor, administrator_id))
    entries += await _end_sessions(connection, administrator_id, actor, "password_reset")
    await append_all(connection, entries)
    return code


async def remove_second_factor(connection: WriteConnection, administrator_id: UUID, actor: Actor) -> None:
    """For who has lost it. The password alone is enough then. Raises Problem NOT_FOUND."""
    known = await _locked(connection, administrator_id)
    if known.totp_secret is None:
        return
    await repository.remove_second_factor(connection, administrator_id)
    await append_all(
        connection, [trail.of_administrator(Action.SECOND_FACTOR_REMOVED, actor, administrator_id)]
    )


async def unlock(connection: WriteConnection, administrator_id: UUID, actor: Actor) -> None:
    """Nothing is held against the name any more. Raises Problem NOT_FOUND."""
    known = await _present(connection, administrator_id)
    if await attempts.forget(connection, key_of_name(known.username)):
        await append_all(
            connection, [trail.of_administrator(Action.ADMINISTRATOR_UNLOCKED, actor, administrator_id)]
        )


async def page(database: Database, last: UUID | None, limit: int) -> list[Administrator]:
    async with database.read() as connection:
        return await shown(connection, await repository.after(connection, last, limit))


async def shown_by_id(connection: ReadConnection, administrator_id: UUID) -> Administrator:
    """Raises Problem NOT_FOUND."""
    [administrator] = await shown(connection, [await _present(connection, administrator_id)])
    return administrator


async def shown_by_username(connection: ReadConnection, username: str) -> Administrator:
    """Raises Problem NOT_FOUND."""
    known = await repository.by_username(connection, username.lower())
    if known is None:
        raise _not_found()
    [administrator] = await shown(connection, [known])
    return administrator


async def shown(connection: ReadConnection, found: list[Known]) -> list[Administrator]:
    """As others may see them."""
    keys = {known.id: key_of_name(known.username) for known in found}
    locks = await attempts.locked_until(connection, list(keys.values()))
    return [_shown(known, locks.get(keys[known.id])) for known in found]


def _shown(known: Known, locked_until: datetime | None) -> Administrator:
    return Administrator(
        id=known.id,
        username=known.username,
        full_name=known.full_name,
        role=known.role,
        scopes=sorted(ADMINISTRATOR_SCOPES[known.role]),
        is_active=known.is_active,
        has_password=known.password_hash is not None,
        has_second_factor=known.totp_confirmed,
        locked_until=locked_until,
        created_at=known.created_at,
        last_login_at=known.last_login_at,
    )


async def _new_reset_code(
    connection: WriteConnection, code_lifetime: timedelta, administrator_id: UUID
) -> ResetCode:
    code = new_code()
    expires = await repository.set_reset_code(connection, administrator_id, code_hash(code), code_lifetime)
    return ResetCode(reset_code=code, reset_code_expires_at=expires)


async def _end_sessions(
    connection: WriteConnection, administrator_id: UUID, actor: Actor, reason: str
) -> list[AuditEntry]:
    ended = await session_repository.end(connection, reason, administrator_id=administrator_id)
    return trail.of_ended_sessions(actor, ended, reason)


def _require_another(able: set[UUID], administrator_id: UUID) -> None:
    """Whoever is not among the able may be changed at will: that leaves as many as there are."""
    if able == {administrator_id}:
        raise Problem(
            ProblemType.CONFLICT,
            "This is the last SUPER_ADMIN who can log in. Make another one first, who sets a password.",
        )


async def _locked(connection: WriteConnection, administrator_id: UUID) -> Known:
    return _found(await repository.locked_by_id(connection, administrator_id))


async def _present(connection: ReadConnection, administrator_id: UUID) -> Known:
    return _found(await repository.by_id(connection, administrator_id))


def _found(known: Known | None) -> Known:
    if known is None:
        raise _not_found()
    return known


def _not_found() -> Problem:
    return Problem(ProblemType.NOT_FOUND, "There is no such administrator.")


def _json(value: object) -> Json:
    return value if isinstance(value, bool) else str(value)
