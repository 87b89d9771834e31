"""The synchronous client: a front of the asynchronous one, which runs in an event loop on a thread of its
own.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self, TypeVar, Unpack

import httpx
from anyio.from_thread import start_blocking_portal

from artstore.attributes import RetentionPolicy
from artstore.sdk.accounts_front import Accounts
from artstore.sdk.archives import Archives
from artstore.sdk.asynchronous import AsyncClient, FileId
from artstore.sdk.batches import Batches
from artstore.sdk.catalog import Catalog
from artstore.sdk.downloads import DocumentStream
from artstore.sdk.keys import Keys
from artstore.sdk.links import Links
from artstore.sdk.profile import Profile
from artstore.sdk.progress import Progress
from artstore.sdk.registry import Registry
from artstore.sdk.retries import Retries
from artstore.sdk.searches import SearchOptions
from artstore.sdk.sources import Content
from artstore.sdk.transactions import Transactions
from artstore.sdk.transport import DEFAULT_TIMEOUT
from artstore.wire.accounts import CreatedServiceAccount, ServiceAccount
from artstore.wire.audit import AuditRecord, CheckpointRecord
from artstore.wire.documents import Document, SearchHit
from artstore.wire.elements import ListedElement
from artstore.wire.index import IndexReport
from artstore.wire.scopes import Role
from artstore.wire.scrub import ScrubFinding, ScrubReport
from artstore.wire.search import ExportFormat, FoundDocument, SearchAnswer
from artstore.wire.suggestions import Suggestion, SuggestionKind
from artstore.wire.transactions import Finalization

T = TypeVar("T")


class SyncDocumentStream:
    """The bytes of a document while they arrive: iterate over it once, or ``read`` it whole.

    Raises Damaged at the end when the bytes do not have the document's SHA-256, and Unavailable when the
    connection breaks; what was read until then is not to be trusted.
    """

    def __init__(self, stream: DocumentStream, client: "Client") -> None:
        self.document = stream.document
        self._stream = stream
        self._client = client

    def __iter__(self) -> Iterator[bytes]:
        return self._client._iterate(aiter(self._stream))

    def read(self) -> bytes:
        """The whole document; only for those that fit into memory."""
        return self._client._run(self._stream.read)


class Client:
    """A system of ArtStore, seen by one service account. To be closed, or used as a context manager.

    ``profile`` is a Profile, the path of one, or None for the one that ARTSTORE_PROFILE names, else
    ``data/profile.json``. May be used by many threads at once; progress callbacks come from another thread.
    Every method raises ArtStoreError: NotFound, Rejected, AccessRefused, Unavailable and others (module
    ``errors``). The methods are those of ``AsyncClient``, which tells about each at more length.
    """

    def __init__(
        self,
        profile: Profile | str | os.PathLike[str] | None = None,
        *,
        timeout: httpx.Timeout = DEFAULT_TIMEOUT,
        retries: Retries | None = None,
    ) -> None:
        # Read here, so that a bad profile leaves no thread behind.
        self.profile = profile if isinstance(profile, Profile) else Profile.load(profile)
        self._closed = False
        self._thread = ExitStack()
        self._portal = self._thread.enter_context(start_blocking_portal("asyncio", name="artstore-client"))
        self._thread.callback(lambda: self._run(self._client.close))
        self._client = AsyncClient(self.profile, timeout=timeout, retries=retries)
        self.accounts = Accounts(self._client.accounts, self._run, self._iterate)
        """Service accounts."""
        self.keys = Keys(self._client.keys, self._run)
        """The keys that sign access tokens."""
        self.registry = Registry(self._client.registry, self._run)
        """What is decided about the storage elements."""
        self.transactions = Transactions(self._client.transactions, self._run, self._iterate)
        """Work of several steps, such as finalizations."""
        self.batches = Batches(self._client.batches, self._run, self._iterate)
        """Documents that are stored together or not at all."""
        self.catalog = Catalog(self._client.catalog, self._run)
        """What searches read."""
        self.links = Links(self._client.links, self._run)
        """Links to documents, for whoever has no account."""
        self.archives = Archives(self._client.archives, self._run)
        """Many documents in one download."""

    def upload(
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
        """Stores a document (a path, bytes or an open file) and returns its attributes once it is durable."""
        return self._run(
            partial(
                self._client.upload,
                content,
                filename=filename,
                description=description,
                custom_attributes=custom_attributes,
                tags=tags,
                retention_policy=retention_policy,
                ttl_days=ttl_days,
                content_type=content_type,
                version=version,
                replaces=replaces,
                document_id=document_id,
                idempotency_key=idempotency_key,
                batch=batch,
                progress=progress,
            )
        )

    def search(
        self,
        q: str = "",
        *,
        limit: int | None = None,
        highlight: bool = False,
        **options: Unpack[SearchOptions],
    ) -> Iterator[FoundDocument]:
        """Documents that ``q`` asks for, newest first without another ``sort``; all for an empty ``q``."""
        for page in self.search_pages(q, limit=limit, highlight=highlight, **options):
            yield from page

    def search_pages(
        self,
        q: str = "",
        *,
        limit: int | None = None,
        highlight: bool = False,
        **options: Unpack[SearchOptions],
    ) -> Iterator[list[FoundDocument]]:
        """Like ``search``, in lists as they come from the service."""
        return self._iterate(self._client.search_pages(q, limit=limit, highlight=highlight, **options))

    def search_page(
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
        """One page of a search, with what else is asked for: corrections, total, facets."""
        call = partial(self._client.search_page, q, limit=limit, cursor=cursor, corrections=corrections)
        return self._run(partial(call, total=total, facet=facet, highlight=highlight, **options))

    def export(
        self,
        to: str | os.PathLike[str] | BinaryIO,
        q: str = "",
        *,
        format: ExportFormat | Literal["csv", "jsonl"] = ExportFormat.CSV,  # noqa: A002 - as in HTTP
        for_spreadsheets: bool = False,
        progress: Progress | None = None,
        **options: Unpack[SearchOptions],
    ) -> None:
        """Writes all documents that are found as CSV or JSON Lines; into a path as a whole or not at all."""
        call = partial(self._client.export, to, q, format=format, for_spreadsheets=for_spreadsheets)
        self._run(partial(call, progress=progress, **options))

    def suggest(
        self, q: str, *, kinds: Sequence[SuggestionKind | str] = (), limit: int | None = None
    ) -> list[Suggestion]:
        """What ``q`` may become: file names, tags, attributes and values, or some ``kinds`` of them."""
        return self._run(partial(self._client.suggest, q, kinds=kinds, limit=limit))

    def versions(self, file_id: FileId, *, limit: int | None = None) -> Iterator[SearchHit]:
        """All versions of a document, newest first, by the id of any of them. Raises NotFound."""
        for page in self.version_pages(file_id, limit=limit):
            yield from page

    def version_pages(self, file_id: FileId, *, limit: int | None = None) -> Iterator[list[SearchHit]]:
        """Like ``versions``, in lists as they come from the service."""
        return self._iterate(self._client.version_pages(file_id, limit=limit))

    def info(self, file_id: FileId) -> Document:
        """The attributes of a document."""
        return self._run(partial(self._client.info, file_id))

    def download(
        self, file_id: FileId, to: str | os.PathLike[str], *, progress: Progress | None = None
    ) -> Path:
        """Fetches a document into a file or folder, resuming what was broken off; compares the SHA-256."""
        return self._run(partial(self._client.download, file_id, to, progress=progress))

    @contextmanager
    def stream(self, file_id: FileId) -> Iterator[SyncDocumentStream]:
        """Opens a document for reading without a file: ``with client.stream(id) as stream``."""
        with self._portal.wrap_async_context_manager(self._client.stream(file_id)) as stream:
            yield SyncDocumentStream(stream, self)

    def delete(self, file_id: FileId) -> None:
        """Deletes a document that is not permanent. Raises NotFound, Conflict."""
        self._run(partial(self._client.delete, file_id))

    def extend(self, file_id: FileId, ttl_days: int) -> Document:
        """Keeps a temporary document for so many days from now. Raises NotFound, Conflict."""
        return self._run(partial(self._client.extend, file_id, ttl_days))

    def hold(self, file_id: FileId, reason: str) -> Document:
        """Puts a document under a legal hold. Raises NotFound, Forbidden, Conflict."""
        return self._run(partial(self._client.hold, file_id, reason))

    def release(self, file_id: FileId) -> None:
        """Ends the legal hold of a document, if there is one. Raises NotFound, Forbidden."""
        self._run(partial(self._client.release, file_id))

    def finalize(
        self, file_id: FileId, *, wait: bool = True, progress: Progress | None = None
    ) -> Finalization:
        """Makes a temporary document permanent. Raises NotFound, Conflict for one that is permanent."""
        return self._run(partial(self._client.finalize, file_id, wait=wait, progress=progress))

    def create_account(self, name: str, role: Role | str = Role.USER) -> CreatedServiceAccount:
        """Makes a service account: ``accounts.create``, which can say more about it."""
        return self.accounts.create(name, role)

    def list_accounts(self) -> Iterator[ServiceAccount]:
        """All service accounts, the oldest first: ``accounts.list``, which can also search."""
        return self.accounts.list()

    def account_pages(self) -> Iterator[list[ServiceAccount]]:
        """Like ``list_accounts``, in lists as they come from the service."""
        return self.accounts.pages()

    def elements(self) -> list[ListedElement]:
        """All storage elements with their last known state."""
        return self._run(self._client.elements)

    def index(self, element_id: str) -> IndexReport:
        """How far an element's index is, and how far its rebuild. Raises NotFound for an unknown element."""
        return self._run(partial(self._client.index, element_id))

    def rebuild_index(
        self, element_id: str, *, wait: bool = True, progress: Progress | None = None
    ) -> IndexReport:
        """Has an element rebuild its index from its files, while it serves; joins one that is under way.

        Returns when it is through, or with ``wait=False`` when it has begun.
        """
        return self._run(partial(self._client.rebuild_index, element_id, wait=wait, progress=progress))

    def scrub(self, element_id: str) -> ScrubReport:
        """What checking an element found, and how far it is. Raises NotFound for an unknown element."""
        return self._run(partial(self._client.scrub, element_id))

    def start_scrub(
        self, element_id: str, *, restart: bool = False, wait: bool = True, progress: Progress | None = None
    ) -> ScrubReport:
        """Has an element check everything that it keeps, while it serves; joins a pass that is under way.

        Returns when it is through or goes on no more, or with ``wait=False`` when it has begun.
        """
        return self._run(
            partial(self._client.start_scrub, element_id, restart=restart, wait=wait, progress=progress)
        )

    def pause_scrub(self, element_id: str) -> ScrubReport:
        """Has an element read nothing more for checking, until it is asked to, or started again."""
        return self._run(partial(self._client.pause_scrub, element_id))

    def scrub_findings(self, element_id: str) -> Iterator[ScrubFinding]:
        """What the last whole pass and the one under way found wrong, put right or not."""
        for page in self.scrub_finding_pages(element_id):
            yield from page

    def scrub_finding_pages(self, element_id: str) -> Iterator[list[ScrubFinding]]:
        """Like ``scrub_findings``, in lists as they come from the element."""
        return self._iterate(self._client.scrub_finding_pages(element_id))

    def audit_pages(
        self, *, order: Literal["newest", "oldest"] = "newest", limit: int | None = None
    ) -> Iterator[list[AuditRecord]]:
        """Entries of the audit trail, in lists as they come from the service."""
        return self._iterate(self._client.audit_pages(order=order, limit=limit))

    def checkpoint_pages(self) -> Iterator[list[CheckpointRecord]]:
        """All checkpoints of the audit trail, the smallest first, in lists as they come from the service."""
        return self._iterate(self._client.checkpoint_pages())

    def audit_checkpoint(self) -> str:
        """The newest checkpoint of the audit trail: a signed note. Raises NotFound while there is none."""
        return self._run(self._client.audit_checkpoint)

    def audit_key(self) -> str:
        """The key that checkpoints are verified with: ``name+hash+base64``."""
        return self._run(self._client.audit_key)

    def close(self) -> None:
        """Closes the connections and ends the thread. Nothing may be called afterwards; may be called
        twice.
        """
        self._closed = True
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, call: Callable[[], Awaitable[T]]) -> T:
        future = self._portal.start_task_soon(call)
        try:
            return future.result()
        except BaseException:
            # Interrupted while waiting: what runs for this call must not run on behind its back.
            future.cancel()
            raise

    def _iterate(self, source: AsyncIterator[T]) -> Iterator[T]:
        end = object()

        async def following() -> T | object:
            return await anext(source, end)

        try:
            while (item := self._run(following)) is not end:
                yield item  # type: ignore[misc]  # the sentinel, the only object that is no T, is excluded
        finally:
            # With the client closed, the loop has ended it already.
            if isinstance(source, AsyncGenerator) and not self._closed:
                self._run(source.aclose)
