"""What is decided about elements: kept, told in Redis and in the audit trail, refused where it would do harm."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

import httpx
import psycopg
import pytest
import redis as redis_client
from psycopg import sql

from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.redis import EmbeddedRedis
from artstore.wire.elements import REGISTRY_KEY, ListedElement, Registration
from tests.support.system import eventually

from .conftest import ELEMENTS_PATH, Admin, Backends, StartAdmin, libpq

_NUMBERS = count()
STATISTICS = "/api/v1/storage-statistics"


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("registry-redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def registry(start_shared: StartAdmin, postgres: EmbeddedPostgres, own_redis: EmbeddedRedis) -> Admin:
    """An Admin whose elements are registered by these tests alone."""
    return start_shared(Backends(postgres.create_database("admin_registry"), own_redis))


@pytest.fixture
def element(registry: Admin) -> str:
    """The id of an element that was registered by hand, a fresh one."""
    element_id = f"e-{next(_NUMBERS)}"
    registered = ask(registry, "", element_id=element_id, url="http://127.0.0.1:8010", mode="rw")
    assert registered.status_code == 201, registered.text
    return element_id


def ask(admin: Admin, path: str, method: str = "POST", **body: Any) -> httpx.Response:
    return admin.http.request(method, ELEMENTS_PATH + path, json=body, headers=admin.headers())


def done(answer: httpx.Response) -> ListedElement:
    assert answer.status_code in (200, 201), answer.text
    return ListedElement.model_validate_json(answer.content)


def read(admin: Admin, element_id: str) -> ListedElement:
    return done(admin.http.get(f"{ELEMENTS_PATH}/{element_id}", headers=admin.headers()))


def has(admin: Admin, element_id: str, **figures: int | str) -> None:
    """Lets an element have such figures, as if it had announced them."""
    with psycopg.connect(libpq(admin.backends.database_url), autocommit=True) as connection:
        for name, value in figures.items():
            statement = sql.SQL("UPDATE admin.storage_elements SET {} = %s WHERE element_id = %s")
            connection.execute(statement.format(sql.Identifier(name)), (value, element_id))


def entries(admin: Admin, element_id: str) -> list[dict[str, Any]]:
    wanted = {"subject_kind": "element", "subject_id": element_id}
    answer = admin.http.get("/api/v1/audit", params=wanted, headers=admin.headers())
    items: list[dict[str, Any]] = answer.json()["items"]
    return sorted(items, key=lambda item: int(item["index"]))


def published(admin: Admin, element_id: str) -> Registration | None:
    with redis_client.Redis.from_url(admin.backends.redis.url) as client:
        value = client.hget(REGISTRY_KEY, element_id)
    return None if value is None else Registration.model_validate_json(value)


def refused(answer: httpx.Response, slug: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:artstore:problem:{slug}", body
    return body


class TestRegistering:
    def test_by_hand(self, registry: Admin, element: str) -> None:
        found = read(registry, element)
        assert (found.mode, found.health, found.documents) == ("rw", "away", 0)
        [entry] = entries(registry, element)
        assert (entry["action"], entry["actor"]["name"]) == ("element.registered", "administrator")

    def test_by_hand_twice(self, registry: Admin, element: str) -> None:
        again = ask(registry, "", element_id=element, url="http://127.0.0.1:8010", mode="rw")
        assert again.status_code == 409
        refused(again, "conflict")

    def test_by_discovery(self, registry: Admin, answering: Callable[[dict[str, Any]], str]) -> None:
        url = answering(info("discovered"))
        first = ask(registry, "", url=url, priority=7, labels={"site": "north"})
        assert first.status_code == 201
        assert first.headers["Location"] == f"{ELEMENTS_PATH}/discovered"
        found = done(first)
        assert (found.documents, found.capacity_bytes, found.url) == (5, 1000, url)
        assert (found.registration.priority, found.registration.labels) == (7, {"site": "north"})
        again = ask(registry, "", url=url, priority=8)
        assert again.status_code == 200
        decided = read(registry, "discovered").registration
        assert (decided.priority, decided.labels) == (8, {"site": "north"})

    def test_an_answer_alone_puts_nobody_among_those_who_get_tokens(
        self, registry: Admin, answering: Callable[[dict[str, Any]], str]
    ) -> None:
        """Anybody can answer as an element. Services take the registry's word while Redis is away."""
        url = answering(info("who-knows", health="ok"))
        assert done(ask(registry, "", url=url)).health == "away"
        assert read(registry, "who-knows").health == "away"

    def test_answer_that_names_another_address(
        self, registry: Admin, answering: Callable[[dict[str, Any]], str]
    ) -> None:
        answer = ask(registry, "", url=answering(info("elsewhere", url="http://169.254.169.254")))
        assert refused(answer, "invalid-parameter")["field"] == "url"
        headers = registry.headers()
        assert registry.http.get(f"{ELEMENTS_PATH}/elsewhere", headers=headers).status_code == 404

    def test_answer_that_takes_the_place_of_another(
        self, registry: Admin, element: str, answering: Callable[[dict[str, Any]], str]
    ) -> None:
        url = answering(info(element))
        refused(ask(registry, "", url=url), "conflict")
        assert read(registry, element).url == "http://127.0.0.1:8010"

    def test_answer_from_the_future(
        self, registry: Admin, answering: Callable[[dict[str, Any]], str]
    ) -> None:
        """Kept as it is, it would hide every announcement until then."""
        done(ask(registry, "", url=answering(info("future", announced_at="2999-01-01T00:00:00Z"))))
        assert read(registry, "future").announced_at <= datetime.now(UTC)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"url": "file:///etc/passwd"}, "url"),
            ({"url": "http://169.254.169.254"}, "url"),
            ({"url": "http://127.0.0.1:1", "element_id": "e1"}, "mode"),
            ({"url": "http://127.0.0.1:1", "mode": "rw"}, "element_id"),
            ({"url": "http://127.0.0.1:1", "element_id": "../x", "mode": "rw"}, "element_id"),
            ({"url": "http://127.0.0.1:1", "element_id": "e1", "mode": "any"}, "mode"),
            (
                {"url": "http://127.0.0.1:1", "element_id": "e1", "mode": "rw", "capacity_bytes": -1},
                "capacity_bytes",
            ),
            ({}, "url"),
        ],
    )
    def test_bad_request(self, registry: Admin, body: dict[str, Any], field: str) -> None:
        answer = ask(registry, "", **body)
        assert answer.status_code == 422
        assert refused(answer, "invalid-parameter")["field"] == field

    def test_nobody_answers(self, registry: Admin) -> None:
        refused(ask(registry, "", url="http://127.0.0.1:1"), "element-unavailable")

    def test_admin_itself_is_no_element(self, registry: Admin) -> None:
        refused(ask(registry, "", url=registry.url), "invalid-parameter")


