"""The whole system of one data folder: started, watched over, stopped."""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from artstore.launcher.environment import INITIAL_CLIENT_ID, Environment
from artstore.launcher.errors import LauncherError, PortTaken
from artstore.launcher.folder import DataFolder
from artstore.launcher.fork_server import ForkServer
from artstore.launcher.keeper import Keeper, Part
from artstore.launcher.ports import Ports
from artstore.launcher.postgres import ADMIN_ROLE, DATABASE, EmbeddedPostgres
from artstore.launcher.private import write_private
from artstore.launcher.redis import EmbeddedRedis
from artstore.launcher.service import Service, application_of
from artstore.launcher.settings import SystemSettings

_PORT_ATTEMPTS = 5


@dataclass(frozen=True)
class Profile:
    """What a client needs to reach a system: ``profile.json``."""

    admin_url: str
    ingester_url: str
    query_url: str
    client_id: str
    client_secret: str = field(repr=False)


def _silent(message: str) -> None:
    pass


class System:
    """PostgreSQL, Redis and the services, each a process of its own, on one machine.

    ``start`` and ``stop`` concern all of them; ``parts`` gives each one by name (``postgres``, ``redis``,
    ``admin``, ``ingester``, ``query`` and the ids of the elements) to be stopped, killed and started alone.
    A process that dies by itself is started again. ``say`` receives a sentence about each such event, from
    any thread. To be used from one thread; as a context manager it stops at the end. The services are forked
    from ``fork_server``, by default from one of the system's own.
    """

    def __init__(
        self,
        data_dir: Path,
        settings: SystemSettings | None = None,
        *,
        fork_server: ForkServer | None = None,
        say: Callable[[str], None] = _silent,
    ) -> None:
        self.folder = DataFolder(data_dir)
        self.settings = settings or SystemSettings()
        self.parts: dict[str, Keeper] = {}
        self._say = say
        self._own_fork_server = fork_server is None
        self._fork_server = fork_server or ForkServer(
            [application_of(command) for command in ("admin", "storage", "ingester", "query")],
            log=self.folder.log("fork-server"),
        )
        self._ports: Ports | None = None
        self._environment: Environment | None = None

    @property
    def service_names(self) -> list[str]:
        """The processes that listen on a port, in the order in which they are listed for people."""
        return ["admin", *(element.element_id for element in self.settings.elements), "ingester", "query"]

    @property
    def profile(self) -> Profile:
        """Addresses and the initial account, once started."""
        return Profile(
            admin_url=self.url("admin"),
            ingester_url=self.url("ingester"),
            query_url=self.url("query"),
            client_id=INITIAL_CLIENT_ID,
            client_secret=self._started.initial_client_secret,
        )

    def url(self, name: str) -> str:
        """Where a service listens, without a slash at the end; known once started."""
        return self._started.url(name)

    def start(self) -> None:
        """Starts everything and returns when every service is ready; then writes ``profile.json``.

        When anything does not come up, everything is stopped again and LauncherError raised: DataFolderInUse,
        PortTaken for a port that was given, CannotStart otherwise. An interruption stops everything as well.
        """
        self.folder.take()
        try:
            self._fork_server.begin()
            database_url, admin_database_url, redis_url = self._start_servers()
            self._ports = self._choose_ports()
            self._environment = Environment(
                self.folder,
                self.settings,
                self._ports,
                database_url=database_url,
                admin_database_url=admin_database_url,
                redis_url=redis_url,
            )
            self._start_services(self._ports)
            write_private(self.folder.profile, json.dumps(asdict(self.profile), indent=2) + "\n")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops everything in reverse order of dependence. Does nothing when nothing runs.

        Raises the first error, after everything else was stopped.
        """
        elements = [element.element_id for element in self.settings.elements]
        errors: list[BaseException] = []
        for group in (["ingester", "query"], elements, ["admin"], ["redis"], ["postgres"]):
            errors += self._stop(group)
        self._given_up()
        if errors:
            raise errors[0]

    def kill(self) -> None:
        """SIGKILL to every process, also while ``stop`` or ``start`` is under way. What was acknowledged
        stays.
        """
        for keeper in list(self.parts.values()):
            keeper.kill()
        self._close(list(self.parts))
        self._given_up()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _started(self) -> Environment:
        if self._environment is None:
            raise RuntimeError("start() has not been called")
        return self._environment

    def _start_servers(self) -> tuple[str, str | None, str]:
        """PostgreSQL and Redis side by side, unless others are used.

        Returns the addresses of the database, of the same with Admin's own role if it has one, and of Redis.
        """
        admin_password = self.folder.secret_file("admin-database-password")
        path = self.folder.path
        if self.settings.database_url is None:
            postgres = EmbeddedPostgres(
                path / "postgres",
                password_file=self.folder.secret_file("database-password"),
                log=self.folder.log("postgres"),
                durable=self.settings.durable_database,
            )
            self._keep("postgres", postgres)
        if self.settings.redis_url is None:
            redis = EmbeddedRedis(
                path / "redis",
                password_file=self.folder.secret_file("redis-password"),
                log=self.folder.log("redis"),
            )
            self._keep("redis", redis)
        _all(keeper.begin_start() for keeper in self.parts.values())
        redis_url = self.settings.redis_url or redis.url
        if self.settings.database_url is not None:
            return self.settings.database_url, None, redis_url
        postgres.ensure_role(ADMIN_ROLE, admin_password)
        admin_database_url = postgres.url(DATABASE, role=ADMIN_ROLE, password_file=admin_password)
        return postgres.database_url, admin_database_url, redis_url

    def _choose_ports(self) -> Ports:
        ports = Ports(
            self.folder.ports,
            host=self.settings.host,
            given=self.settings.ports,
            defaults=self.settings.default_ports,
        )
        try:
            for name in self.service_names:
                # Before the port is looked at: services of a launcher that was killed may still hold it.
                Service.clear_left_over(name, self.folder.run(name))
                ports.choose(name)
        except BaseException:
            ports.close()
            raise
        return ports

    def _start_services(self, ports: Ports) -> None:
        """All services at once: each tries again by itself what is not up yet.

        A port that was chosen, not given, and taken by somebody since is chosen anew. All are told the new
        address then, so all are started anew.
        """
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            starting = {
                name: self._keep(name, self._service(name)).begin_start() for name in self.service_names
            }
            try:
                _all(starting.values())
            except PortTaken as taken:
                if ports.is_given(taken.name) or attempt == _PORT_ATTEMPTS:
                    raise
                self._say(f"port {taken.port} was taken meanwhile; choosing another one for {taken.name}")
                self._stop(self.service_names)
                ports.choose_anew(taken.name)
            else:
                return

    def _stop(self, names: Sequence[str]) -> list[BaseException]:
        """Stops some parts side by side; what one of them raises does not keep the others running."""
        stopping = [self.parts[name].begin_stop() for name in names if name in self.parts]
        errors = [error for stopped in stopping if (error := stopped.exception()) is not None]
        self._close(names)
        return errors

    def _service(self, name: str) -> Service:
        environment = self._started
        return Service(
            name,
            environment.command(name),
            host=self.settings.host,
            port=int(environment.url(name).rpartition(":")[2]),
            environment=partial(environment.of, name),
            folder=self.folder.run(name),
            log=self.folder.log(name),
            fork_server=self._fork_server,
        )

    def _keep(self, name: str, part: Part) -> Keeper:
        self.parts[name] = keeper = Keeper(name, part, self._say)
        return keeper

    def _close(self, names: Iterable[str]) -> None:
        for name in names:
            if (keeper := self.parts.pop(name, None)) is not None:
                keeper.close()

    def _given_up(self) -> None:
        if self._own_fork_server:
            self._fork_server.close()
        if self._ports is not None:
            self._ports.close()
        self.folder.release()


def _all(futures: Iterable["Future[None]"]) -> None:
    """Waits for the outcome of all, or of the first that fails, whose error is raised."""
    from concurrent.futures import FIRST_EXCEPTION, wait

    done, _ = wait(list(futures), return_when=FIRST_EXCEPTION)
    errors = [error for future in done if (error := future.exception()) is not None]
    # A taken port explains the rest: who waited for that service failed because of it.
    errors.sort(key=lambda error: (not isinstance(error, PortTaken), not isinstance(error, LauncherError)))
    if errors:
        raise errors[0]
