"""One upload with an idempotency key: from the claim of the key to the answer that is kept."""

import asyncio
import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prometheus_client import Counter
from pydantic import SecretStr

from artstore.attributes import FileId, new_file_id
from artstore.ingester.idempotency import repository
from artstore.ingester.idempotency.repository import Claim
from artstore.ingester.idempotency.tables import SCHEMA
from artstore.ingester.migrations import MIGRATIONS, VERSION_TABLE
from artstore.ingester.uploads.body import UploadBody
from artstore.kernel.database import Database, DatabaseDown, migrate
from artstore.kernel.logging import get_logger
from artstore.kernel.problems import Problem
from artstore.wire.headers import IDEMPOTENCY_KEY, REPR_DIGEST
from artstore.wire.problems import ProblemType

KEPT: Final = timedelta(hours=24)
"""How long the same key is the same upload."""
_FORGET_AFTER: Final = KEPT + timedelta(hours=1)
_EXPIRE_EVERY_SECONDS: Final = 300.0
_HASHED_AT_ONCE: Final = 1024 * 1024

_log = get_logger(__name__)
_REPLAYS = Counter(
    "artstore_ingester_idempotent_replays_total", "Uploads that were answered from an earlier one"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stored upload was answered, with status 201."""

    headers: Mapping[str, str]
    content: bytes


class Keys:
    """The idempotency keys in PostgreSQL."""

    def __init__(self, database: Database, url: SecretStr) -> None:
        self._database = database
        self._url = url
        self._prepared = False

    async def prepare(self) -> None:
        """Makes or migrates the table. Raises DatabaseDown, UnknownRevision."""
        await migrate(self._url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE)
        self._prepared = True

    async def run(self) -> None:
        """Prepares the table as soon as PostgreSQL is there, then forgets keys that have expired."""
        while True:
            try:
                await self.prepare()
                while await self._expire():
                    pass
            except DatabaseDown as error:
                _log.warning("idempotency keys wait for the database", reason=error.reason)
                await asyncio.sleep(random.uniform(0.5, 1.5))
            else:
                await asyncio.sleep(_EXPIRE_EVERY_SECONDS * random.uniform(0.5, 1))

    async def known(self, account_id: str, key: str) -> "Once":
        """The upload that the key stands for: a new one, or one that was tried before.

        Raises Problem DEPENDENCY_UNAVAILABLE while PostgreSQL is away.
        """
        if not self._prepared:
            raise _away()
        try:
            async with self._database.read() as db:
                claim = await repository.find(db, account_id, key, since=datetime.now(UTC) - KEPT)
        except DatabaseDown as error:
            raise _away() from error
        return Once(self._database, account_id, key, claim)

    async def _expire(self) -> int:
        async with self._database.write() as db:
            return await repository.expire(db, datetime.now(UTC) - _FORGET_AFTER)


class Once:
    """One try of an upload that has a key."""

    def __init__(self, database: Database, account_id: str, key: str, claim: Claim | None) -> None:
        self._database = database
        self._account_id = account_id
        self._key = key
        self._claim = claim

    is_new = False

    @property
    def was_stored(self) -> bool:
        return self._claim is not None and self._claim.answer is not None

    @property
    def file_id(self) -> FileId | None:
        """The id that earlier tries had."""
        return None if self._claim is None else self._claim.file_id

    @property
    def element_id(self) -> str | None:
        """The element that earlier tries went to, unless it is known that they stored nothing."""
        return None if self._claim is None else self._claim.element_id

    async def replay(self, body: UploadBody, announced: str | None) -> Answer:
        """Reads the whole body, keeps nothing of it, and gives the answer that the same upload got.

        Raises Problem DIGEST_MISMATCH where the bytes have not the SHA-256 that was ``announced``,
        IDEMPOTENCY_KEY_REUSED where it is another upload, and what reading raises.
        """
        assert self._claim is not None, "nothing to replay"
        assert self._claim.answer is not None, "nothing to replay"
        checksum = await _checksum(body)
        if announced not in (None, checksum):
            raise _damaged()
        _demand_same(_fingerprint(body, checksum), self._claim.fingerprint)
        _REPLAYS.inc()
        return _answer_of(self._claim.answer)

    async def begin(self, element_id: str) -> tuple[str, FileId]:
        """Before the first byte goes to an element. Returns the id of the element that it must go to, which
        is another one where an earlier try went there, and the id that the document gets.
        """
        now = datetime.now(UTC)
        try:
            async with self._database.write() as db:
                self._claim = await repository.begin(
                    db,
                    self._account_id,
                    self._key,
                    element_id,
                    new=new_file_id(now),
                    now=now,
                    since=now - KEPT,
                )
        except DatabaseDown as error:
            raise _away() from error
        return self._claim.element_id or element_id, self._claim.file_id

    async def nothing_stored(self) -> None:
        """The try that began is known to have stored nothing."""
        assert self._claim is not None, "it did not begin"
        try:
            async with self._database.write() as db:
                await repository.nothing_stored(db, self._claim)
        except DatabaseDown as error:
            # The key stays with its element, which is right, if less free than it could be.
            _log.warning("an idempotency key stays pinned", reason=error.reason)

    async def stored(self, body: UploadBody, answer: Answer) -> Answer:
        """Keeps the answer; gives the one that counts, which is that of the first try.

        The document is durable whatever happens here: where the answer cannot be kept, a further try finds
        it at its element. Raises Problem IDEMPOTENCY_KEY_REUSED where a try with another upload came
        first.
        """
        assert self._claim is not None, "it did not begin"
        mine = _fingerprint(body, json.loads(answer.content)["checksum"])
        record = {"headers": dict(answer.headers), "content": answer.content.decode()}
        try:
            async with self._database.write() as db:
                kept = await repository.stored(db, self._claim, mine, record)
        except DatabaseDown as error:
            _log.warning("the answer for an idempotency key is not kept", reason=error.reason)
            return answer
        if kept is None:
            return answer
        _demand_same(mine, kept[0])
        return _answer_of(kept[1])


def reused() -> Problem:
    return Problem(
        ProblemType.IDEMPOTENCY_KEY_REUSED,
        "Another upload came with this key before, or its document was deleted; send a new key with each new"
        " upload.",
        field=IDEMPOTENCY_KEY,
    )


def _demand_same(mine: str, first: str | None) -> None:
    if mine != first:
        raise reused()


def _fingerprint(body: UploadBody, checksum: str) -> str:
    return f"{body.told.hexdigest()}-{checksum}"


def _answer_of(kept: Mapping[str, Any]) -> Answer:
    return Answer(kept["headers"], kept["content"].encode())


async def _checksum(body: UploadBody) -> str:
    """Of the file in a body that is read to its end."""
    checksum = hashlib.sha256()
    pieces: list[bytes | memoryview] = []
    body.on_file_bytes = pieces.append

    async def hash_pieces() -> None:
        await asyncio.to_thread(checksum.update, b"".join(pieces))
        pieces.clear()

    while not body.ended:
        await body.read()
        if sum(map(len, pieces)) >= _HASHED_AT_ONCE:
            await hash_pieces()
    await hash_pieces()
    return checksum.hexdigest()


def _damaged() -> Problem:
    return Problem(
        ProblemType.DIGEST_MISMATCH,
        f"The bytes that arrived have not the SHA-256 that {REPR_DIGEST} announced; send them again.",
        field=REPR_DIGEST,
    )


def _away() -> Problem:
    return Problem(
        ProblemType.DEPENDENCY_UNAVAILABLE,
        "The database that remembers idempotency keys is away; try again in a few seconds, or without a key.",
    )
