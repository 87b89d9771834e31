"""Access tokens of one account: fetched when needed, kept until shortly before they expire."""

import time
from http import HTTPStatus

import anyio
import httpx
from pydantic import ValidationError

from artstore.sdk.answers import error_of, retry_after, translated
from artstore.sdk.errors import ServiceFailed, TooManyRequests, Unauthenticated, Unavailable
from artstore.sdk.profile import Profile
from artstore.sdk.retries import Retries
from artstore.wire.accounts import TokenAnswer, TokenError

_MARGIN_SECONDS = 60.0
"""A token is renewed this long before its end, or in the last tenth of a shorter life."""


class Tokens:
    """The current token of a profile's account. Many tasks that need a new one cause one request."""

    def __init__(self, http: httpx.AsyncClient, profile: Profile, retries: Retries) -> None:
        self._http = http
        self._profile = profile
        self._retries = retries
        self._lock = anyio.Lock()
        self._token: str | None = None
        self._renew_at = 0.0

    async def get(self) -> str:
        """A token that is good for a while. Raises Unauthenticated, Unavailable or ServiceFailed."""
        async with self._lock:
            if self._token is None or time.monotonic() >= self._renew_at:
                answer = await self._fetch()
                self._token = answer.access_token
                margin = min(_MARGIN_SECONDS, answer.expires_in / 10)
                self._renew_at = time.monotonic() + answer.expires_in - margin
            return self._token

    def forget(self, token: str) -> None:
        """A service refused this token: the next ``get`` fetches another, unless one came meanwhile."""
        if self._token == token:
            self._token = None

    async def _fetch(self) -> TokenAnswer:
        url = f"{self._profile.admin_url}/api/v1/auth/token"
        attempt = 0
        while True:
            attempt += 1
            try:
                with translated(url):
                    response = await self._http.post(
                        url,
                        data={"grant_type": "client_credentials"},
                        auth=httpx.BasicAuth(self._profile.client_id, self._profile.client_secret),
                    )
                if response.is_success:
                    return _answer(response)
                raise _refusal(response) or await error_of(response)
            except Unavailable as error:
                # Asking for a token changes nothing, so it may be repeated.
                await self._retries.wait_after(attempt, error)


def _answer(response: httpx.Response) -> TokenAnswer:
    try:
        return TokenAnswer.model_validate_json(response.content)
    except ValidationError as error:
        raise ServiceFailed(f"{response.url} answered something that is no token") from error


def _refusal(response: httpx.Response) -> Unauthenticated | TooManyRequests | None:
    """A refusal in the form of OAuth (RFC 6749 §5.2), None when the answer has another form."""
    try:
        reason = TokenError.model_validate_json(response.content).error_description
    except ValidationError:
        return None
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return TooManyRequests(reason, retry_after=retry_after(response))
    return Unauthenticated(reason)
