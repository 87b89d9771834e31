"""What people do about their own login: change or set the password, enrol a second factor, remove it."""

import hmac

from pydantic import SecretStr

from artstore.admin.administrators import repository, second_factor, session_repository, totp, trail
from artstore.admin.administrators.attempts import Attempt, begin_attempt, forgiven, hold, succeeded
from artstore.admin.administrators.login import Proof, prove_password, refuse, still_known
from artstore.admin.administrators.means import Caller, Means
from artstore.admin.administrators.one_time import code_hash, new_recovery_codes
from artstore.admin.administrators.password_rules import normal_form, weakness
from artstore.admin.administrators.repository import Known
from artstore.admin.administrators.sessions import require_session, session_ended
from artstore.admin.audit import Action, append_all
from artstore.kernel.access import Principal
from artstore.kernel.database import WriteConnection
from artstore.kernel.problems import Problem
from artstore.wire.administrators import RecoveryCodes, SecondFactorSecret
from artstore.wire.problems import ProblemType

_ISSUER = "ArtStore"


async def change_password(
    means: Means, principal: Principal, old: SecretStr, new: SecretStr, caller: Caller
) -> None:
    """Sets another password, and ends every other session of the person.

    Raises Problem LOGIN_REFUSED for a wrong old password, which counts as a failed login, and WEAK_PASSWORD.
    """
    with means.hasher.place():
        proof = await _prove(means, principal, old, caller)
        await _require_strength(means, proof, new, old)
        hashed = await means.hasher.hash(new.get_secret_value())
    async with means.database.write() as connection:
        known = await _still_known(connection, proof)
        _, session_id = await require_session(connection, principal)
        await _password_right(connection, proof.attempt, known)
        await repository.change(connection, known.id, password_hash=hashed)
        ended = await session_repository.end(
            connection, "password_changed", administrator_id=known.id, except_id=session_id
        )
        actor = trail.person(known.id, known.username, caller)
        entries = [trail.of_administrator(Action.PASSWORD_CHANGED, actor, known.id)]
        await append_all(connection, entries + trail.of_ended_sessions(actor, ended, "password_changed"))


async def set_password(means: Means, username: str, code: SecretStr, new: SecretStr, caller: Caller) -> None:
    """Sets a password with a one-time code. Raises Problem LOGIN_REFUSED, WEAK_PASSWORD."""
    given = code_hash(code.get_secret_value())
    with means.hasher.place():
        async with means.database.write() as connection:
            attempt = await begin_attempt(connection, means.rules, username, caller.address)
            known = await repository.by_username(connection, username)
        if attempt is None:
            raise trail.refused()
        stored = (known.reset_code_hash if known else None) or b""
        is_right = hmac.compare_digest(stored, given) and not attempt.name_is_locked
        hashed = None
        if is_right and known is not None:
            await _require_strength(means, Proof(known, attempt), new)
            hashed = await means.hasher.hash(new.get_secret_value())
    async with means.database.write() as connection:
        await hold(connection, attempt)
        used = (
            known is not None
            and hashed is not None
            and await repository.use_reset_code(connection, known.id, given, hashed)
        )
        if used and known is not None:
            await succeeded(connection, attempt)
            actor = trail.person(known.id, known.username, caller)
            entry = trail.of_administrator(Action.PASSWORD_CHANGED, actor, known.id, {"by": "one-time code"})
            await append_all(connection, [entry])
        else:
            await refuse(connection, attempt, known, caller, "one-time code")
    if not used:
        raise trail.refused()


async def begin_enrolment(
    means: Means, principal: Principal, password: SecretStr, caller: Caller
) -> SecondFactorSecret:
    """A secret for an authenticator. Nothing is asked of the person before it is confirmed."""
    with means.hasher.place():
        proof = await _prove(means, principal, password, caller)
    async with means.database.write() as connection:
        known = await _still_known(connection, proof)
        await require_session(connection, principal)
        await _password_right(connection, proof.attempt, known)
        secret = totp.new_secret()
        if not known.totp_confirmed:
            await repository.change(connection, known.id, totp_secret=means.seal.close(secret, known.id))
    if known.totp_confirmed:
        raise _conflict("There is a second factor already; remove it first.")
    return SecondFactorSecret(
        secret=totp.base32(secret),
        otpauth_uri=totp.otpauth_uri(secret, issuer=_ISSUER, username=known.username),
    )


