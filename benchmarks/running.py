"""A system to be measured: everything on, durable, in a temporary folder."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from artstore.launcher.postgres import EmbeddedPostgres
from artstore.launcher.settings import ELEMENTS, Element, SystemSettings
from artstore.launcher.system import System


class Measured:
    """A running system and an account of it."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.folder = folder
        self.profile = system.profile
        with httpx.Client(timeout=30) as http:
            self.administrator_token = self._token(http, self.profile.client_id, self.profile.client_secret)
            created = http.post(
                f"{self.profile.admin_url}/api/v1/service-accounts",
                # What is measured is faster than a usual account may be.
                json={"name": "bench", "role": "USER", "rate_limit": 1_000_000},
                headers={"Authorization": f"Bearer {self.administrator_token}"},
            )
            created.raise_for_status()
            self.account_id: str = created.json()["id"]
            self.client_id: str = created.json()["client_id"]
            self.client_secret: str = created.json()["client_secret"]
            self.token = self._token(http, self.client_id, self.client_secret)

    def _token(self, http: httpx.Client, client_id: str, client_secret: str) -> str:
        answer = http.post(
            f"{self.profile.admin_url}/api/v1/auth/token",
            data={"grant_type": "client_credentials"},
            auth=(client_id, client_secret),
        )
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def url(self, name: str) -> str:
        return self.system.url(name)

    def root(self, element_id: str) -> Path:
        return self.system.folder.element_root(element_id)

    @property
    def database_url(self) -> str:
        postgres = self.system.parts["postgres"].part
        assert isinstance(postgres, EmbeddedPostgres)
        return postgres.database_url

    def pid(self, name: str) -> int:
        pid = self.system.parts[name].pid
        assert pid is not None
        return pid

    def metric(self, name: str, of: str) -> float:
        """The value of a metric without labels (or the sum over all labels) of one service."""
        text = httpx.get(f"{self.url(of)}/metrics", timeout=10).text
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.split("{")[0].split(" ")[0] == name
        )


@contextmanager
def measured(
    environment: Mapping[str, str] | None = None, elements: tuple[Element, ...] = ELEMENTS
) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory(prefix="artstore-bench-") as folder:
        settings = SystemSettings(default_ports={}, environment=dict(environment or {}), elements=elements)
        with System(Path(folder) / "data", settings) as system:
            yield Measured(system, Path(folder))


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all below it, user and system."""
    import os

    from tests.support.processes import tree

    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
