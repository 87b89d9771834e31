"""The access matrix has a row for everything that the services offer, and for nothing else.

Whether its cells are true is what ``tests/integration/system/test_access_matrix.py`` asks running services.
"""

import pytest
from fastapi.routing import iter_route_contexts

from tests.support import access_matrix, descriptions, pages
from tests.support.access_matrix import (
    CALLERS,
    EVERY_SERVICE,
    GRANTED_READ,
    GRANTED_WRITE,
    HEADINGS,
    OTHERS,
    OUTCOMES,
    OWN,
    Row,
)

ROWS = access_matrix.rows()


def routes_of(service: str) -> set[str]:
    """Everything that the application answers, whether it is described or not."""
    return {
        f"{method} {context.path_format}"
        for context in iter_route_contexts(descriptions.application(service).routes)
        for method in context.methods or {"ANY"}
    }


@pytest.mark.parametrize("service", descriptions.SERVICES)
def test_every_route_has_a_row_and_every_row_a_route(service: str) -> None:
    told = {row.endpoint for row in ROWS if row.service in (HEADINGS[service], EVERY_SERVICE)}
    assert told == routes_of(service)


@pytest.mark.parametrize("service", descriptions.SERVICES)
def test_every_route_is_described(service: str) -> None:
    paths = descriptions.description(service)["paths"]
    assert routes_of(service) == {f"{method.upper()} {path}" for path in paths for method in paths[path]}


def test_every_row_is_of_a_service() -> None:
    assert {row.service for row in ROWS} == {*HEADINGS.values(), EVERY_SERVICE}


def test_every_row_tells_of_every_caller() -> None:
    assert {tuple(row.cells) for row in ROWS} == {CALLERS}


def test_every_cell_is_a_word_that_is_explained() -> None:
    told = {row.name for row in pages.rows(pages.read(access_matrix.PAGE), "cell")}
    assert told == OUTCOMES == {cell for row in ROWS for cell in row.cells.values()}


def cases(*services: str) -> dict[str, list[str]]:
    """Whose documents the rows of an endpoint tell of, for what names a document or lists documents."""
    found: dict[str, list[str]] = {}
    for row in ROWS:
        if row.service in services:
            found.setdefault(f"{row.service} {row.endpoint}", []).append(row.whose)
    return found


def test_whatever_concerns_a_document_tells_whose() -> None:
    of_documents = {
        name: whose
        for name, whose in cases("Ingester", "Query", "Storage Element").items()
        # Transfers are of nobody, and uploads name no document.
        if ("{file_id}" in name and "/transfers/" not in name)
        or name.endswith(
            (
                "/api/v1/search",
                "/search/export",
                "GET /api/v1/suggest",
                "GET /api/v1/files",
                "POST /api/v1/downloads",
            )
        )
    }
    assert len(of_documents) == 26
    assert all(whose == [OWN, OTHERS, GRANTED_READ, GRANTED_WRITE] for whose in of_documents.values())


def test_no_row_is_there_twice() -> None:
    assert len({str(row) for row in ROWS}) == len(ROWS)


def impossible(row: Row, caller: str) -> bool:
    if caller in access_matrix.PERSONS:
        return row.whose in (GRANTED_READ, GRANTED_WRITE) or row.endpoint.startswith(
            tuple(f"POST /api/v1/auth/{what}" for what in ("token", "revoke", "introspect"))
        )
    return (
        caller == access_matrix.SERVICES
        and row.whose == OWN
        and (row.service in ("Query", "Storage Element") or is_of_own_document(row))
    )


def is_of_own_document(row: Row) -> bool:
    """At the Ingester; resumable uploads are asked for by whoever has the scope."""
    return row.service == "Ingester" and "/uploads/" not in row.endpoint


def test_nothing_else_is_left_open() -> None:
    """A cell that cannot be is not asked, so there must be a reason."""
    left_open = {
        (str(row), caller)
        for row in ROWS
        for caller in CALLERS
        if row.cells[caller] == access_matrix.CANNOT_BE
    }
    assert left_open == {(str(row), caller) for row in ROWS for caller in CALLERS if impossible(row, caller)}
