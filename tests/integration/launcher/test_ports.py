"""Ports are given, remembered, defaults, or any free one; never shared, never assumed to be free."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from artstore.launcher.errors import PortTaken
from artstore.launcher.ports import Ports, is_free
from tests.support.ports import port_for_launcher

HOST = "127.0.0.1"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on, with the option that lets others share it in silence."""
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        somebody.bind((HOST, 0))
        somebody.listen()
        yield somebody.getsockname()[1]


@pytest.fixture
def free() -> int:
    return port_for_launcher()


def ports(memory: Path, given: dict[str, int] | None = None, defaults: dict[str, int] | None = None) -> Ports:
    return Ports(memory, host=HOST, given=given, defaults=defaults or {})


def test_default_when_free(memory: Path, free: int) -> None:
    chosen = ports(memory, defaults={"admin": free})
    assert chosen.choose("admin") == chosen["admin"] == free
    chosen.close()


def test_another_when_the_default_is_taken(memory: Path, taken: int) -> None:
    chosen = ports(memory, defaults={"admin": taken})
    port = chosen.choose("admin")
    assert port != taken
    assert is_free(HOST, port)
    chosen.close()


def test_remembered_before_default(memory: Path, free: int) -> None:
    first = ports(memory)
    port = first.choose("admin")
    first.close()
    second = ports(memory, defaults={"admin": free})
    assert second.choose("admin") == port
    second.close()
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600


def test_chosen_anew_when_the_remembered_one_was_taken(memory: Path, taken: int) -> None:
    memory.write_text(json.dumps({"admin": taken}), encoding="utf-8")
    chosen = ports(memory)
    port = chosen.choose("admin")
    assert port != taken
    assert json.loads(memory.read_text(encoding="utf-8")) == {"admin": port}
    chosen.close()


def test_given_and_taken_is_an_error(memory: Path, taken: int) -> None:
    with pytest.raises(PortTaken, match=f"port {taken} of {HOST} is in use"):
        ports(memory, given={"admin": taken}).choose("admin")


def test_two_launchers_never_choose_the_same(memory: Path, tmp_path: Path, free: int) -> None:
    """Also while none of the services listens yet."""
    one = ports(memory, defaults={"admin": free})
    other = ports(tmp_path / "other.json", defaults={"admin": free})
    assert one.choose("admin") == free
    assert other.choose("admin") != free
    with pytest.raises(PortTaken):
        ports(tmp_path / "third.json", given={"admin": free}).choose("admin")
    one.close()
    third = ports(tmp_path / "third.json", given={"admin": free})
    assert third.choose("admin") == free
    third.close()
    other.close()


def test_chosen_anew(memory: Path) -> None:
    chosen = ports(memory)
    first = chosen.choose("admin")
    with socket.socket() as somebody:
        somebody.bind((HOST, first))
        somebody.listen()
        assert chosen.choose_anew("admin") != first
    chosen.close()


@pytest.mark.parametrize(
    "content", ["", "[]", "null", '{"admin": "8000"}', '{"admin": 0}', '{"admin": 99999}']
)
def test_a_memory_that_is_no_good_is_forgotten(memory: Path, free: int, content: str) -> None:
    memory.write_text(content, encoding="utf-8")
    chosen = ports(memory, defaults={"admin": free})
    assert chosen.choose("admin") == free
    chosen.close()
