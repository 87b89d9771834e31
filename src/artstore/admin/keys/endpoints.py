"""``GET /.well-known/jwks.json``."""

from typing import Any

from fastapi import APIRouter, Response

from artstore.admin.keys.ring import KeyRing
from artstore.kernel.access import public

JWKS_PATH = "/.well-known/jwks.json"


def key_routes(keys: KeyRing) -> APIRouter:
    router = APIRouter(tags=["keys"])

    @router.get(JWKS_PATH, summary="The public keys that access tokens are verified with (RFC 7517)")
    @public
    async def key_set(response: Response) -> dict[str, list[dict[str, Any]]]:
        # Short, so that a proxy between cannot hide a new key for long.
        response.headers["Cache-Control"] = "public, max-age=5"
        return keys.key_set()

    return router
