"""One storage element as a process, with PostgreSQL, Redis and Admin beside it; each can be killed alone."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
from redis.asyncio import Redis

from artstore.engine.failpoints import ENVIRONMENT as FAILPOINTS
from artstore.kernel.redis import connect
from artstore.launcher.environment import INITIAL_CLIENT_ID, Environment
from artstore.launcher.folder import DataFolder
from artstore.launcher.keeper import Keeper
from artstore.launcher.ports import Ports
from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.process import Process
from artstore.launcher.redis import EmbeddedRedis
from artstore.launcher.service import Service
from artstore.launcher.settings import Element, SystemSettings
from tests.support import processes
from tests.support.forking import fork_server
from tests.support.system import eventually

HOST = "127.0.0.1"

_T = TypeVar("_T")


class ElementStand:
    """What an element needs around it, kept running while elements come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = DataFolder(folder)
        self.parts: dict[str, Keeper] = {}
        self._ports = Ports(self.folder.ports, host=HOST, defaults={})
        self._postgres = EmbeddedPostgres(self.folder.path / "postgres", log=self.folder.log("postgres"))
        self._redis = EmbeddedRedis(self.folder.path / "redis", log=self.folder.log("redis"))
        self._elements: list[ElementProcess] = []

    def start(self) -> None:
        self.folder.take()
        for name, part in (("postgres", self._postgres), ("redis", self._redis)):
            self.parts[name] = Keeper(name, part, _silent)
        for started in [keeper.begin_start() for keeper in self.parts.values()]:
            started.result()
        self._ports.choose("admin")
        admin = Service(
            "admin",
            "admin",
            host=HOST,
            port=self._ports["admin"],
            environment=lambda: self.environment().of("admin"),
            folder=self.folder.run("admin"),
            log=self.folder.log("admin"),
            fork_server=fork_server(),
        )
        self.parts["admin"] = Keeper("admin", admin, _silent)
        self.parts["admin"].start()

    def stop(self) -> None:
        for element in self._elements:
            element.close()
        for name in ("admin", "redis", "postgres"):
            if (keeper := self.parts.pop(name, None)) is not None:
                keeper.close()
        self._ports.close()
        self.folder.release()

    async def kill(self, name: str) -> None:
        """SIGKILL to a part; it stays away until ``revive``."""
        await asyncio.to_thread(self.parts[name].kill)

    async def revive(self, name: str) -> None:
        await asyncio.to_thread(self.parts[name].start)

    def environment(self, *elements: Element) -> Environment:
        """What a launcher would tell the services of a system with these elements."""
        return Environment(
            self.folder,
            SystemSettings(elements=elements, default_ports={}),
            self._ports,
            database_url=self._postgres.database_url,
            redis_url=self._redis.url,
        )

    def element(self, element_id: str) -> "ElementProcess":
        """A new element, which does not run yet. Its end is that of the stand at the latest."""
        element = ElementProcess(self, element_id, self._ports.choose(element_id))
        self._elements.append(element)
        return element

    def redis(self) -> Redis:
        """A client as the services have it; to be closed."""
        return connect(self._redis.url, client_name="test")

    @property
    def admin_url(self) -> str:
        return f"http://{HOST}:{self._ports['admin']}"

    async def token(self) -> str:
        """Of the account that may do everything, once Admin answers."""
        secret = self.environment().initial_client_secret
        tokens: list[str] = []

        async def given() -> bool:
            try:
                answer = await http.post(
                    f"{self.admin_url}/api/v1/auth/token",
                    data={"grant_type": "client_credentials"},
                    auth=(INITIAL_CLIENT_ID, secret),
                )
            except httpx.TransportError:
                return False
            if answer.status_code == 200:
                tokens.append(answer.json()["access_token"])
            return bool(tokens)

        async with httpx.AsyncClient(timeout=30) as http:
            await eventually(given, "Admin gives no token")
        return tokens[0]


class ElementProcess:
    """One element: its root stays, its processes come and go, one at a time."""

    def __init__(self, stand: ElementStand, element_id: str, port: int) -> None:
        self.element_id = element_id
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.root = stand.folder.element_root(element_id)
        self.log = stand.folder.log(element_id)
        self._stand = stand
        self._service: Service | None = None
        # The kernel ends a service with the thread that started it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=element_id)

    @property
    def pid(self) -> int:
        """Of the parent of the process that serves."""
        process = self._process
        assert process is not None, "it does not run"
        return process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None

    async def start(
        self, failpoints: str = "", *, under: tuple[str, ...] = (), settings: Mapping[str, str] | None = None
    ) -> None:
        """Returns when the element is ready. Raises CannotStart when it ends before that.

        ``under`` is a program that runs it, such as strace.
        """
        told = Element(self.element_id, "edit", {FAILPOINTS: failpoints, **(settings or {})})
        self._service = service = Service(
            self.element_id,
            "storage",
            host=HOST,
            port=self.port,
            environment=lambda: self._stand.environment(told).of(self.element_id),
            folder=self._stand.folder.run(self.element_id),
            log=self.log,
            fork_server=fork_server(),
            under=under,
        )
        await self._in_thread(service.start)

    async def kill(self, *, worker_first: bool = False) -> None:
        """SIGKILL: to all processes at once, or to the one that serves, whose parent must then end too."""
        pids = self._pids()
        if worker_first and pids:
            for pid in pids[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await self.died()
        elif self._service is not None:
            # Not in the thread of its own: that may still wait for the start.
            await asyncio.to_thread(self._service.kill)
        await eventually(lambda: all(map(processes.is_over, pids)), f"{pids} do not end")

    def begin_to_stop(self) -> None:
        """As an operator's ``kill`` does it; returns at once."""
        os.kill(self.pid, signal.SIGTERM)

    async def stop(self) -> None:
        if self._service is not None:
            await self._in_thread(self._service.stop)

    async def died(self) -> None:
        """Until the element has ended by itself, every process of it."""
        await eventually(lambda: not self.runs, f"{self.element_id} does not end")
        await self.kill()

    def close(self) -> None:
        if self._service is not None:
            self._service.kill()
        self._thread.shutdown()

    def _pids(self) -> list[int]:
        try:
            return processes.tree(self.pid) if self.runs else []
        except FileNotFoundError:  # it is just ending
            return []

    @property
    def _process(self) -> Process | None:
        process = self._service.process if self._service is not None else None
        return process if process is not None and process.poll() is None else None

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _silent(message: str) -> None:
    pass