class TestChanging:
    async def test_is_kept_and_told(self, registry: Admin, element: str) -> None:
        until = datetime.now(UTC) + timedelta(days=10_000)
        changed = done(
            ask(
                registry,
                f"/{element}",
                "PATCH",
                priority=1,
                limit_bytes=500,
                limit_file_bytes=50,
                retention_until=until.isoformat(),
                labels={"site": "north"},
            )
        ).registration
        assert (changed.priority, changed.limit_bytes, changed.limit_file_bytes) == (1, 500, 50)
        assert (changed.retention_until, changed.labels, changed.revision) == (until, {"site": "north"}, 1)
        assert read(registry, element).registration == changed
        await eventually(lambda: published(registry, element) == changed, "it is not told in Redis")
        entry = entries(registry, element)[-1]
        assert entry["action"] == "element.changed"
        assert (entry["details"]["before"]["priority"], entry["details"]["after"]["priority"]) == (100, 1)

    def test_what_is_left_out_stays_and_null_takes_away(self, registry: Admin, element: str) -> None:
        done(ask(registry, f"/{element}", "PATCH", priority=1, limit_bytes=500, labels={"a": "b"}))
        decided = done(ask(registry, f"/{element}", "PATCH", limit_bytes=None, labels=None)).registration
        assert (decided.priority, decided.limit_bytes, decided.labels) == (1, None, {})

    def test_nothing_is_no_change(self, registry: Admin, element: str) -> None:
        done(ask(registry, f"/{element}", "PATCH"))
        done(ask(registry, f"/{element}", "PATCH", priority=100))
        assert read(registry, element).registration.revision == 0
        assert len(entries(registry, element)) == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"priority": -1},
            {"priority": None},
            {"priority": 10**9},
            {"limit_bytes": 2**53},
            {"limit_file_bytes": 0},
            {"retention_until": "2026-01-01T00:00:00"},
            {"labels": {"": "x"}},
            {"labels": {"a": "x" * 256}},
            {"labels": {"a": "\x00"}},
            {"labels": {f"l{n}": "" for n in range(33)}},
            {"labels": {f"l{n}": "\U0001f5bc" * 255 for n in range(9)}},
            {"state": "retired"},
        ],
    )
    def test_bad_values(self, registry: Admin, element: str, change: dict[str, Any]) -> None:
        assert ask(registry, f"/{element}", "PATCH", **change).status_code == 422


class TestDraining:
    async def test_there_and_back(self, registry: Admin, element: str) -> None:
        assert done(ask(registry, f"/{element}/drain")).registration.state == "draining"
        done(ask(registry, f"/{element}/drain"))

        def told() -> bool:
            decided = published(registry, element)
            return decided is not None and decided.state == "draining"

        await eventually(told, "it is not told in Redis")
        assert done(ask(registry, f"/{element}/activate")).registration.state == "active"
        told_actions = [entry["action"] for entry in entries(registry, element)]
        assert told_actions == ["element.registered", "element.drained", "element.activated"]


