"""Who asks: the account behind the credentials of a request."""

import asyncio
import hashlib
import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from joserfc.jwk import ECKey, OKPKey, RSAKey
from starlette.requests import Request

from artstore.admin.auth import repository as used
from artstore.admin.auth.assertions import AssertionRefused, check_claims, is_signed, peek
from artstore.admin.auth.client_limits import ClientLimits
from artstore.admin.auth.client_request import (
    AssertionCredentials,
    Credentials,
    SecretCredentials,
    read_credentials,
)
from artstore.admin.auth.refusals import ErrorCode, RequestRefused
from artstore.admin.service_accounts import repository
from artstore.admin.service_accounts.account import Account, StoredSecret
from artstore.admin.service_accounts.client_secrets import SecretHasher, selector_of
from artstore.admin.service_accounts.last_use import LastUse
from artstore.kernel.database import Database, DatabaseDown
from artstore.kernel.logging import get_logger
from artstore.wire.accounts import AccountStatus

_log = get_logger(__name__)
_TIDY_SECONDS = 300.0
_UNKNOWN_OR_WRONG: Final = "The client is unknown or its secret is wrong."
_UNKNOWN_OR_UNSIGNED: Final = "The client is unknown or has not signed the assertion."


class ClientAuthentication:
    """Authenticates the clients of all endpoints of ``auth``.

    An unknown client hears the same as one with a wrong secret, and costs the same: one hashing, or one look
    at a signature. A client that has proved who it is is told why it is refused (its secret has expired, it
    is suspended). ``audiences``: what an assertion may name as this server.
    """

    def __init__(
        self,
        database: Database,
        hasher: SecretHasher,
        last_use: LastUse,
        limits: ClientLimits,
        audiences: Collection[str],
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._last_use = last_use
        self._limits = limits
        self._audiences = frozenset(audiences)
        self._nobodys_keys = _nobodys_keys()

    async def authenticate(self, request: Request, parameters: dict[str, str]) -> Account:
        """The account, active. Raises RequestRefused, Problem TOO_MANY_REQUESTS, RATE_LIMITED."""
        client_id = None
        try:
            credentials = read_credentials(request.headers.getlist("authorization"), parameters)
            client_id = _claimed(credentials)
            proof = _digest(credentials)
            await self._limits.demand_room(request.scope, client_id, proof)
            account = await self._proved(credentials)
        except RequestRefused as refused:
            if refused.code is ErrorCode.INVALID_CLIENT:
                await self._limits.failed(request.scope, client_id)
            raise
        await self._limits.asked(request.scope, account, proof)
        return account

    async def _proved(self, credentials: Credentials) -> Account:
        if isinstance(credentials, SecretCredentials):
            account, secret_id = await self._by_secret(credentials)
        else:
            account, secret_id = await self._by_assertion(credentials), None
        self._last_use.note(account.id, secret_id)
        return account

    async def tidy_from_time_to_time(self) -> None:
        """Forget assertions that have expired. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(_TIDY_SECONDS)
            try:
                async with self._database.write() as connection:
                    await used.forget_expired_assertions(connection)
            except DatabaseDown as error:
                _log.warning("used assertions are tidied later", reason=error.reason)

    async def _by_secret(self, credentials: SecretCredentials) -> tuple[Account, Any]:
        account = await self._find(credentials.client_id)
        meant = _meant(account, credentials.client_secret)
        # Outside the transaction: while a secret is hashed, the connection serves others.
        matches = await self._hasher.matches(
            credentials.client_secret, None if meant is None else meant.secret_hash
        )
        if account is None or meant is None or not matches:
            raise RequestRefused(ErrorCode.INVALID_CLIENT, _UNKNOWN_OR_WRONG)
        if not meant.is_live(datetime.now(UTC)):
            raise RequestRefused(ErrorCode.INVALID_CLIENT, "The secret has expired; have it rotated.")
        _demand_active(account)
        return account, meant.id

    async def _by_assertion(self, credentials: AssertionCredentials) -> Account:
        try:
            peeked = peek(credentials.assertion)
            if credentials.client_id not in (None, peeked.client_id):
                raise AssertionRefused("The client_id and the assertion name different clients.")
            account = await self._find(peeked.client_id)
            keys = account.keys if account is not None and account.keys else self._nobodys_keys
            claims = is_signed(credentials.assertion, peeked, keys)
            if account is None or claims is None:
                raise AssertionRefused(_UNKNOWN_OR_UNSIGNED)
            verified = check_claims(claims, peeked, self._audiences, time.time())
        except AssertionRefused as refused:
            raise RequestRefused(ErrorCode.INVALID_CLIENT, str(refused)) from refused
        _demand_active(account)
        until = datetime.fromtimestamp(verified.until, UTC)
        async with self._database.write() as connection:
            if not await used.use_assertion(connection, account.id, verified.jti, until):
                raise RequestRefused(ErrorCode.INVALID_CLIENT, "The assertion was used before.")
        return account

    async def _find(self, client_id: str) -> Account | None:
        async with self._database.read() as connection:
            return await repository.account_by_client_id(connection, client_id)


def _claimed(credentials: Credentials) -> str | None:
    """Who the client says it is."""
    if isinstance(credentials, SecretCredentials):
        return credentials.client_id
    try:
        return peek(credentials.assertion).client_id
    except AssertionRefused:
        return None


def _digest(credentials: Credentials) -> bytes | None:
    """Of client and secret; None for an assertion, which is another one each time."""
    if not isinstance(credentials, SecretCredentials):
        return None
    return hashlib.sha256(f"{credentials.client_id}\0{credentials.client_secret}".encode()).digest()


def _meant(account: Account | None, secret: str) -> StoredSecret | None:
    """The one secret of the account that this can be: by its selector, else the one that has none."""
    if account is None:
        return None
    selector = selector_of(secret)
    without = None
    for known in account.secrets:
        if known.selector is None:
            without = without or known
        elif known.selector == selector:
            return known
    return without


def _demand_active(account: Account) -> None:
    if account.status is not AccountStatus.ACTIVE:
        raise RequestRefused(ErrorCode.INVALID_CLIENT, f"The account is {account.status}.")
    if account.has_expired(datetime.now(UTC)):
        raise RequestRefused(ErrorCode.INVALID_CLIENT, "The account has expired.")


def _nobodys_keys() -> tuple[dict[str, Any], ...]:
    """One of each type, whose private parts nobody has any more."""
    made = (RSAKey.generate_key(2048), ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519"))
    return tuple(dict(key.as_dict(private=False)) for key in made)
