"""The second factor of a person: codes of an authenticator, and recovery codes where it is not at hand."""

from typing import Literal

from artstore.admin.administrators import repository, totp, trail
from artstore.admin.administrators.attempt_repository import now
from artstore.admin.administrators.means import Caller
from artstore.admin.administrators.one_time import code_hash
from artstore.admin.administrators.repository import Known
from artstore.admin.administrators.sealing import Seal
from artstore.admin.audit import Action, AuditEntry
from artstore.kernel.database import WriteConnection

Used = Literal["code", "recovery code"]


async def use(connection: WriteConnection, seal: Seal, known: Known, given: str) -> Used | None:
    """Uses a code up; None where it is wrong or was used. ``known`` is under a lock.

    The time is the database's: it is one for all processes, so that a code is used once among them all.
    """
    compact = "".join(given.split())
    if len(compact) == totp.DIGITS and compact.isascii() and compact.isdigit():
        assert known.totp_secret is not None
        secret = seal.open(known.totp_secret, known.id)
        seconds = (await now(connection)).timestamp()
        step = totp.step_of(compact, secret, seconds, known.totp_last_step)
        if step is None:
            return None
        await repository.change(connection, known.id, totp_last_step=step)
        return "code"
    used = await repository.use_recovery_code(connection, known.id, code_hash(given))
    return "recovery code" if used else None


async def told(connection: WriteConnection, used: Used, known: Known, caller: Caller) -> list[AuditEntry]:
    """What the audit trail is told: of a recovery code, since whoever has none left may be locked out."""
    if used == "code":
        return []
    left = await repository.count_recovery_codes(connection, known.id)
    actor = trail.person(known.id, known.username, caller)
    return [trail.of_administrator(Action.RECOVERY_CODE_USED, actor, known.id, {"left": left})]