class TestRetiring:
    def test_takes_a_drained_and_empty_one(
        self, registry: Admin, element: str, answering: Callable[[dict[str, Any]], str]
    ) -> None:
        has(registry, element, url=answering(info(element, documents=0)))
        refused(ask(registry, f"/{element}/retire"), "conflict")
        done(ask(registry, f"/{element}/drain"))
        assert done(ask(registry, f"/{element}/retire")).registration.state == "retired"
        refused(ask(registry, f"/{element}/drain"), "conflict")
        assert done(ask(registry, f"/{element}/activate")).registration.state == "active"

    def test_needs_a_confirmation_for_one_with_documents(self, registry: Admin, element: str) -> None:
        has(registry, element, documents=3, health="ok")
        done(ask(registry, f"/{element}/drain"))
        assert refused(ask(registry, f"/{element}/retire"), "conflict")["documents"] == 3
        retired = done(ask(registry, f"/{element}/retire", confirm=True))
        assert retired.warnings == ["not_empty"]
        entry = entries(registry, element)[-1]
        assert (entry["action"], entry["details"]["documents"]) == ("element.retired", 3)

    def test_asks_the_element_itself(
        self, registry: Admin, element: str, answering: Callable[[dict[str, Any]], str]
    ) -> None:
        """A document may have come since it announced that it is empty."""
        answer = info(element, documents=1)
        has(registry, element, health="ok", url=answering(answer))
        done(ask(registry, f"/{element}/drain"))
        assert refused(ask(registry, f"/{element}/retire"), "conflict")["documents"] == 1
        answer |= {"element_id": "another", "documents": 0}
        assert "away" in refused(ask(registry, f"/{element}/retire"), "conflict")["detail"]
        answer["element_id"] = element
        done(ask(registry, f"/{element}/retire"))

    def test_needs_a_confirmation_for_one_that_is_away(self, registry: Admin, element: str) -> None:
        done(ask(registry, f"/{element}/drain"))
        refused(ask(registry, f"/{element}/retire"), "conflict")
        done(ask(registry, f"/{element}/retire", confirm=True))


class TestTelling:
    async def test_warnings(self, registry: Admin, element: str) -> None:
        has(registry, element, capacity_bytes=1000, free_bytes=50)
        soon = datetime.now(UTC) + timedelta(days=5)
        done(ask(registry, f"/{element}", "PATCH", retention_until=soon.isoformat()))
        assert read(registry, element).warnings == ["room_low", "retention_ending"]

        def counted() -> bool:
            text = registry.http.get("/metrics").text
            return 'artstore_admin_element_warnings{warning="room_low"} 0.0' not in text

        await eventually(counted, "the warning is not counted")
        assert element in registry.log()

    def test_statistics(self, registry: Admin, element: str) -> None:
        before = registry.http.get(STATISTICS, headers=registry.headers()).json()
        has(registry, element, documents=7, used_bytes=70)
        after = registry.http.get(STATISTICS, headers=registry.headers()).json()
        for figures in ("total", "by_mode"):
            was, is_now = (each[figures] for each in (before, after))
            if figures == "by_mode":
                was, is_now = was["rw"], is_now["rw"]
            assert is_now["documents"] - was["documents"] == 7
            assert is_now["used_bytes"] - was["used_bytes"] == 70


class TestAccess:
    def test_scopes(self, registry: Admin, element: str) -> None:
        headers = registry.headers(scope="elements:read")
        for method, path in (
            ("POST", ""),
            ("PATCH", f"/{element}"),
            ("POST", f"/{element}/drain"),
            ("POST", f"/{element}/activate"),
            ("POST", f"/{element}/retire"),
        ):
            answer = registry.http.request(method, ELEMENTS_PATH + path, json={}, headers=headers)
            assert answer.status_code == 403
        assert registry.http.get(STATISTICS, headers=headers).status_code == 200
        assert registry.http.get(STATISTICS).status_code == 401

    @pytest.mark.parametrize("element_id", ["nowhere", "%D1%8D"])
    def test_unknown(self, registry: Admin, element_id: str) -> None:
        assert ask(registry, f"/{element_id}", "PATCH").status_code == 404
        for act in ("drain", "activate", "retire"):
            assert ask(registry, f"/{element_id}/{act}").status_code == 404


def info(element_id: str, **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {
        "element_id": element_id,
        "mode": "rw",
        "capacity_bytes": 1000,
        "used_bytes": 10,
        "free_bytes": 990,
        "documents": 5,
        "last_lsn": 5,
        "health": "ok",
        "max_file_bytes": 500,
        "started_at": now,
        "announced_at": now,
        **changes,
    }


@pytest.fixture
def answering() -> Iterator[Callable[[dict[str, Any]], str]]:
    """Starts a server that answers as an element would; gives its address, which it says itself if not told."""
    servers: list[ThreadingHTTPServer] = []

    def start(body: dict[str, Any]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = json.dumps(body).encode()
                self.send_response(200 if self.headers["Authorization"] else 401)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        url = f"http://127.0.0.1:{server.server_port}"
        body.setdefault("url", url)
        return url

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
