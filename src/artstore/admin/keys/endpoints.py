"""``GET /.well-known/jwks.json`` for everybody, and ``/api/v1/jwt-keys`` for those who care for the keys."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from artstore.admin import audit, paging
from artstore.admin.keys import repository
from artstore.admin.keys.ring import KeyRing
from artstore.admin.keys.rotation import KeyRotation
from artstore.admin.problem_answers import problem_answer
from artstore.kernel.access import Principal, Requires, public
from artstore.kernel.database import Database
from artstore.wire.keys import SigningKey, SigningKeyPage
from artstore.wire.scopes import Scope

JWKS_PATH = "/.well-known/jwks.json"
_PREFIX = "/api/v1/jwt-keys"
_Reader = Annotated[Principal, Requires(Scope.KEYS_READ)]
_Writer = Annotated[Principal, Requires(Scope.KEYS_WRITE)]
_KeyId = Annotated[str, Path(max_length=200, pattern=r"^[^\x00]+$")]


def key_set_routes(keys: KeyRing) -> APIRouter:
    router = APIRouter(tags=["keys"])

    @router.get(JWKS_PATH, summary="The public keys that access tokens are verified with (RFC 7517)")
    @public
    async def key_set(response: Response) -> dict[str, list[dict[str, Any]]]:
        # Short, so that a proxy between cannot go on giving out a key that was revoked.
        response.headers["Cache-Control"] = "public, max-age=1"
        return keys.key_set()

    return router


def key_routes(database: Database, rotation: KeyRotation) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["keys"])

    @router.get("")
    async def list_keys(
        principal: _Reader,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=paging.MAX_LIMIT)] = paging.DEFAULT_LIMIT,
    ) -> SigningKeyPage:
        """Every key that ever signed or will, the newest first, with its state."""
        before = _place_in(cursor) if cursor is not None else None
        async with database.read() as connection:
            keys = await repository.keys_before(connection, before, limit + 1)
        items, more = keys[:limit], keys[limit:]
        return SigningKeyPage(items=items, next_cursor=_cursor_behind(items[-1]) if more else None)

    @router.post("/rotate", responses=problem_answer(409, "Too many keys are still good"))
    async def rotate_keys(principal: _Writer, request: Request) -> SigningKey:
        """Publish a new key, which signs some seconds later; the tokens of the old one stay good. While a key
        is pending already, it is the answer, and nothing changes.
        """
        return await rotation.rotate(audit.actor_of(request, principal))

    @router.post("/{kid}/revoke", responses=problem_answer(404, "No such key"))
    async def revoke_key(kid: _KeyId, principal: _Writer, request: Request) -> SigningKey:
        """Make all tokens of a key worthless now, because it is compromised. If it signs, another one does
        at once.
        """
        return await rotation.revoke(kid, audit.actor_of(request, principal))

    return router


def _cursor_behind(key: SigningKey) -> str:
    return paging.cursor_after(f"{key.created_at.isoformat()} {key.kid}")


def _place_in(cursor: str) -> tuple[datetime, str]:
    moment, _, kid = paging.key_before(cursor).partition(" ")
    try:
        created_at = datetime.fromisoformat(moment)
    except ValueError as e:
        raise paging.invalid_cursor() from e
    if created_at.tzinfo is None or not kid:
        raise paging.invalid_cursor()
    return created_at, kid
