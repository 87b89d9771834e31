"""Log lines: their form, and what never stands in them."""

import json
import logging
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest

from artstore.kernel import logging as our_logging
from artstore.kernel import tracing

Logged = Callable[[], list[dict[str, Any]]]


class TestLine:
    def test_fields(self, logged: Logged) -> None:
        our_logging.get_logger("part").info("something happened", count=3, name="отчёт")
        (line,) = logged()
        assert list(line)[:4] == ["ts", "level", "event", "service"]
        assert line["ts"].endswith("Z")
        assert (
            line.items()
            >= {
                "level": "info",
                "event": "something happened",
                "service": "test",
                "source": "part",
                "count": 3,
                "name": "отчёт",
            }.items()
        )

    def test_request(self, logged: Logged) -> None:
        context = tracing.from_headers("mine", None)

        def serve() -> None:
            tracing.enter(context)
            our_logging.get_logger().info("x")

        copy_context().run(serve)
        (line,) = logged()
        assert (line["request_id"], line["trace_id"]) == ("mine", context.trace_id)

    def test_level(self, logged: Logged) -> None:
        our_logging.configure("test", "warning")
        our_logging.get_logger().info("x")
        our_logging.get_logger().warning("y")
        assert [line["event"] for line in logged()] == ["y"]

    def test_anything_can_be_logged(self, logged: Logged) -> None:
        our_logging.get_logger().info("x\ny", odd=object(), broken="\ud800", raw=b"\xff")
        assert logged()[0]["event"] == "x\ny"

    def test_libraries(self, logged: Logged) -> None:
        try:
            raise ValueError("inside")
        except ValueError:
            logging.getLogger("some.library").warning("it said %s", "this", exc_info=True)
        logging.getLogger("some.library").info("too low for a library")
        (line,) = logged()
        assert (line["event"], line["source"], line["level"]) == ("it said this", "some.library", "warning")
        assert "ValueError: inside" in line["exception"]


class TestSecrets:
    @pytest.mark.parametrize(
        "name", ["token", "authorization", "client_secret", "new_password", "refresh_token", "passphrase"]
    )
    def test_by_name(self, logged: Logged, name: str) -> None:
        our_logging.get_logger().info("x", **{name: "hunter2"})
        assert logged()[0][name] == "[removed]"

    @pytest.mark.parametrize(
        "text",
        [
            "Bearer eyJhbGciOiJSUzI1NiJ9.hunter2hunter2.hunter2",
            "cannot connect to postgresql+psycopg://user:hunter2@db/x",
            "redis://:hunter2@localhost:6379",
        ],
    )
    def test_by_form(self, logged: Logged, text: str) -> None:
        our_logging.get_logger().info(text, nested={"deep": [text]})
        assert "hunter2" not in json.dumps(logged())

    def test_not_on_stderr_either(self, capsys: pytest.CaptureFixture[str]) -> None:
        error = ExceptionGroup("g", [OSError("refused by postgresql://u:hunter2@db/x\nand more")])
        our_logging.tell_cannot_start("query", error)
        assert capsys.readouterr().err == (
            "artstore query: cannot start: OSError: refused by postgresql://u:[removed]@db/x and more\n"
        )
