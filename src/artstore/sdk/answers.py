"""What the services answer, read as values or as errors of the SDK."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from artstore.sdk.errors import ArtStoreError, ServiceFailed, Unavailable, error_of_answer
from artstore.wire.problems import PROBLEM_JSON

Answer = TypeVar("Answer", bound=BaseModel)
_MAX_ERROR_BYTES = 1024 * 1024


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Turns failures of httpx into errors of the SDK, with the cause kept."""
    parsed = httpx.URL(url)
    host = f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Unavailable(f"{host} cannot be reached: {_reason(error)}") from error
    except httpx.TimeoutException as error:
        raise Unavailable(f"{host} made no progress for too long: {_reason(error)}") from error
    except httpx.TransportError as error:
        raise Unavailable(f"the connection to {host} broke: {_reason(error)}") from error
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise ServiceFailed(f"{host} gave no usable answer: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


async def read_answer(response: httpx.Response, answer: type[Answer]) -> Answer:
    """The JSON body of a successful answer."""
    body = await response.aread()
    try:
        return answer.model_validate_json(body)
    except ValidationError as error:
        raise ServiceFailed(f"{response.url} answered something that is no {answer.__name__}") from error


def is_problem(response: httpx.Response) -> bool:
    """Whether the body tells of a problem: also with status 202, for bytes that are offline."""
    return bool(response.headers.get("Content-Type", "").startswith(PROBLEM_JSON))


async def error_of(response: httpx.Response) -> ArtStoreError:
    """The error that an unsuccessful answer means."""
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _MAX_ERROR_BYTES:
            break
    return error_of_answer(
        response.status_code, _json(body), url=str(response.url), retry_after=retry_after(response)
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def retry_after(response: httpx.Response) -> float | None:
    """Seconds after which to ask again. The form with a date (RFC 9110 §10.2.3) is not used by ArtStore and
    not read here."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
