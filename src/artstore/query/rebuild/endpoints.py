"""``GET /api/v1/catalog`` and ``POST /api/v1/catalog/rebuild``."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from sqlalchemy import Row

from artstore.kernel.access import Principal, Requires
from artstore.kernel.logging import get_logger
from artstore.kernel.openapi import problem_answers
from artstore.kernel.peers import ElementDirectory
from artstore.query.catalog.changes import NOTHING_KNOWN
from artstore.query.catalog.reading import CatalogReader
from artstore.query.catalog.repository import CatalogRepository
from artstore.query.rebuild.rebuilder import Rebuilder
from artstore.query.rebuild.repository import RebuildRepository
from artstore.wire.catalog import CatalogElement, CatalogRebuild, CatalogReport, CatalogStatus
from artstore.wire.problems import ProblemType
from artstore.wire.scopes import Scope

_CATALOG = "/api/v1/catalog"
_log = get_logger(__name__)


class CatalogState:
    """How far the catalog is, and its rebuild. Raises DatabaseDown."""

    def __init__(self, catalog: CatalogReader, directory: ElementDirectory) -> None:
        self._catalog = catalog
        self._directory = directory

    async def report(self) -> CatalogReport:
        async with self._catalog.read() as db:
            documents = await CatalogRepository().document_counts(db)
            positions = await CatalogRepository().positions(db)
            rebuild = await RebuildRepository().last(db)
        # Also those that the catalog has not begun with: what is not shown would seem to be all there.
        may_have = [one.element_id for one in self._directory.elements() if one.may_have_documents]
        under_way = rebuild is not None and rebuild.finished_at is None
        return CatalogReport(
            status=CatalogStatus.REBUILDING if under_way else CatalogStatus.READY,
            documents=sum(documents.values()),
            elements=[
                CatalogElement(
                    element_id=element_id,
                    documents=documents.get(element_id, 0),
                    lag=self._lag(element_id, positions.get(element_id, NOTHING_KNOWN)),
                )
                for element_id in sorted({*positions, *may_have})
            ],
            rebuild=None if rebuild is None else _rebuild(rebuild),
        )

    def _lag(self, element_id: str, position: int) -> int | None:
        element = self._directory.get(element_id)
        return None if element is None or position < 0 else max(0, element.last_lsn - position)


def catalog_routes(state: CatalogState, rebuilder: Callable[[], Rebuilder]) -> APIRouter:
    """``rebuilder`` is there once the service has started."""
    router = APIRouter(tags=["catalog"])

    @router.get(_CATALOG, summary="The catalog")
    async def catalog(principal: Annotated[Principal, Requires(Scope.ELEMENTS_READ)]) -> CatalogReport:
        """What it has of each element, and how far its rebuild is."""
        return await state.report()

    @router.post(
        f"{_CATALOG}/rebuild",
        status_code=202,
        summary="Rebuild the catalog",
        responses=problem_answers(ProblemType.DEPENDENCY_UNAVAILABLE),
    )
    async def rebuild(
        principal: Annotated[Principal, Requires(Scope.ELEMENTS_WRITE)], response: Response
    ) -> CatalogReport:
        """From the elements, while searches go on. It goes on behind the answer, also when the process dies;
        `GET /api/v1/catalog` tells how far it is. While one is under way, asking again changes nothing.
        """
        await rebuilder().ask()
        _log.warning("a rebuild of the catalog was asked for", client_id=principal.client_id)
        response.headers["Location"] = _CATALOG
        return await state.report()

    return router


def _rebuild(row: "Row[Any]") -> CatalogRebuild:
    now = row.finished_at or datetime.now(UTC)
    seconds = 0.0 if row.started_at is None else (now - row.started_at).total_seconds()
    return CatalogRebuild(
        documents=row.documents,
        expected=row.expected,
        documents_per_second=round(row.documents / max(seconds, 0.001), 1),
        kept=row.kept,
        waits_for=row.waits_for,
        asked_at=row.asked_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
