"""Every cell of the access matrix, asked of running services.

Who is let through must succeed, so that nothing but access can have decided; a refusal must be the one that the
table names, by its type. Each answer must be one that the description of the API tells of: here those succeed,
too, that no generated request comes through to.
"""

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.support import access_matrix
from tests.support.access_matrix import CANNOT_BE, EVERY_SERVICE, HEADINGS, LEFT_OUT, NOBODY, YES, Row
from tests.support.system import RunningSystem

from .callers import World
from .requests_of_matrix import ADMIN, INGESTER, QUERY, STORAGE, Ask, Request

ROWS = access_matrix.rows()
REQUESTS = {"admin": ADMIN, "ingester": INGESTER, "query": QUERY, "storage": STORAGE}
REFUSALS = {
    (401, "unauthenticated"): "401",
    (401, "invalid_client"): "401",
    (403, "insufficient-scope"): "403",
    (403, "not-permitted"): "403*",
    (404, "not-found"): "404",
    (400, "unauthorized_client"): "400",
}


@pytest.fixture(scope="module")
def world(wide_system: RunningSystem) -> Iterator[World]:
    world = World(wide_system)
    yield world
    world.close()


def group(row: Row) -> str:
    """Rows of one test: those of a service, of Admin those of a resource."""
    resource = re.search(r"/(?:api/v1/)?([a-z.]+(?:-[a-z]+)*)", row.endpoint)
    assert resource is not None
    return f"{row.service} {resource[1]}" if row.service == HEADINGS["admin"] else row.service


@pytest.mark.parametrize("name", dict.fromkeys(map(group, ROWS)))
def test_cells(world: World, name: str) -> None:
    wrong = {}
    for row in (row for row in ROWS if group(row) == name):
        world.stay_logged_in()
        things: dict[str, object] = {}
        for caller, cell in row.cells.items():
            if cell == CANNOT_BE:
                continue
            for who in (world.callers[caller], *([world.forger] if caller == NOBODY else [])):
                if (outcome := asked(Ask(world, who, row, things))) != cell:
                    wrong[str(row), caller] = f"{outcome}, not {cell}"
    assert wrong == {}


def asked(ask: Ask) -> str:
    """What came of it, in the words of the table. At every service it must be the same."""
    if ask.row.service == EVERY_SERVICE:
        [outcome] = {outcome_of(ask, service, ask.send(url)) for service, url in ask.world.every_service}
        return outcome
    [service] = [name for name, heading in HEADINGS.items() if heading == ask.row.service]
    return outcome_of(ask, service, request_of(ask.row, service, ask.world)(ask))


def request_of(row: Row, service: str, world: World) -> Request:
    base = {"admin": world.admin, "query": world.query, "storage": world.element}
    own = REQUESTS[service].get(row.endpoint)
    if own is None:
        assert row.endpoint.startswith("GET "), "how is this asked so that it succeeds?"
        return lambda ask: ask.send(base[service])
    return own


def outcome_of(ask: Ask, service: str, answer: httpx.Response) -> str:
    if objection := ask.world.described(service).objection(ask.row.endpoint, answer):
        return f"{answer.status_code}, and {objection}"
    if answer.is_success:
        return YES if is_shown(ask, answer) else LEFT_OUT
    return REFUSALS.get((answer.status_code, refusal_of(answer))) or f"{answer.status_code} {answer.text}"


def is_shown(ask: Ask, answer: httpx.Response) -> bool:
    """Whether what the row is about is in the answer; where it is no list, the answer is about nothing else."""
    match ask.row.endpoint:
        case "GET /api/v1/search" | "POST /api/v1/search" | "GET /api/v1/files":
            return ask.file_id() in {item["file_id"] for item in answer.json()["items"]}
        case "GET /api/v1/suggest":
            return bool(answer.json()["items"])
        case "GET /api/v1/search/export":
            return ask.file_id() in {json.loads(line)["file_id"] for line in answer.text.splitlines()}
        case "POST /api/v1/auth/introspect":
            return bool(answer.json()["active"])
        case _:
            return True


def refusal_of(answer: httpx.Response) -> str:
    """The type of the problem, or OAuth's error. An answer to HEAD has no body, and says it by its status."""
    if answer.request.method == "HEAD":
        return {401: "unauthenticated", 403: "insufficient-scope", 404: "not-found"}[answer.status_code]
    body = answer.json()
    return str(body.get("error") or body["type"].removeprefix("urn:artstore:problem:"))
