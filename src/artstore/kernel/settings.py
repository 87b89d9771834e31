"""Settings of a service: read from the environment and from a folder of secret files, checked at start."""

import os
import sys
from pathlib import Path
from typing import Literal, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from artstore.kernel.client_address import networks

SECRETS_DIR = "ARTSTORE_SECRETS_DIR"
"""Names a folder of files, each called like a variable in lower case and holding its value."""

_EXIT_BAD_SETTINGS = 2


class ServiceSettings(BaseSettings):
    """What every service is told. A service subclasses this with its own ``env_prefix``.

    The environment wins over secret files. Unknown variables are ignored, so that a newer deployment file
    can start an older release.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, case_sensitive=False)

    host: str = "127.0.0.1"
    """Address to listen on. Loopback by default: to be reachable from elsewhere is a decision."""
    port: int = Field(ge=1, le=65535)
    """TCP port to listen on. Taken by another process: the service says so and exits with 3."""
    public_url: str = ""
    """Where others reach this service, without a slash at the end. Default: ``http://{host}:{port}``."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is written. ``debug`` also logs health checks and scrapes."""
    redis_url: SecretStr
    """``redis://``, ``rediss://`` or ``unix://`` address; may hold a password."""
    admin_url: str
    """Where Admin is reached: the key set is read there."""
    issuer: str = ""
    """The ``iss`` that access tokens must carry. Default: ``admin_url``."""
    trusted_proxies: str = ""
    """Addresses and networks of proxies whose ``X-Forwarded-For`` is believed, with commas between."""
    rate_limit_factor: int = Field(default=600, ge=0, le=1_000_000)
    """How often an account may ask this service in a minute, as a multiple of its own rate limit. 0: as often
    as it likes."""
    rate_limit_failures: int = Field(default=600, ge=0, le=1_000_000)
    """Requests without a good token that an address may make in a minute. 0: as many as it likes."""
    rate_limit_wait_seconds: float = Field(default=0.1, ge=0.005, le=5)
    """How long a request waits for Redis to count it. A later answer is as good as none: then the process
    limits by what it counts alone."""
    shutdown_seconds: int = Field(default=10, ge=1, le=3600)
    """Seconds that requests under way may take to end after a stop signal; then they are cut off."""

    otlp_endpoint: str = ""
    """Base address of a collector that takes traces by OTLP over HTTP. Empty: none are made."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_values(cls, values: dict[str, object]) -> dict[str, object]:
        # A deployment file that leaves a variable empty means "the default", not "the empty string".
        return {name: value for name, value in values.items() if value != ""}

    @model_validator(mode="after")
    def _check_proxies(self) -> Self:
        try:
            networks(self.trusted_proxies)
        except ValueError:
            raise ValueError("trusted_proxies must be addresses and networks with commas between") from None
        return self

    @field_validator("otlp_endpoint")
    @classmethod
    def _check_collector(cls, value: str) -> str:
        if value and not _is_plain_address(value):
            raise ValueError("must be http:// or https:// with a host, without credentials and query")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _with_addresses(self) -> Self:
        host = f"[{self.host}]" if ":" in self.host else self.host
        public_url = (self.public_url or f"http://{host}:{self.port}").rstrip("/")
        admin_url = self.admin_url.rstrip("/") or public_url
        # The model is frozen for everybody else; here it is still being made.
        object.__setattr__(self, "public_url", public_url)
        object.__setattr__(self, "admin_url", admin_url)
        object.__setattr__(self, "issuer", self.issuer or admin_url)
        return self


def _is_plain_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        good = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:  # of brackets that are no IPv6 address, and of ports; its text would tell the value
        return False
    return bool(good) and "@" not in address.netloc and not (address.query or address.fragment)


Settings = TypeVar("Settings", bound=BaseSettings)


def load(cls: type[Settings], *, secrets_dir: Path | None = None) -> Settings:
    """The settings, or the end of the process with status 2 and one line for each bad variable on stderr.

    A line names the variable and what is wrong with it, never the value: it may be a secret. Secret files are
    those of ``secrets_dir`` if it is given.
    """
    folder = secrets_dir or os.environ.get(SECRETS_DIR) or None
    if folder is not None and not Path(folder).is_dir():
        _refuse([f"{secrets_dir or SECRETS_DIR}: there is no such folder"])
    try:
        return cls(_secrets_dir=folder)
    except ValidationError as invalid:
        _refuse([_sentence(cls, error["loc"], error["msg"]) for error in invalid.errors(include_input=False)])


def _sentence(cls: type[BaseSettings], location: tuple[int | str, ...], message: str) -> str:
    name = (cls.model_config.get("env_prefix") or "") + "__".join(str(part) for part in location)
    return f"{name.upper() or cls.__name__}: {message}"


def _refuse(lines: list[str]) -> NoReturn:
    for line in lines:
        sys.stderr.write(f"artstore: bad settings: {line}\n")
    sys.exit(_EXIT_BAD_SETTINGS)
