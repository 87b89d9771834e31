"""The embedded Redis: started, closed to others, killed, started again."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from artstore.launcher.errors import CannotStart
from artstore.launcher.redis import EmbeddedRedis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def test_it_answers_and_is_bounded(server: EmbeddedRedis) -> None:
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
        assert client.config_get("maxmemory") == {"maxmemory": str(256 * 1024 * 1024)}
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("save") == {"save": ""}


def test_a_password_is_needed(server: EmbeddedRedis) -> None:
    path = server.url.partition("@")[2]
    with redis.Redis.from_url(f"unix://{path}") as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_no_secret_in_arguments_and_everything_closed_to_others(server: EmbeddedRedis) -> None:
    assert server.process is not None
    arguments = Path(f"/proc/{server.process.pid}/cmdline").read_text(encoding="utf-8")
    assert (server.folder / "password").read_text(encoding="utf-8").strip() not in arguments
    found = [server.folder, *server.folder.rglob("*")]
    assert len(found) >= 5
    assert [path for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []


def test_it_starts_again_after_a_kill_with_the_same_address(server: EmbeddedRedis) -> None:
    address = server.url
    server.kill()
    assert (server.folder / "redis.sock").exists()
    assert server.start() == address
    with redis.Redis.from_url(address) as client:
        assert client.ping()


def test_stop_and_start_may_be_called_twice(server: EmbeddedRedis) -> None:
    process = server.process
    server.start()
    assert server.process is process
    server.stop()
    server.stop()


@pytest.mark.parametrize("name", ["long-" * 20, 'a "b"\\ c,d\ne'], ids=["long", "signs"])
def test_a_folder_that_no_socket_can_have_works(tmp_path: Path, name: str) -> None:
    server = EmbeddedRedis(tmp_path / name)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    outside = Path((server.folder / "socket-folder").read_text(encoding="utf-8").strip())
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700
    server.stop()
    assert not outside.exists()


def test_a_start_that_fails_shows_the_log(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "redis", maxmemory="much")
    with pytest.raises(CannotStart, match="maxmemory much"):
        server.start()