async def confirm_enrolment(
    means: Means, principal: Principal, code: SecretStr, caller: Caller
) -> RecoveryCodes:
    """From now on logins need a code. The one that confirms is used up."""
    codes = new_recovery_codes()
    async with means.database.write() as connection:
        administrator_id, _ = await require_session(connection, principal)
        known = await repository.locked_by_id(connection, administrator_id)
        if known is None:
            raise session_ended()
        if known.totp_secret is None or known.totp_confirmed:
            raise _conflict("No enrolment of a second factor is under way; begin one.")
        if await second_factor.use(connection, means.seal, known, code.get_secret_value()) != "code":
            raise Problem(
                ProblemType.INVALID_PARAMETER,
                "This is not the code of this moment. Take the next one; is the clock of the device right?",
                field="code",
            )
        await repository.confirm_second_factor(connection, known.id, [code_hash(one) for one in codes])
        actor = trail.person(known.id, known.username, caller)
        await append_all(connection, [trail.of_administrator(Action.SECOND_FACTOR_ENROLLED, actor, known.id)])
    return RecoveryCodes(recovery_codes=codes)


async def remove_second_factor(
    means: Means, principal: Principal, password: SecretStr, code: SecretStr, caller: Caller
) -> None:
    """Needs both, as a login does. Raises Problem LOGIN_REFUSED."""
    with means.hasher.place():
        proof = await _prove(means, principal, password, caller)
    async with means.database.write() as connection:
        known = await _still_known(connection, proof)
        await require_session(connection, principal)
        if not known.totp_confirmed:
            await forgiven(connection, proof.attempt)
            refusal: Problem | None = _conflict("There is no second factor.")
        elif not await second_factor.use(connection, means.seal, known, code.get_secret_value()):
            refusal = await refuse(connection, proof.attempt, known, caller, "second factor")
        else:
            refusal = None
            await succeeded(connection, proof.attempt)
            await repository.remove_second_factor(connection, known.id)
            actor = trail.person(known.id, known.username, caller)
            await append_all(
                connection, [trail.of_administrator(Action.SECOND_FACTOR_REMOVED, actor, known.id)]
            )
    if refusal is not None:
        raise refusal


async def _prove(means: Means, principal: Principal, password: SecretStr, caller: Caller) -> Proof:
    async with means.database.read() as connection:
        await require_session(connection, principal)
    return await prove_password(means, principal.username, password, caller)


async def _still_known(connection: WriteConnection, proof: Proof) -> Known:
    known = await still_known(connection, proof)
    if known is None:
        raise trail.refused()
    return known


async def _password_right(connection: WriteConnection, attempt: Attempt, known: Known) -> None:
    """No success of who has a second factor: who knows the password could guess its codes for ever."""
    await (forgiven if known.totp_confirmed else succeeded)(connection, attempt)


async def _require_strength(means: Means, proof: Proof, new: SecretStr, old: SecretStr | None = None) -> None:
    """Raises Problem WEAK_PASSWORD, after the attempt was given back."""
    text = normal_form(new.get_secret_value())
    reason = weakness(text, proof.known.username, proof.known.full_name)
    if old is not None and text == normal_form(old.get_secret_value()):
        reason = "The new password is the old one. Choose another."
    if reason is None:
        return
    async with means.database.write() as connection:
        await forgiven(connection, proof.attempt)
    raise Problem(ProblemType.WEAK_PASSWORD, reason, field="new_password")


def _conflict(detail: str) -> Problem:
    return Problem(ProblemType.CONFLICT, detail)
