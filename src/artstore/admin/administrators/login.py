"""Logging in: a password and, for who has enrolled, a code of the second factor, for a session.

Three steps. The attempt is counted and committed; the password is compared without a transaction; then the
outcome is written. Somebody unknown takes the same steps as a known one with a wrong password, and so does
a name that is locked.
"""

from dataclasses import dataclass

from pydantic import SecretStr

from artstore.admin.administrators import metrics, repository, second_factor, trail
from artstore.admin.administrators.attempts import Attempt, begin_attempt, forgiven, hold, succeeded
from artstore.admin.administrators.means import Caller, Means
from artstore.admin.administrators.repository import Known
from artstore.admin.administrators.sessions import OpenedSession, open_session
from artstore.admin.audit import AuditEntry, append_all
from artstore.kernel.database import WriteConnection
from artstore.kernel.problems import Problem
from artstore.wire.problems import ProblemType


@dataclass(frozen=True)
class Proof:
    """A password that was found right: what was known then, and the attempt that it takes to go on."""

    known: Known
    attempt: Attempt


async def log_in(
    means: Means, username: str, password: SecretStr, code: SecretStr | None, caller: Caller
) -> OpenedSession:
    """A new session. Raises Problem LOGIN_REFUSED, SECOND_FACTOR_REQUIRED, TOO_MANY_REQUESTS."""
    with means.hasher.place():
        proof = await prove_password(means, username, password, caller)
        renewed = None
        if means.hasher.is_outdated(proof.known.password_hash or ""):
            renewed = await means.hasher.hash(password.get_secret_value())
    async with means.database.write() as connection:
        outcome = await _finish(connection, means, proof, code, caller, renewed)
    if isinstance(outcome, Problem):
        raise outcome
    metrics.LOGINS.labels("granted").inc()
    return outcome


async def prove_password(means: Means, username: str, password: SecretStr, caller: Caller) -> Proof:
    """Within a ``place`` of the hasher. What is proven is to be looked at again under a lock.

    Raises Problem LOGIN_REFUSED, after it was written down.
    """
    async with means.database.write() as connection:
        attempt = await begin_attempt(connection, means.rules, username, caller.address)
        known = await repository.by_username(connection, username)
    if attempt is None:
        raise trail.refused()
    is_right = await means.hasher.matches(
        password.get_secret_value(), known.password_hash if known is not None else None
    )
    if is_right and known is not None and known.is_active and not attempt.name_is_locked:
        return Proof(known, attempt)
    async with means.database.write() as connection:
        await refuse(connection, attempt, known, caller, "password")
    raise trail.refused()


async def refuse(
    connection: WriteConnection, attempt: Attempt, known: Known | None, caller: Caller, what: str
) -> Problem:
    """Writes down that the attempt failed; the answer to raise once that is committed."""
    metrics.LOGINS.labels("name_locked" if attempt.name_is_locked else "refused").inc()
    entries = trail.of_refusal(attempt, known, caller, what)
    if entries:
        await append_all(connection, entries)
    return trail.refused()


async def still_known(connection: WriteConnection, proof: Proof) -> Known | None:
    """The administrator under a lock; None if the password is another one since it was compared.

    Takes the locks of the attempt first, in the order of every other transaction.
    """
    await hold(connection, proof.attempt)
    known = await repository.locked_by_id(connection, proof.known.id)
    if known is None or not known.is_active or known.password_hash != proof.known.password_hash:
        return None
    return known


async def _finish(
    connection: WriteConnection,
    means: Means,
    proof: Proof,
    code: SecretStr | None,
    caller: Caller,
    renewed: str | None,
) -> OpenedSession | Problem:
    """The session, or the refusal to raise once the transaction has been committed."""
    known = await still_known(connection, proof)
    if known is None:
        return await refuse(connection, proof.attempt, proof.known, caller, "password")
    entries: list[AuditEntry] = []
    if known.totp_confirmed:
        if code is None:
            # Given back, or whoever is asked for a code would be locked out by logging in.
            await forgiven(connection, proof.attempt)
            metrics.LOGINS.labels("second_factor_required").inc()
            return _code_needed()
        used = await second_factor.use(connection, means.seal, known, code.get_secret_value())
        if used is None:
            return await refuse(connection, proof.attempt, known, caller, "second factor")
        entries += await second_factor.told(connection, used, known, caller)
    await succeeded(connection, proof.attempt)
    if renewed is not None:
        await repository.change(connection, known.id, password_hash=renewed)
    await repository.note_login(connection, known.id)
    opened, told = await open_session(connection, means.rules, known, caller)
    await append_all(connection, entries + told)
    return opened


def _code_needed() -> Problem:
    return Problem(
        ProblemType.SECOND_FACTOR_REQUIRED,
        "The password is right. Send it again with a 'code' of your authenticator, or a recovery code.",
        field="code",
    )
