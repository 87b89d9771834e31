"""The token of a service's own account."""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import quote_plus

import aiohttp
from pydantic import SecretStr, ValidationError

from artstore.kernel.problems import Problem
from artstore.wire.accounts import TokenAnswer
from artstore.wire.problems import ProblemType

TOKEN_PATH = "/api/v1/auth/token"  # noqa: S105  an address


class AdminAway(Problem):
    """Admin does not answer, or not usefully. `reason` has no secrets in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(ProblemType.DEPENDENCY_UNAVAILABLE, "Admin is away; try again in a few seconds.")
        self.reason = reason

    def __str__(self) -> str:
        return f"Admin is away: {self.reason}"


class ServiceToken:
    """Gets access tokens with the client credentials of a service account (RFC 6749 §4.4).

    A token is kept until shortly before it expires; concurrent callers share one request.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        admin_url: str,
        client_id: str,
        client_secret: str | SecretStr,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._url = admin_url.rstrip("/") + TOKEN_PATH
        self._client_id = client_id
        self._secret = client_secret if isinstance(client_secret, SecretStr) else SecretStr(client_secret)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._fresh_until = 0.0

    async def get(self) -> str:
        """A token that is good for a while. Raises `AdminAway`, also when Admin refuses the credentials."""
        async with self._lock:
            if self._clock() >= self._fresh_until:
                answer = await self._ask()
                self._token = answer.access_token
                # A tenth of its life is left for the request it goes with and for clocks that differ.
                self._fresh_until = self._clock() + 0.9 * answer.expires_in
            return self._token

    def forget(self) -> None:
        """Makes the next `get` ask for a new token, after one was refused."""
        self._fresh_until = 0.0

    async def _ask(self) -> TokenAnswer:
        # RFC 6749 §2.3.1: both are form-encoded before they are joined for Basic.
        basic = aiohttp.encode_basic_auth(
            quote_plus(self._client_id), quote_plus(self._secret.get_secret_value())
        )
        try:
            async with self._session.post(
                self._url, data={"grant_type": "client_credentials"}, headers={"Authorization": basic}
            ) as answer:
                body = await answer.read()
                if answer.status != 200:
                    raise AdminAway(f"it refused a token for {self._client_id} with status {answer.status}")
                return TokenAnswer.model_validate_json(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AdminAway(f"{type(error).__name__} asking for a token") from error
        except ValidationError as error:
            raise AdminAway("its token answer is unreadable") from error
