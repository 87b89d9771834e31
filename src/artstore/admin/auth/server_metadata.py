"""``GET /.well-known/oauth-authorization-server``: where a client library finds everything (RFC 8414)."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from artstore.admin.auth.endpoint import TOKEN_PATH
from artstore.admin.keys.endpoints import JWKS_PATH
from artstore.kernel.access import public
from artstore.wire.scopes import Scope

METADATA_PATH = "/.well-known/oauth-authorization-server"


class ServerMetadata(BaseModel):
    """RFC 8414 §2, as far as it applies: there is no authorization endpoint, hence no response type."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[Scope]
    response_types_supported: list[str]
    grant_types_supported: list[Literal["client_credentials"]]
    token_endpoint_auth_methods_supported: list[Literal["client_secret_basic", "client_secret_post"]]


def metadata_routes(*, issuer: str, public_url: str) -> APIRouter:
    """``issuer`` stands in the document as it stands in tokens; the addresses are under ``public_url``."""
    router = APIRouter(tags=["auth"])
    metadata = ServerMetadata(
        issuer=issuer,
        token_endpoint=public_url + TOKEN_PATH,
        jwks_uri=public_url + JWKS_PATH,
        scopes_supported=list(Scope),
        response_types_supported=[],
        grant_types_supported=["client_credentials"],
        token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
    )

    @router.get(METADATA_PATH, summary="What this authorization server offers (RFC 8414)")
    @public
    async def server_metadata() -> ServerMetadata:
        return metadata

    return router
