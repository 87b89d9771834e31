"""``GET /.well-known/oauth-authorization-server``: where a client library finds everything (RFC 8414)."""

from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from artstore.admin.auth.assertions import ALGORITHMS
from artstore.admin.auth.endpoint import TOKEN_PATH
from artstore.admin.auth.token_endpoints import INTROSPECT_PATH, REVOKE_PATH
from artstore.admin.keys.endpoints import JWKS_PATH
from artstore.kernel.access import public
from artstore.wire.scopes import Scope

METADATA_PATH = "/.well-known/oauth-authorization-server"
_Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]
_METHODS: Final[list[_Method]] = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


class ServerMetadata(BaseModel):
    """RFC 8414 §2, as far as it applies: there is no authorization endpoint, hence no response type."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[Scope]
    response_types_supported: list[str]
    grant_types_supported: list[Literal["client_credentials"]]
    token_endpoint_auth_methods_supported: list[_Method]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[_Method]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[_Method]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    service_documentation: str


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
        token_endpoint_auth_methods_supported=_METHODS,
        token_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        revocation_endpoint=public_url + REVOKE_PATH,
        revocation_endpoint_auth_methods_supported=_METHODS,
        revocation_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        introspection_endpoint=public_url + INTROSPECT_PATH,
        introspection_endpoint_auth_methods_supported=_METHODS,
        introspection_endpoint_auth_signing_alg_values_supported=list(ALGORITHMS),
        service_documentation=f"{public_url}/docs",
    )

    @router.get(METADATA_PATH, summary="What this authorization server offers (RFC 8414)")
    @public
    async def server_metadata() -> ServerMetadata:
        return metadata

    return router


def audiences(*, issuer: str, public_url: str) -> frozenset[str]:
    """What a client assertion may name as its audience: this server, or the endpoint that it is sent to."""
    return frozenset({issuer, *(public_url + path for path in (TOKEN_PATH, REVOKE_PATH, INTROSPECT_PATH))})
