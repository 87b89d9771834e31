"""The page on the API tells of every endpoint and every problem type, and of nothing else."""

import json
from typing import Any

import pytest

from artstore.admin import paging
from artstore.admin.audit import endpoints as audit
from artstore.query.files import versions
from artstore.storage.files import listing
from artstore.storage.scrub import endpoints as scrub
from artstore.wire import batches, search
from artstore.wire.problems import ProblemBody, ProblemType
from tests.support import descriptions, pages

PAGE = pages.read("api.md")
ENDPOINTS = pages.rows(PAGE, "endpoint")
PROBLEMS = pages.rows(PAGE, "type")
HEADINGS = {"admin": "Admin", "storage": "Storage Element", "ingester": "Ingester", "query": "Query"}
EVERY_SERVICE = "Every service"


@pytest.mark.parametrize("service", descriptions.SERVICES)
def test_every_endpoint_is_told_with_its_scope(service: str) -> None:
    told = {row.name: row["scope"] for row in ENDPOINTS if row.heading in (HEADINGS[service], EVERY_SERVICE)}
    assert told == scopes_of(descriptions.description(service))


def scopes_of(description: dict[str, Any]) -> dict[str, str]:
    """By method and path; ``-`` for what is open to everybody."""
    return {
        f"{method.upper()} {path}": " ".join(*security.values()) if (security := first(operation)) else "-"
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def first(operation: dict[str, Any]) -> dict[str, list[str]]:
    required: list[dict[str, list[str]]] = operation.get("security") or [{}]
    assert len(required) == 1
    return required[0]


def test_every_table_of_endpoints_is_of_a_service() -> None:
    assert {row.heading for row in ENDPOINTS} == {*HEADINGS.values(), EVERY_SERVICE}


def test_every_problem_type_is_told_with_its_status() -> None:
    told = {row.name: int(row["status"]) for row in PROBLEMS}
    assert len(told) == len(PROBLEMS)
    assert told == {kind.slug: kind.status for kind in ProblemType}


def test_every_problem_type_says_what_to_do() -> None:
    assert [row.name for row in PROBLEMS if not row["what to do"]] == []


def test_the_limits_of_pages() -> None:
    told = {
        row.name: (int(row["limit if not said"]), int(row["largest limit"]))
        for row in pages.rows(PAGE, "list")
    }
    of_admin = (paging.DEFAULT_LIMIT, paging.MAX_LIMIT)
    assert told == {
        "/api/v1/search": (search.DEFAULT_LIMIT, search.MAX_LIMIT),
        "/api/v1/files/{file_id}/versions": (versions.DEFAULT_LIMIT, versions.MAX_LIMIT),
        "/api/v1/files": (default_limit_of("/api/v1/files"), listing.MAX_LIMIT),
        "/api/v1/batches/{batch_id}/documents": (batches.DEFAULT_LIMIT, batches.MAX_LIMIT),
        "/api/v1/scrub/findings": (default_limit_of("/api/v1/scrub/findings"), scrub.MAX_LIMIT),
        "/api/v1/service-accounts": of_admin,
        "/api/v1/storage-elements": of_admin,
        "/api/v1/jwt-keys": of_admin,
        "/api/v1/audit": (paging.DEFAULT_LIMIT, audit.MAX_LIMIT),
        "/api/v1/audit/checkpoints": (paging.DEFAULT_LIMIT, audit.MAX_LIMIT),
        "/api/v1/admin-users": of_admin,
    }


def default_limit_of(path: str) -> int:
    parameters = descriptions.description("storage")["paths"][path]["get"]["parameters"]
    [limit] = [parameter for parameter in parameters if parameter["name"] == "limit"]
    return int(limit["schema"]["default"])


def test_the_example_of_a_problem_is_one() -> None:
    [example] = [found for block in pages.blocks(PAGE, "json") if "type" in (found := json.loads(block))]
    body = ProblemBody.model_validate(example)
    kind = ProblemType.from_uri(body.type)
    assert kind is not None
    assert (body.title, body.status) == (kind.title, kind.status)
