"""The parts of Query that live from the start of the service to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response

from artstore.kernel.access import JwksClient, Principal, RevocationFollower, RevocationList
from artstore.kernel.background import Background
from artstore.kernel.database import Database, DatabaseDown, migrate
from artstore.kernel.dependencies import Dependency
from artstore.kernel.logging import get_logger
from artstore.kernel.peers import (
    AdminAudit,
    AdminRegistry,
    BreakerOptions,
    Breakers,
    ElementDirectory,
    KeyFollower,
    RefusalReporter,
    ServiceToken,
    http_session,
)
from artstore.kernel.redis import RedisDependency, connect
from artstore.kernel.refusals import Refusals
from artstore.query.archives.endpoints import Archives
from artstore.query.catalog.catalog import Catalog
from artstore.query.catalog.counting import count_documents
from artstore.query.catalog.follower import CatalogFollower
from artstore.query.catalog.listing import ElementListing
from artstore.query.catalog.reading import SESSION, CatalogDependency, CatalogReader
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.catalog.stream import EventStreams
from artstore.query.catalog.tables import SCHEMA
from artstore.query.files.cache import DocumentCache
from artstore.query.files.choice import ElementChoice
from artstore.query.files.elements import ElementFiles
from artstore.query.files.endpoints import Documents, Downloads
from artstore.query.files.fetching import Fetcher
from artstore.query.files.locate import Locator
from artstore.query.files.repository import FilesRepository
from artstore.query.files.versions import Versions
from artstore.query.links.direct import DirectDownloads
from artstore.query.links.endpoints import LinkedDownloads
from artstore.query.links.repository import LinkRepository
from artstore.query.links.service import Links
from artstore.query.links.tickets import AdminTickets
from artstore.query.migrations import MIGRATIONS, VERSION_TABLE
from artstore.query.rebuild.endpoints import CatalogState
from artstore.query.rebuild.rebuilder import CONNECTIONS as REBUILD_CONNECTIONS
from artstore.query.rebuild.rebuilder import Rebuilder
from artstore.query.search.forgiving import ForgivingSearch
from artstore.query.search.repository import SearchRepository
from artstore.query.search.service import Search
from artstore.query.settings import QuerySettings
from artstore.query.suggest.backfill import Backfill
from artstore.query.suggest.corrections import Corrections
from artstore.query.suggest.repository import TermRepository
from artstore.query.suggest.service import Suggester
from artstore.query.suggest.sweeping import Sweeper
from artstore.query.suggest.words import WordRepository
from artstore.query.suggest.writing import TermWriter

_NAME = "artstore-query"
_FOLLOWER_CONNECTIONS = 5

_log = get_logger(__name__)


class RunningQuery:
    """Made once for each process. Between ``start`` and ``stop`` it follows the elements and answers."""

    def __init__(self, settings: QuerySettings, keys: JwksClient) -> None:
        self._settings = settings
        self._keys = keys
        self._redis = connect(settings.redis_url, client_name=_NAME)
        self._directory = ElementDirectory(self._redis)
        self._breakers = Breakers(
            BreakerOptions(
                settings.breaker_failures, settings.breaker_open_seconds, settings.breaker_longest_seconds
            )
        )
        self.revocations = RevocationList()
        self._revocations_follower = RevocationFollower(self.revocations, self._redis, settings.admin_url)
        # Two pools: many slow searches must not hold the follower back, nor it them.
        self._writing = Database(
            settings.database_url, application_name=f"{_NAME}-catalog", pool_size=_FOLLOWER_CONNECTIONS
        )
        self._reading = Database(
            settings.database_url,
            application_name=_NAME,
            pool_size=settings.database_pool_size,
            statement_seconds=settings.search_seconds,
            settings=SESSION,
        )
        self._building = Database(
            settings.database_url, application_name=f"{_NAME}-rebuild", pool_size=REBUILD_CONNECTIONS
        )
        self._reader = CatalogReader(self._reading)
        self._catalog = Catalog(self._writing, CatalogRepository(terms=TermWriter()))
        self._resources = AsyncExitStack()
        self._documents: Documents | None = None
        self._downloads: Downloads | None = None
        self._versions: Versions | None = None
        self._rebuilder: Rebuilder | None = None
        self.catalog_state = CatalogState(self._reader, self._directory)
        self._links = Links(self._reading, self._reader, LinkRepository(), self.revocations)
        self._locator: Locator | None = None
        self._linked: LinkedDownloads | None = None
        self._archives: Archives | None = None
        self.search = Search(self._reader, SearchRepository())
        self.forgiving = ForgivingSearch(self.search, self._reader, Corrections(WordRepository()))
        self.suggester = Suggester(self._reader, TermRepository())

    def dependencies(self) -> list[Dependency]:
        """None is essential: documents are found by id also without the catalog, and without Redis."""
        return [
            self._reading.dependency(essential=False),
            RedisDependency(self._redis),
            CatalogDependency(self._reader),
            self._directory.dependency(),
            self._breakers.dependency(self._directory.elements),
            self._revocations_follower,
        ]

    async def start(self, refusals: Refusals) -> None:
        """Ready for requests on return; PostgreSQL, Redis and the elements may be away.

        Raises UnknownRevision where a newer release has changed the catalog.
        """
        stack = self._resources
        stack.push_async_callback(self._writing.close)
        stack.push_async_callback(self._reading.close)
        stack.push_async_callback(self._building.close)
        stack.push_async_callback(self._redis.aclose)
        session = await stack.enter_async_context(http_session())
        background = Background()

        settings = self._settings
        account = (session, settings.admin_url, settings.client_id, settings.client_secret)
        token = ServiceToken(*account)
        reporter = RefusalReporter(refusals, AdminAudit(session, settings.admin_url, token).refusals)
        stack.push_async_callback(reporter.close)
        stack.push_async_callback(background.stop)
        directory = self._directory
        directory.admin = AdminRegistry(*account)
        listing = ElementListing(session, token)
        cache = DocumentCache(settings.cache_documents)
        follower = CatalogFollower(self._catalog, EventStreams(self._redis), listing, directory, cache)
        rebuilder = self._rebuilder = Rebuilder(self._building, listing, directory)
        elements = ElementFiles(session)
        locator = self._locator = Locator(
            self._reader, FilesRepository(), directory, elements, follower, cache
        )
        self._documents = Documents(locator)
        fetcher = Fetcher(
            elements, ElementChoice(directory.get, self._breakers), settings.element_silence_seconds
        )
        self._downloads = Downloads(
            locator,
            fetcher,
            failover_seconds=settings.failover_seconds,
            stalled_seconds=settings.client_stalled_seconds,
        )
        self._versions = Versions(self._reader, FilesRepository(), locator)
        direct = DirectDownloads(
            fetcher,
            directory.elements,
            AdminTickets(session, settings.admin_url, token),
            # So that one that hangs can be passed over for another.
            seconds=2 * settings.element_silence_seconds,
        )
        self._linked = LinkedDownloads(self._links, self._downloads, direct, locator, token)
        self._archives = Archives(
            self._reader,
            self.search,
            locator,
            self._downloads,
            token,
            most=settings.archives_at_once,
            stalled_seconds=settings.client_stalled_seconds,
        )
        stack.callback(self._archives.close)
        try:
            await self._prepare_catalog()
        except DatabaseDown as error:
            _log.warning("started without the catalog", reason=error.reason)
        background.start("keys", KeyFollower(self._redis, self._keys).run)
        background.start("refusals", reporter.run)
        background.start("element directory", directory.run)
        await self._revocations_follower.learn_first()
        background.start("revocations", self._revocations_follower.run)
        background.start("catalog", lambda: self._follow(follower))
        for name, work in (
            ("rebuild of the catalog", rebuilder.run),
            ("terms of old documents", Backfill(self._writing).run),
            ("terms of nothing", Sweeper(self._writing).run),
        ):
            background.start(name, partial(self._once_there_are_tables, work))
        background.start("catalog counts", lambda: count_documents(self._reader, CatalogRepository()))
        await directory.learned_first()

    async def stop(self) -> None:
        """Ends what ``start`` began, also where it did not get to its end."""
        await self._resources.aclose()

    async def document(self, request: Request, principal: Principal) -> Response:
        assert self._documents is not None, "no request comes before the start"
        return await self._documents.endpoint(request, principal)

    async def download(self, request: Request, principal: Principal) -> Response:
        assert self._downloads is not None, "no request comes before the start"
        return await self._downloads.endpoint(request, principal)

    async def linked_download(self, request: Request) -> Response:
        assert self._linked is not None, "no request comes before the start"
        return await self._linked.endpoint(request)

    def archives(self) -> Archives:
        assert self._archives is not None, "no request comes before the start"
        return self._archives

    def links(self) -> Links:
        return self._links

    def locator(self) -> Locator:
        assert self._locator is not None, "no request comes before the start"
        return self._locator

    def versions(self) -> Versions:
        assert self._versions is not None, "no request comes before the start"
        return self._versions

    def rebuilder(self) -> Rebuilder:
        assert self._rebuilder is not None, "no request comes before the start"
        return self._rebuilder

    async def _prepare_catalog(self) -> None:
        await migrate(
            self._settings.database_url, migrations=MIGRATIONS, schema=SCHEMA, version_table=VERSION_TABLE
        )
        self._reader.ready.set()

    async def _once_there_are_tables(self, run: Callable[[], Awaitable[NoReturn]]) -> NoReturn:
        await self._reader.ready.wait()
        await run()

    async def _follow(self, follower: CatalogFollower) -> None:
        """Each time from the start: the tables may have gone with a database that was replaced."""
        while True:
            try:
                await self._prepare_catalog()
            except DatabaseDown:
                await asyncio.sleep(1)
            else:
                await follower.run()
