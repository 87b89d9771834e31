"""What each service is told: settings through its environment, secrets through files of its own."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from artstore.launcher.folder import DataFolder
from artstore.launcher.ports import Ports
from artstore.launcher.private import keep_private, secret
from artstore.launcher.settings import Element, SystemSettings

INITIAL_CLIENT_ID = "artstore-initial"
"""The account that a new system begins with: it may do everything, and its secret lies in ``profile.json``.
"""
INITIAL_ADMINISTRATOR = "admin"
"""The person that a new system begins with. The password of the first login lies in a file of its own."""
SERVICE_CLIENT_ID = "artstore-services"
"""The account that the services use for their background work."""


@dataclass(frozen=True)
class Told:
    """How one service is to be started."""

    command: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


class Environment:
    """Puts together what the services of one system are told.

    Secrets are generated at the first start and kept. ``database_url`` and ``redis_url`` hold passwords, so
    they are secrets too. ``admin_database_url`` is the same database with a role that does not own Admin's
    tables; without it Admin serves with the role that does.
    """

    def __init__(
        self,
        folder: DataFolder,
        settings: SystemSettings,
        ports: Ports,
        *,
        database_url: str,
        redis_url: str,
        admin_database_url: str | None = None,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._ports = ports
        self._database_url = database_url
        self._redis_url = redis_url
        self._admin_database_url = admin_database_url

    def of(self, name: str) -> dict[str, str]:
        """The whole environment for the process called ``name``; writes its secrets to their folder."""
        told = self._told(name)
        folder = self._folder.secrets_of(name)
        for stale in folder.iterdir():
            if stale.name.upper() not in told.secrets:
                stale.unlink()
        for variable, value in told.secrets.items():
            keep_private(folder / variable.lower(), value)
        inherited = {key: value for key, value in os.environ.items() if key not in told.secrets}
        return (
            inherited
            | dict(self._settings.environment)
            | dict(told.settings)
            | {"ARTSTORE_SECRETS_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
        )

    def command(self, name: str) -> str:
        """The first word of the service's command: its kind."""
        return self._told(name).command

    def _told(self, name: str) -> Told:
        if name == "admin":
            return self._admin()
        if name == "ingester":
            return self._with_account("ingester", name, {}, {"DATABASE_URL": self._database_url})
        if name == "query":
            return self._with_account("query", name, {}, {"DATABASE_URL": self._database_url})
        element = next(element for element in self._settings.elements if element.element_id == name)
        return self._element(element)

    def _admin(self) -> Told:
        database = {"DATABASE_URL": self._admin_database_url or self._database_url}
        if self._admin_database_url is not None:
            database["MIGRATION_DATABASE_URL"] = self._database_url
        return self._service(
            "admin",
            "admin",
            {
                "INITIAL_CLIENT_ID": INITIAL_CLIENT_ID,
                "SERVICE_CLIENT_ID": SERVICE_CLIENT_ID,
                "INITIAL_ADMIN_USERNAME": INITIAL_ADMINISTRATOR,
            },
            {
                **database,
                "INITIAL_CLIENT_SECRET": self.initial_client_secret,
                "INITIAL_ADMIN_PASSWORD": secret(self._folder.initial_admin_password),
                "SERVICE_CLIENT_SECRET": self._service_client_secret,
                "KEY_PASSPHRASE": secret(self._folder.secret_file("key-passphrase")),
            },
        )

    def _element(self, element: Element) -> Told:
        root = self._folder.element_root(element.element_id)
        told = self._service(
            "storage",
            element.element_id,
            {
                "CLIENT_ID": SERVICE_CLIENT_ID,
                # On one machine, whoever reaches Query reaches the elements, too.
                "CLIENT_URL": self.url(element.element_id),
                "ELEMENT_ID": element.element_id,
                "MODE": _mode_of(root) or element.mode,
                "ROOT": str(root),
            },
            {"DATABASE_URL": self._database_url, "CLIENT_SECRET": self._service_client_secret},
        )
        return Told(told.command, {**told.settings, **element.environment}, told.secrets)

    def _with_account(
        self, service: str, name: str, settings: Mapping[str, str], secrets: Mapping[str, str] | None = None
    ) -> Told:
        return self._service(
            service,
            name,
            {"CLIENT_ID": SERVICE_CLIENT_ID, **settings},
            {"CLIENT_SECRET": self._service_client_secret, **(secrets or {})},
        )

    def _service(
        self, service: str, name: str, settings: Mapping[str, str], secrets: Mapping[str, str]
    ) -> Told:
        prefix = f"ARTSTORE_{service.upper()}_"
        common = {
            "HOST": self._settings.host,
            "PORT": str(self._ports[name]),
            "ADMIN_URL": self.url("admin"),
        }
        return Told(
            service,
            {prefix + key: value for key, value in {**common, **settings}.items()},
            {prefix + key: value for key, value in {"REDIS_URL": self._redis_url, **secrets}.items()},
        )

    def url(self, name: str) -> str:
        """Where a service is reached."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"http://{host}:{self._ports[name]}"

    @property
    def initial_client_secret(self) -> str:
        return secret(self._folder.secret_file("initial-client-secret"))

    @property
    def _service_client_secret(self) -> str:
        return secret(self._folder.secret_file("service-client-secret"))


def _mode_of(root: Path) -> str | None:
    """The mode of an element that exists: its own is kept, whatever a new one would be given."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((root / "element.json").read_text(encoding="utf-8"))["mode"])
    return None
