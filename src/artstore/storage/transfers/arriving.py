"""The target of a transfer: it pulls the document from the source, commits it, and reads it back."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import aiohttp

from artstore.attributes import FileAttributes, FileId, RetentionPolicy
from artstore.engine import Arrival, Engine, Mode, ModeForbids, NotFound
from artstore.kernel.bodies import BodyTooLong, whole_body
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import says_not_there
from artstore.kernel.problems import Problem
from artstore.storage import metrics
from artstore.storage.running import RunningElement
from artstore.wire.problems import ProblemType
from artstore.wire.transfers import Copied, Copy

WAIT_SECONDS = 5.0
"""How long a call waits for the end of the copying; then it tells how far that is, and is to be repeated."""
_ASK_SECONDS = 10.0
_MOST_ATTRIBUTES = 64 * 1024
_MOST_AT_ONCE = 16
_log = get_logger(__name__)


@dataclass
class _Arrival:
    """A document under way. ``committing``: nothing can keep it from being stored any more."""

    transfer_id: UUID
    task: "asyncio.Task[FileAttributes]" = field(init=False)
    received: int = 0
    committing: bool = False


class Arrivals:
    """All documents under way to this element, at most one transfer of each.

    Whoever asks again for one that is under way waits with the first; a call that is cut off ends nothing.
    """

    def __init__(self, element: RunningElement) -> None:
        self._element = element
        self._under_way: dict[FileId, _Arrival] = {}

    async def copy(
        self, file_id: FileId, wanted: Copy, session: aiohttp.ClientSession, headers: Mapping[str, str]
    ) -> Copied:
        """Begins, or goes on; says how far it is. With a document: that is durable here and was read back.

        Raises Problem CONFLICT while another transfer brings it, or where the source does not hold it for
        this one; ELEMENT_UNAVAILABLE where the source is away; and EngineError, AttributesError.
        """
        arrival = self._under_way.get(file_id)
        if arrival is None:
            if len(self._under_way) >= _MOST_AT_ONCE:
                raise Problem(ProblemType.ELEMENT_UNAVAILABLE, "Too many documents arrive; try again soon.")
            arrival = _Arrival(wanted.transfer_id)
            work = self._take(file_id, wanted, arrival, session, headers)
            arrival.task = asyncio.create_task(work, name=f"arrival {file_id}")
            self._under_way[file_id] = arrival
            arrival.task.add_done_callback(partial(self._ended, file_id))
        elif arrival.transfer_id != wanted.transfer_id:
            raise Problem(ProblemType.CONFLICT, "Another transfer brings this document; withdraw it first.")
        task = arrival.task
        done, _ = await asyncio.wait([task], timeout=WAIT_SECONDS)
        if not done:
            return Copied(received_bytes=arrival.received)
        if task.cancelled():
            raise Problem(ProblemType.CONFLICT, "The transfer was withdrawn.")
        attributes = task.result()
        document = attributes.to_json_object()
        return Copied(received_bytes=attributes.file_size, document=document)

    async def withdraw(self, file_id: FileId) -> FileAttributes | None:
        """Ends what is under way. The document, where it is here all the same: it was committed before."""
        arrival = self._under_way.get(file_id)
        if arrival is not None:
            if not arrival.committing:
                arrival.task.cancel()
            await asyncio.wait([arrival.task])
        try:
            return await self._element.engine.attributes(file_id)
        except NotFound:
            return None

    async def close(self) -> None:
        under_way = list(self._under_way.values())
        for arrival in under_way:
            if not arrival.committing:
                arrival.task.cancel()
        await asyncio.gather(*(arrival.task for arrival in under_way), return_exceptions=True)

    def _ended(self, file_id: FileId, task: "asyncio.Task[FileAttributes]") -> None:
        """Also where nobody waits any more; who asks again finds the document, or begins anew."""
        del self._under_way[file_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("a document did not arrive", file_id=str(file_id), reason=str(error))

    async def _take(
        self,
        file_id: FileId,
        wanted: Copy,
        arrival: _Arrival,
        session: aiohttp.ClientSession,
        headers: Mapping[str, str],
    ) -> FileAttributes:
        """The steps in order; what ends one of them leaves nothing behind before the commit."""
        engine = self._element.engine
        mode = engine.element.mode
        if mode is Mode.EDIT:
            self._demand_other(wanted)
        # A transfer leaves a document temporary: that is nothing for an element that deletes nothing.
        taking = Mode.RW if wanted.source_element_id is None else Mode.EDIT
        try:
            here = await engine.attributes(file_id)
        except NotFound:
            if mode is not taking:
                raise ModeForbids(mode, "take over these documents") from None
            await self._pull(engine, file_id, wanted, arrival, session, headers)
        else:
            if mode is Mode.EDIT and here.transfer_id != wanted.transfer_id:
                await _demand_settled(here, wanted, session, headers)
        arrival.committing = False
        async with await engine.open_document(file_id) as document:
            await document.verify()
            return document.attributes

    def _demand_other(self, wanted: Copy) -> None:
        engine = self._element.engine
        if wanted.source_element_id is None:
            raise ModeForbids(engine.element.mode, "take over documents without knowing from where")
        if wanted.source_element_id == engine.element.id:
            raise Problem(ProblemType.CONFLICT, "The document lies here already; this is its source.")

    async def _pull(
        self,
        engine: Engine,
        file_id: FileId,
        wanted: Copy,
        arrival: _Arrival,
        session: aiohttp.ClientSession,
        headers: Mapping[str, str],
    ) -> None:
        address = _address(wanted, file_id)
        # The source is asked for its mark after this arrival stands in the list: see the fence.
        document = await _document(session, address, headers)
        if document.get("transfer_id") != str(wanted.transfer_id):
            raise Problem(ProblemType.CONFLICT, "The source does not hold the document for this transfer.")
        changes = {**wanted.changes, "updated_at": datetime.now(UTC)}
        is_deletable = engine.element.mode is Mode.EDIT
        try:
            # Where it could be deleted it stays held until the source has let go, or it would come back.
            coming = Arrival.of(document, keeps_mark=is_deletable, **changes)
        except ValueError as error:
            raise Problem(
                ProblemType.INVALID_ATTRIBUTES,
                "The document has an id that carries no time, and can only be kept where it is.",
            ) from error
        if is_deletable and coming.told.retention_policy is RetentionPolicy.PERMANENT:
            raise ModeForbids(engine.element.mode, "take over permanent documents")
        coming.told.to_bytes()  # too large for an attribute file: known before the bytes come
        upload = engine.begin(expected_bytes=coming.told.file_size)
        upload.expect(coming.told.original_filename, coming.told.content_type)
        try:
            async with session.get(f"{address}/download", headers=headers, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise _source_refuses(answer)
                async for piece in answer.content.iter_any():
                    await upload.write(piece)
                    arrival.received = upload.size
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            await upload.abort()
            raise _source_away(error) from error
        except BaseException:
            await upload.abort()
            raise
        arrival.committing = True
        stored = await engine.take_in(upload, coming)
        metrics.BYTES_IN.inc(stored.file_size)


async def _demand_settled(
    here: FileAttributes, wanted: Copy, session: aiohttp.ClientSession, headers: Mapping[str, str]
) -> None:
    """Of a document that does not bear the mark of the transfer: raises Problem CONFLICT unless that is over.

    It is when the document bears no mark and the source has none: it let go, which Admin does not know.
    """
    if here.transfer_id is None and not await _is_there(session, _address(wanted, here.file_id), headers):
        return
    raise Problem(ProblemType.CONFLICT, "The document is here, and this transfer did not bring it.")


async def _is_there(session: aiohttp.ClientSession, address: str, headers: Mapping[str, str]) -> bool:
    timeout = aiohttp.ClientTimeout(total=_ASK_SECONDS)
    try:
        async with session.get(address, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            if answer.status != 200 and not says_not_there(answer):
                raise _source_away_by(answer.status)
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _source_away(error) from error


def _address(wanted: Copy, file_id: UUID) -> str:
    """Of the document at its source."""
    return f"{wanted.source_url.rstrip('/')}/api/v1/files/{file_id}"


async def _document(
    session: aiohttp.ClientSession, address: str, headers: Mapping[str, str]
) -> dict[str, Any]:
    timeout = aiohttp.ClientTimeout(total=_ASK_SECONDS)
    try:
        async with session.get(address, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            if answer.status != 200:
                raise _source_refuses(answer)
            document: dict[str, Any] = json.loads(await whole_body(answer, _MOST_ATTRIBUTES))
            return document
    except (aiohttp.ClientError, TimeoutError, OSError, BodyTooLong, ValueError) as error:
        raise _source_away(error) from error


def _source_refuses(answer: aiohttp.ClientResponse) -> Problem:
    if says_not_there(answer):
        return Problem(ProblemType.CONFLICT, "The source has no such document.")
    return _source_away_by(answer.status)


def _source_away_by(status: int) -> Problem:
    return Problem(ProblemType.ELEMENT_UNAVAILABLE, f"The source answered with status {status}.")


def _source_away(error: Exception) -> Problem:
    if isinstance(error, aiohttp.InvalidURL):
        return Problem(
            ProblemType.INVALID_PARAMETER, "'source_url' is the address of no element.", field="source_url"
        )
    return Problem(
        ProblemType.ELEMENT_UNAVAILABLE, f"The source broke off or does not answer ({type(error).__name__})."
    )
