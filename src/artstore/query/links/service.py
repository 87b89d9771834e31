"""Making links, and deciding whether one may be used now."""

import hashlib
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from artstore.kernel.access import Principal, RevocationList
from artstore.kernel.client_address import is_within
from artstore.kernel.database import Database, DatabaseDown, WriteConnection
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.query.catalog.reading import CatalogReader
from artstore.query.links.repository import Grant, LinkRepository, Maker
from artstore.wire.links import (
    MAX_LINK_SECONDS_OF_PERSON,
    MAX_LINKS,
    Link,
    LinkCreated,
    NewLink,
)
from artstore.wire.problems import ProblemType

_SECRET_BYTES = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_log = get_logger(__name__)


class Links:
    """Raises DatabaseDown while PostgreSQL, which alone decides, is away."""

    def __init__(
        self, database: Database, catalog: CatalogReader, repository: LinkRepository, ended: RevocationList
    ) -> None:
        """``catalog`` says whether the tables are there; ``ended``: the tokens, and so the links, that
        ended before their time."""
        self._database = database
        self._catalog = catalog
        self._repository = repository
        self._ended = ended

    async def create(self, file_id: UUID, new: NewLink, principal: Principal) -> LinkCreated:
        """For a document that the caller may see: that is the caller's to make sure of."""
        if principal.session_id is not None and new.expires_in > MAX_LINK_SECONDS_OF_PERSON:
            raise Problem(
                ProblemType.INVALID_PARAMETER,
                f"A link that a person makes is good for at most {MAX_LINK_SECONDS_OF_PERSON} seconds.",
                field="expires_in",
            )
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        maker = Maker(principal.account_id, principal.epoch, principal.session_id, principal.rate_limit)
        async with self._write() as db:
            await self._repository.remove_ended(db)
            if await self._repository.count(db, principal.account_id) >= MAX_LINKS:
                raise Problem(
                    ProblemType.TOO_MANY_LINKS,
                    f"The account has {MAX_LINKS} links that are good; end some, or wait until they do.",
                )
            link = await self._repository.add(
                db, new, file_id, uuid4(), _hash(secret), maker, principal.account_end
            )
        _log.info("a link was made", link_id=str(link.link_id), file_id=str(file_id))
        return LinkCreated(**link.model_dump(), url=f"/api/v1/links/{secret}/download")

    async def of_account(self, principal: Principal) -> list[Link]:
        async with self._catalog.read() as db:
            return await self._repository.of_account(db, principal.account_id)

    async def end(self, link_id: UUID, principal: Principal) -> None:
        """Raises Problem NOT_FOUND, also for one of another account."""
        async with self._write() as db:
            if not await self._repository.remove(db, link_id, principal.account_id):
                raise link_not_found()

    async def grant(self, secret: str, address: str | None) -> Grant | None:
        """What the link with this secret allows a client at this address; None where it allows nothing."""
        if _SECRET.fullmatch(secret) is None:
            return None
        async with self._write() as db:
            grant = await self._repository.by_secret(db, _hash(secret), address)
        if grant is None or not is_within(address, grant.link.address):
            return None
        return None if self._ended.covers(standing_for(grant.maker)) else grant

    async def use(self, grant: Grant, address: str | None) -> bool:
        """To be asked last, when the bytes are at hand: of several that use a link for one use, one may."""
        if not grant.link.once:
            return True
        async with self._write() as db:
            return await self._repository.use(db, grant.link.link_id, address)

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[WriteConnection]:
        if not self._catalog.ready.is_set():
            raise DatabaseDown("the tables are being set up")
        async with self._database.write() as db:
            yield db


def standing_for(maker: Maker) -> Principal:
    """Whoever made a link, for the limits and the end of its tokens; it may do nothing itself."""
    return Principal(
        maker.account_id,
        client_id="",
        username="",
        role="",
        scopes=frozenset(),
        token="",
        session_id=maker.session_id,
        epoch=maker.epoch,
        rate_limit=maker.rate_limit,
    )


def link_not_found(*, is_refusal: bool = False) -> Problem:
    """One sentence for every link that does not serve: it must not tell why."""
    return Problem(
        ProblemType.NOT_FOUND, "There is no such link, or it is good no more.", is_refusal=is_refusal
    )


def _hash(secret: str) -> bytes:
    # Of 256 random bits: nothing is won by a slow hash.
    return hashlib.sha256(secret.encode("ascii")).digest()
