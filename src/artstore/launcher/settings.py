"""What the person at the terminal, or a test, may decide about the system on one machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import environ

from artstore.launcher.ports import DEFAULT_PORTS

DATABASE_URL = "ARTSTORE_DATABASE_URL"
REDIS_URL = "ARTSTORE_REDIS_URL"


@dataclass(frozen=True)
class Element:
    """A storage element to run. Its root is ``elements/{id}`` in the data folder."""

    element_id: str
    mode: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further settings of this element, by the names of environment variables."""


ELEMENTS = (Element("edit-01", "edit"), Element("rw-01", "rw"))


@dataclass(frozen=True)
class SystemSettings:
    host: str = "127.0.0.1"
    """The address that services listen on. Loopback by default: tokens travel over it unencrypted."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Ports asked for by number, by name of the process; one that is in use is an error."""
    default_ports: Mapping[str, int] = field(default_factory=lambda: DEFAULT_PORTS)
    """Ports tried first where none is given or remembered. Empty: any free port."""
    database_url: str | None = field(default=None, repr=False)
    """A PostgreSQL to use instead of the embedded one (``postgresql+psycopg://…``)."""
    redis_url: str | None = field(default=None, repr=False)
    """A Redis to use instead of the embedded one."""
    elements: tuple[Element, ...] = ELEMENTS
    environment: Mapping[str, str] = field(default_factory=dict)
    """Further settings for every service, by the names of environment variables. No secrets."""
    durable_database: bool = True
    """False lets the embedded PostgreSQL flush nothing: faster, and lost with the machine."""

    @classmethod
    def from_environment(
        cls, *, ports: Mapping[str, int] | None = None, default_ports: Mapping[str, int] = DEFAULT_PORTS
    ) -> "SystemSettings":
        """Takes ARTSTORE_DATABASE_URL and ARTSTORE_REDIS_URL from the environment where they are set."""
        return cls(
            ports=ports or {},
            default_ports=default_ports,
            database_url=environ.get(DATABASE_URL) or None,
            redis_url=environ.get(REDIS_URL) or None,
        )
