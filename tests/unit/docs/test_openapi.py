"""The APIs: every route says who may use it, and what they are is kept, so that a change shows as a difference."""

import json
from typing import Any

import pytest

from artstore.kernel.access import undeclared_routes
from tests.support import descriptions

_OPEN_TO_EVERYBODY = {
    *("get /health/live", "get /health/ready", "get /metrics", "get /openapi.json", "get /docs"),
    "get /api/v1/audit/key",
    *("post /api/v1/auth/token", "post /api/v1/auth/revoke", "post /api/v1/auth/introspect"),
    *(
        "get /api/v1/auth/revocations",
        "get /.well-known/jwks.json",
        "get /.well-known/oauth-authorization-server",
    ),
    *("get /api/v1/links/{secret}/download", "head /api/v1/links/{secret}/download"),
    *("get /api/v1/tickets/{ticket}/download", "head /api/v1/tickets/{ticket}/download"),
    *("options /api/v1/uploads", "options /api/v1/uploads/{upload}"),
    *(f"post /api/v1/admin-auth/{what}" for what in ("login", "refresh", "logout", "password/reset")),
}


@pytest.mark.parametrize("service", descriptions.SERVICES)
def test_every_route_declares_who_may_use_it(service: str) -> None:
    assert undeclared_routes(descriptions.application(service)) == []


@pytest.mark.parametrize("service", descriptions.SERVICES)
def test_nothing_else_is_open_to_everybody(service: str) -> None:
    paths: dict[str, Any] = descriptions.description(service)["paths"]
    open_ = {
        f"{method} {path}"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if not operation.get("security")
    }
    assert open_ <= _OPEN_TO_EVERYBODY


@pytest.mark.parametrize("service", descriptions.SERVICES)
def test_the_description_that_is_kept_is_that_of_the_service(service: str) -> None:
    kept = descriptions.file_of(service).read_text(encoding="utf-8")
    told = descriptions.as_text(descriptions.description(service))
    assert json.loads(kept) == json.loads(told), (
        "the API changed: .venv/bin/python -m tests.support.descriptions"
    )
    assert kept == told
