"""Links to documents: whoever has one may download, without a token, until it ends."""

from datetime import datetime
from ipaddress import IPv6Network, ip_network
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from artstore.wire.accounts import MAX_TOKEN_SECONDS
from artstore.wire.administrators import MAX_LOGIN_TOKEN_SECONDS

MAX_LINK_SECONDS: Final = MAX_TOKEN_SECONDS
"""No longer than a token may live: so long it is remembered everywhere that the tokens of an account ended,
and with them its links."""
MAX_LINK_SECONDS_OF_PERSON: Final = MAX_LOGIN_TOKEN_SECONDS
"""The same of the session of an administrator."""
RESUME_SECONDS: Final = 900
"""So long after its first use a link for one use goes on to serve the address that used it."""
MAX_LINKS: Final = 1000
"""Of one account, at a time."""
_MAPPED_BITS = 96
"""Of an address of IPv4 written as one of IPv6, those before it."""


def _network(text: str) -> str:
    if "%" in text:
        raise ValueError("an address has no zone here")
    network = ip_network(text, strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return str(ip_network((mapped, network.prefixlen - _MAPPED_BITS)))
    return str(network)


Network = Annotated[str, Field(max_length=64), AfterValidator(_network)]
"""An IP address or a network (``192.0.2.0/24``)."""


class NewLink(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_in: Annotated[int, Field(strict=True, ge=1, le=MAX_LINK_SECONDS)] = 3600
    """Seconds. Of a person at most MAX_LINK_SECONDS_OF_PERSON."""
    once: StrictBool = False
    """For one download, which may be resumed for RESUME_SECONDS from the same address."""
    address: Network | None = None
    """Only a client there may use it."""
    direct: StrictBool = False
    """Send the client on to the storage element, so that the bytes need not pass through Query; where its
    elements cannot be reached by clients they do all the same."""


class Link(BaseModel):
    link_id: UUID
    file_id: UUID
    created_at: datetime
    expires_at: datetime
    once: bool
    address: str | None
    direct: bool = False
    used_at: datetime | None
    """When a link for one use was used."""


class LinkCreated(Link):
    url: str
    """The path at Query. Told once: whoever has it can download."""


class LinkPage(BaseModel):
    items: list[Link]
    """Newest first; those that have ended are left out."""
    next_cursor: str | None = None
    """Always null: an account has MAX_LINKS at most."""
