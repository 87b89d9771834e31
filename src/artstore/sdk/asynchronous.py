"""The asynchronous client, of which the synchronous one is a front."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self, Unpack
from urllib.parse import quote
from uuid import UUID

import httpx

from artstore.attributes import RetentionPolicy
from artstore.sdk import downloads, uploads
from artstore.sdk.accounts import AsyncAccounts
from artstore.sdk.archives import AsyncArchives
from artstore.sdk.batches import AsyncBatches
from artstore.sdk.catalog import AsyncCatalog
from artstore.sdk.downloads import DocumentStream
from artstore.sdk.errors import NotFound
from artstore.sdk.keys import AsyncKeys
from artstore.sdk.links import AsyncLinks
from artstore.sdk.profile import Profile
from artstore.sdk.progress import Progress
from artstore.sdk.registry import AsyncRegistry
from artstore.sdk.retries import Retries
from artstore.sdk.searches import AsyncSearches, SearchOptions
from artstore.sdk.sources import Content
from artstore.sdk.tokens import Tokens
from artstore.sdk.transactions import AsyncTransactions
from artstore.sdk.transport import DEFAULT_TIMEOUT, Transport, new_http_client
from artstore.version import __version__
from artstore.wire.accounts import CreatedServiceAccount, ServiceAccount
from artstore.wire.audit import AuditPage, AuditRecord, CheckpointPage, CheckpointRecord
from artstore.wire.documents import Document, SearchHit, SearchPage
from artstore.wire.elements import ElementPage, ListedElement
from artstore.wire.index import IndexReport
from artstore.wire.retention import Extension, NewLegalHold
from artstore.wire.scopes import Role
from artstore.wire.scrub import ScrubFinding, ScrubFindingPage, ScrubReport, ScrubStatus
from artstore.wire.search import ExportFormat, FoundDocument, SearchAnswer
from artstore.wire.suggestions import Suggestion, SuggestionKind
from artstore.wire.transactions import Finalization, TransactionState

PAGE_SIZE = 100
AUDIT_PAGE_SIZE = 1000
_ASK_AGAIN_SECONDS = 0.5
_GIVEN_UP = (TransactionState.UNDONE, TransactionState.FAILED)
FileId = UUID | str


class AsyncClient:
    """A system of ArtStore, seen by one service account. To be closed, or used as a context manager.

    ``profile`` is a Profile, the path of one, or None for the one that ARTSTORE_PROFILE names, else
    ``data/profile.json``. May be used by many tasks of one event loop at once. Every method raises
    ArtStoreError: NotFound, Rejected, AccessRefused, Unavailable and others (module ``errors``).
    """

    def __init__(
        self,
        profile: Profile | str | os.PathLike[str] | None = None,
        *,
        timeout: httpx.Timeout = DEFAULT_TIMEOUT,
        retries: Retries | None = None,
    ) -> None:
        self.profile = profile if isinstance(profile, Profile) else Profile.load(profile)
        retries = retries or Retries()
        self._http = new_http_client(timeout, user_agent=f"artstore-sdk/{__version__}")
        self._transport = Transport(self._http, Tokens(self._http, self.profile, retries), retries)
        self.accounts = AsyncAccounts(self._transport, self.profile.admin_url)
        """Service accounts."""
        self.keys = AsyncKeys(self._transport, self.profile.admin_url)
        """The keys that sign access tokens."""
        self.registry = AsyncRegistry(self._transport, self.profile.admin_url)
        """What is decided about the storage elements."""
        self.transactions = AsyncTransactions(self._transport, self.profile.admin_url)
        """Work of several steps, such as finalizations."""
        self.batches = AsyncBatches(self._transport, self.profile.ingester_url)
        """Documents that are stored together or not at all."""
        self.catalog = AsyncCatalog(self._transport, self.profile.query_url)
        """What searches read."""
        self.links = AsyncLinks(self._transport, self.profile.query_url)
        """Links to documents, for whoever has no account."""
        self.archives = AsyncArchives(self._transport, self.profile.query_url)
        """Many documents in one download."""
        self._searches = AsyncSearches(self._transport, self.profile.query_url)

    async def upload(
        self,
        content: Content,
        *,
        filename: str | None = None,
        description: str | None = None,
        custom_attributes: Mapping[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        retention_policy: RetentionPolicy | None = None,
        ttl_days: int | None = None,
        content_type: str | None = None,
        version: str | None = None,
        replaces: FileId | None = None,
        document_id: FileId | None = None,
        idempotency_key: str | None = None,
        batch: str | None = None,
        progress: Progress | None = None,
    ) -> Document:
        """Stores a document and returns its attributes once it is durable.

        ``content`` is a path (also as a ``str``), bytes, or a file opened for reading in binary mode, which
        is read from its position to its end and left open. ``filename`` may be omitted for what has a name.
        ``retention_policy``: permanent unless said otherwise. ``ttl_days``: how long a temporary document is
        kept, 1 to 365 days. ``content_type`` is guessed from the name, or by the element from the first
        bytes.

        ``replaces`` is the ``file_id`` of a document of which this one is the next version; ``document_id``
        that of the first version, where it is open which one it follows; ``version`` a name of your own.

        An upload that broke is sent again where ``content`` can be read again, with a key by which the
        service knows it: there is one document. An ``idempotency_key`` of your own, such as a UUID, does the
        same for a program that calls this again within 24 hours, with the same content and attributes.

        ``batch``: the id of one of ``batches``. The document is durable then, and stored with the batch.

        Raises OSError for a path that cannot be read, ValueError for content without a name, TooLarge,
        NoRoom, and Damaged when the element wrote other bytes than were sent.
        """
        return await uploads.upload(
            self._transport,
            f"{self.profile.ingester_url}/api/v1/files/upload",
            content,
            filename=filename,
            description=description,
            custom_attributes=custom_attributes,
            tags=tags,
            retention_policy=retention_policy,
            ttl_days=ttl_days,
            content_type=content_type,
            version=version,
            replaces=None if replaces is None else str(replaces),
            document_id=None if document_id is None else str(document_id),
            idempotency_key=idempotency_key,
            batch=batch,
            progress=progress,
        )

    async def search(
        self,
        q: str = "",
        *,
        limit: int | None = None,
        highlight: bool = False,
        **options: Unpack[SearchOptions],
    ) -> AsyncIterator[FoundDocument]:
        """Documents that ``q`` asks for, the newest first without another ``sort``; all for an empty ``q``.

        ``options`` are the filters, ``mode`` and ``sort``: see ``SearchOptions``. With ``highlight`` each
        document says in its ``highlights`` where what was found stands. Nothing is asked but what was said:
        typing errors are not forgiven, for nobody would see it. Pages are fetched as the iteration goes on;
        ``limit`` ends it after so many documents. Raises Rejected for an option that cannot be accepted.
        """
        async for page in self.search_pages(q, limit=limit, highlight=highlight, **options):
            for hit in page:
                yield hit

    async def search_pages(
        self,
        q: str = "",
        *,
        limit: int | None = None,
        highlight: bool = False,
        **options: Unpack[SearchOptions],
    ) -> AsyncIterator[list[FoundDocument]]:
        """Like ``search``, in lists as they come from the service."""
        async for page in self._searches.pages(q, limit, {"highlight": highlight or None}, options):
            yield page

    async def search_page(
        self,
        q: str = "",
        *,
        limit: int | None = None,
        cursor: str | None = None,
        corrections: bool = True,
        total: bool = False,
        facet: Sequence[str] = (),
        highlight: bool = False,
        **options: Unpack[SearchOptions],
    ) -> SearchAnswer:
        """One page of a search, with what else is asked for.

        ``limit`` counts its documents, 20 if not said; ``cursor`` is the ``next_cursor`` of the page before.
        Unless ``corrections`` is false, typing errors are forgiven where nothing is found, and ``corrected``
        says what was asked instead. ``total`` asks how many documents there are, ``facet`` how many have
        which value: ``type``, ``tag``, ``attribute:outer.inner`` and so on. Ask for both with the first page
        only.
        """
        asked = {
            "limit": limit,
            "cursor": cursor,
            "corrections": corrections,
            "total": total or None,
            "facet": facet,
            "highlight": highlight or None,
        }
        return await self._searches.page(q, asked, options)

    async def export(
        self,
        to: str | os.PathLike[str] | BinaryIO,
        q: str = "",
        *,
        format: ExportFormat | Literal["csv", "jsonl"] = ExportFormat.CSV,  # noqa: A002 - as in HTTP
        for_spreadsheets: bool = False,
        progress: Progress | None = None,
        **options: Unpack[SearchOptions],
    ) -> None:
        """Writes all documents that are found into a file, as CSV or JSON Lines.

        ``to`` is a path, where the file appears, or is replaced, once all is there; or a file opened for
        writing in binary mode, which is left open. ``for_spreadsheets`` puts ``'`` before what a spreadsheet
        would take for a formula. An export that breaks raises Unavailable and leaves no file; it can only be
        started again. ``progress`` is told bytes.
        """
        asked = {"format": ExportFormat(format), "for_spreadsheets": for_spreadsheets or None}
        await self._searches.export(to, q, asked, progress, options)

    async def suggest(
        self, q: str, *, kinds: Sequence[SuggestionKind | str] = (), limit: int | None = None
    ) -> list[Suggestion]:
        """What ``q`` may become: file names, tags, attributes and values, or some ``kinds`` of them, that
        begin so or have a word that does. Nothing for fewer than two letters.
        """
        return await self._searches.suggest(q, kinds, limit)

    async def versions(self, file_id: FileId, *, limit: int | None = None) -> AsyncIterator[SearchHit]:
        """All versions of a document, the newest first, by the id of any of them.

        Asked by its own id a version is among them at once, by that of another one moments after it was
        stored. Raises NotFound.
        """
        async for page in self.version_pages(file_id, limit=limit):
            for hit in page:
                yield hit

    async def version_pages(
        self, file_id: FileId, *, limit: int | None = None
    ) -> AsyncIterator[list[SearchHit]]:
        """Like ``versions``, in lists as they come from the service."""
        url = f"{self._file_url(file_id)}/versions"
        left = limit
        params: dict[str, str | int] = {}
        while left is None or left > 0:
            params["limit"] = PAGE_SIZE if left is None else min(left, PAGE_SIZE)
            page = await self._transport.get(url, SearchPage, params)
            yield page.items
            if left is not None:
                left -= len(page.items)
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    async def info(self, file_id: FileId) -> Document:
        """The attributes of a document."""
        return await self._transport.get(self._file_url(file_id), Document)

    async def download(
        self, file_id: FileId, to: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Path:
        """Fetches a document into a file and returns its path once the SHA-256 has been compared.

        ``to`` is a file, which is replaced, or a folder, in which the document gets its own name and
        nothing is replaced; a pipe or a device is written to. What has arrived when a download is broken off
        stays in a hidden file beside it, from where the next one goes on; so does a download over a file that
        is a beginning of the document. A connection that breaks is taken up again by itself. Raises Damaged
        when the bytes do not match the checksum.
        """
        document = await self.info(file_id)
        return await downloads.download(
            self._transport, f"{self._file_url(file_id)}/download", document, Path(to), progress
        )

    @asynccontextmanager
    async def stream(self, file_id: FileId) -> AsyncIterator[DocumentStream]:
        """Opens a document for reading without a file: ``async with client.stream(id) as stream``."""
        document = await self.info(file_id)
        url = f"{self._file_url(file_id)}/download"
        async with downloads.open_stream(self._transport, url, document) as stream:
            yield stream

    async def delete(self, file_id: FileId) -> None:
        """Deletes a document that is not permanent. Raises NotFound, also for one that is gone already, and
        Conflict for one that is permanent, is becoming so, or is under a legal hold.
        """
        await self._transport.remove(self._kept_url(file_id))

    async def extend(self, file_id: FileId, ttl_days: int) -> Document:
        """Keeps a temporary document for so many days from now, 1 to 365. Raises NotFound, and Conflict where
        that would be shorter than before, or where it does not expire.
        """
        url = f"{self._kept_url(file_id)}/retention"
        return await self._transport.put(url, Extension(ttl_days=ttl_days), Document)

    async def hold(self, file_id: FileId, reason: str) -> Document:
        """Puts a document under a legal hold: nobody deletes it, and it does not expire. May be repeated.
        Raises NotFound, Forbidden, and Conflict where it is held for another reason.
        """
        return await self._transport.put(
            f"{self._kept_url(file_id)}/hold", NewLegalHold(reason=reason), Document
        )

    async def release(self, file_id: FileId) -> None:
        """Ends the legal hold of a document, if there is one. May be repeated. Raises NotFound, Forbidden."""
        await self._transport.remove(f"{self._kept_url(file_id)}/hold")

    async def finalize(
        self, file_id: FileId, *, wait: bool = True, progress: Progress | None = None
    ) -> Finalization:
        """Makes a temporary document permanent; joins what is under way for it.

        Returns when the document is permanent, or when that was given up (its ``state`` says so), or with
        ``wait=False`` when it has begun. It goes on when waiting for it is given up. ``progress`` is told
        bytes. Raises NotFound, and Conflict for one that is permanent already.
        """
        url = f"{self.profile.ingester_url}/api/v1/finalize"
        told = await self._transport.post(f"{url}/{_quoted(file_id)}", None, Finalization)
        while wait and not told.is_permanent and told.state not in _GIVEN_UP:
            if progress is not None:
                progress(told.copied_bytes, told.total_bytes)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            told = await self._transport.get(f"{url}/{told.transaction_id}/status", Finalization)
        if wait and progress is not None:
            progress(told.copied_bytes, told.total_bytes)
        return told

    async def create_account(self, name: str, role: Role | str = Role.USER) -> CreatedServiceAccount:
        """Makes a service account: ``accounts.create``, which can say more about it."""
        return await self.accounts.create(name, role)

    async def list_accounts(self) -> AsyncIterator[ServiceAccount]:
        """All service accounts, the oldest first: ``accounts.list``, which can also search."""
        async for account in self.accounts.list():
            yield account

    async def account_pages(self) -> AsyncIterator[list[ServiceAccount]]:
        """Like ``list_accounts``, in lists as they come from the service."""
        async for page in self.accounts.pages():
            yield page

    async def elements(self) -> list[ListedElement]:
        """All storage elements with their last known state."""
        found: list[ListedElement] = []
        params: dict[str, str | int] = {}
        while True:
            url = f"{self.profile.admin_url}/api/v1/storage-elements"
            page = await self._transport.get(url, ElementPage, params)
            found += page.items
            if page.next_cursor is None:
                return found
            params = {"cursor": page.next_cursor}

    async def index(self, element_id: str) -> IndexReport:
        """How far an element's index is, and how far its rebuild. Raises NotFound for an unknown element."""
        return await self._transport.get(f"{await self._element_url(element_id)}/api/v1/index", IndexReport)

    async def rebuild_index(
        self, element_id: str, *, wait: bool = True, progress: Progress | None = None
    ) -> IndexReport:
        """Has an element rebuild its index from its files, while it serves; joins one that is under way.

        Returns when it is through, or with ``wait=False`` when it has begun. It goes on when waiting for it
        is given up. ``progress`` is told documents. Raises NotFound for an unknown element.
        """
        url = f"{await self._element_url(element_id)}/api/v1/index"
        report = await self._transport.post(f"{url}/rebuild", None, IndexReport)
        while wait and report.rebuild is not None and report.rebuild.finished_at is None:
            if progress is not None:
                progress(report.rebuild.documents, report.rebuild.expected)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            report = await self._transport.get(url, IndexReport)
        if wait and progress is not None and report.rebuild is not None:
            progress(report.rebuild.documents, report.rebuild.expected)
        return report

    async def scrub(self, element_id: str) -> ScrubReport:
        """What checking an element found, and how far it is. Raises NotFound for an unknown element."""
        return await self._transport.get(await self._scrub_url(element_id), ScrubReport)

    async def start_scrub(
        self, element_id: str, *, restart: bool = False, wait: bool = True, progress: Progress | None = None
    ) -> ScrubReport:
        """Has an element check everything that it keeps, while it serves; joins a pass that is under way, and
        goes on with one that was interrupted, unless it is to ``restart``.

        Returns when the pass is through, or was interrupted and does not go on by itself, or with
        ``wait=False`` when it has begun. It goes on when waiting for it is given up. ``progress`` is told
        bytes. Raises NotFound for an unknown element.
        """
        url = await self._scrub_url(element_id)
        report = await self._transport.post(f"{url}?restart=true" if restart else url, None, ScrubReport)
        number = report.current.number if report.current is not None else None
        while wait and report.current is not None and report.current.number == number:
            if report.status is not ScrubStatus.RUNNING and not _goes_on(report):
                break
            if progress is not None:
                progress(report.current.bytes, report.current.total_bytes)
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            report = await self._transport.get(url, ScrubReport)
        return report

    async def pause_scrub(self, element_id: str) -> ScrubReport:
        """Has an element read nothing more for checking, until it is asked to, or started again. Raises
        NotFound for an unknown element.
        """
        return await self._transport.post(f"{await self._scrub_url(element_id)}/pause", None, ScrubReport)

    async def scrub_findings(self, element_id: str) -> AsyncIterator[ScrubFinding]:
        """What the last whole pass and the one under way found wrong, put right or not. Raises NotFound for
        an unknown element.
        """
        async for page in self.scrub_finding_pages(element_id):
            for finding in page:
                yield finding

    async def scrub_finding_pages(self, element_id: str) -> AsyncIterator[list[ScrubFinding]]:
        """Like ``scrub_findings``, in lists as they come from the element."""
        url = f"{await self._scrub_url(element_id)}/findings"
        params: dict[str, str | int] = {}
        while True:
            page = await self._transport.get(url, ScrubFindingPage, params)
            yield page.items
            if page.next_cursor is None:
                return
            params = {"cursor": page.next_cursor}

    async def audit_pages(
        self, *, order: Literal["newest", "oldest"] = "newest", limit: int | None = None
    ) -> AsyncIterator[list[AuditRecord]]:
        """Entries of the audit trail, in lists as they come; ``limit`` ends it after so many."""
        left = limit
        params: dict[str, str | int] = {"order": order}
        while left is None or left > 0:
            params["limit"] = AUDIT_PAGE_SIZE if left is None else min(left, AUDIT_PAGE_SIZE)
            page = await self._transport.get(self._audit_url, AuditPage, params)
            yield page.items
            if left is not None:
                left -= len(page.items)
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    async def checkpoint_pages(self) -> AsyncIterator[list[CheckpointRecord]]:
        """All checkpoints of the audit trail, the smallest first, in lists as they come from the service."""
        params: dict[str, str | int] = {"limit": AUDIT_PAGE_SIZE}
        while True:
            page = await self._transport.get(f"{self._audit_url}/checkpoints", CheckpointPage, params)
            yield page.items
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    async def audit_checkpoint(self) -> str:
        """The newest checkpoint of the audit trail: a signed note. Raises NotFound while there is none."""
        return await self._transport.get_text(f"{self._audit_url}/checkpoint")

    async def audit_key(self) -> str:
        """The key that checkpoints are verified with: ``name+hash+base64``."""
        return (await self._transport.get_text(f"{self._audit_url}/key")).strip()

    async def close(self) -> None:
        """Closes the connections. Nothing may be called afterwards."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _scrub_url(self, element_id: str) -> str:
        return f"{await self._element_url(element_id)}/api/v1/scrub"

    async def _element_url(self, element_id: str) -> str:
        for element in await self.elements():
            if element.element_id == element_id:
                return element.url
        raise NotFound(f"there is no storage element {element_id!r}; 'artstore elements' lists them")

    @property
    def _audit_url(self) -> str:
        return f"{self.profile.admin_url}/api/v1/audit"

    def _kept_url(self, file_id: FileId) -> str:
        return f"{self.profile.ingester_url}/api/v1/files/{_quoted(file_id)}"

    def _file_url(self, file_id: FileId) -> str:
        return f"{self.profile.query_url}/api/v1/files/{_quoted(file_id)}"


def _quoted(file_id: FileId) -> str:
    return quote(str(file_id), safe="", errors="replace")


def _goes_on(report: ScrubReport) -> bool:
    """Whether a pass that does not run is tried again, or waits only for the element to have started."""
    if report.status is not ScrubStatus.INTERRUPTED:
        return False
    return report.waits_for is not None or report.schedule.enabled
