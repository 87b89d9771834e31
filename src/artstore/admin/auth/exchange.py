"""What the endpoints of ``auth`` have in common: the way from a request to a client, and refusals."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from artstore.admin.auth.client_request import MAX_BODY_BYTES, read_parameters
from artstore.admin.auth.refusals import NO_STORE, RequestRefused, refusal_response, too_many_response
from artstore.kernel.openapi import RATE_LIMIT, RETRY_AFTER
from artstore.kernel.problems import REFUSED_KEY, Problem
from artstore.wire.accounts import TokenError
from artstore.wire.problems import ProblemType

_BODY_SECONDS = 10.0

Handler = Callable[[Request, dict[str, str]], Awaitable[Response]]


async def answer(request: Request, handle: Handler) -> Response:
    """Read the parameters and let ``handle`` answer; what it refuses has the form of RFC 6749 §5.2."""
    try:
        parameters = read_parameters(
            content_types=request.headers.getlist("content-type"),
            query=request.url.query,
            body=await _body(request),
        )
        return await handle(request, parameters)
    except RequestRefused as refused:
        return refusal_response(refused)
    except Problem as problem:
        if problem.status != HTTPStatus.TOO_MANY_REQUESTS:
            raise
        if problem.is_refusal:
            request.scope[REFUSED_KEY] = True
        return too_many_response(problem)


def json_answer(model: BaseModel) -> Response:
    body = model.model_dump_json(exclude_none=True)
    return Response(body, headers=NO_STORE, media_type="application/json")


async def _body(request: Request) -> bytes:
    """The body, read up to its limit and for a limited time: whoever calls has not been authenticated."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    break
    except TimeoutError as e:
        raise Problem(
            ProblemType.REQUEST_TIMEOUT, f"The body did not arrive within {_BODY_SECONDS:.0f} seconds."
        ) from e
    return bytes(body)


_CREDENTIALS: Final[dict[str, Any]] = {
    "client_id": {"type": "string", "description": "Unless it comes by HTTP Basic"},
    "client_secret": {"type": "string", "description": "Unless it comes by HTTP Basic"},
    "client_assertion_type": {
        "type": "string",
        "description": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer, with client_assertion",
    },
    "client_assertion": {"type": "string", "description": "A JWT signed by the client (RFC 7523)"},
}


def operation(
    summary: str,
    *,
    operation_id: str,
    parameters: Mapping[str, Any],
    required: list[str],
    success: dict[str, Any],
) -> dict[str, Any]:
    """The OpenAPI operation of an endpoint whose clients authenticate themselves in the request."""
    properties = {**parameters, **_CREDENTIALS}
    form = {"type": "object", "required": required, "properties": properties}
    nullable = {name: one if name in required else _nullable(one) for name, one in properties.items()}
    body = {"application/x-www-form-urlencoded": form, "application/json": form | {"properties": nullable}}
    return {
        "summary": summary,
        "description": "The client authenticates by HTTP Basic, by client_id and client_secret in the body, "
        "or with an assertion (private_key_jwt).",
        "operationId": operation_id,
        "tags": ["auth"],
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in body.items()},
        },
        "responses": {
            "200": success,
            "400": described("The request is refused (RFC 6749 §5.2)", TokenError, {}),
            "401": described("The client is unknown or not authenticated (invalid_client)", TokenError, {}),
            "429": described(
                "The client asks, or fails, too often (temporarily_unavailable)",
                TokenError,
                RETRY_AFTER | RATE_LIMIT,
            ),
        },
    }


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter without a value counts as one that is not there (RFC 6749 §3.1): in JSON, null."""
    return schema | {"type": [schema["type"], "null"]}


def described(
    description: str, model: type[BaseModel], headers: Mapping[str, Any] = RATE_LIMIT
) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": model.model_json_schema()}},
        "headers": {"Cache-Control": {"schema": {"type": "string", "const": "no-store"}}, **headers},
    }
