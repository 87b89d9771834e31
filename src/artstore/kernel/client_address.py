"""Whose request it is, where a proxy stands between: the address that proxies of ours tell."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Network = IPv4Network | IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """The address that the request came from, "unknown" where there is none.

    ``X-Forwarded-For`` is read from its end, as far as trusted proxies wrote it: what stands before the word
    of somebody else may be invented.
    """
    client = scope.get("client")
    address = client[0] if client else "unknown"
    for told in reversed(_forwarded(scope)):
        if not _within(address, trusted):
            break
        try:
            address = str(ip_address(told))
        except ValueError:
            break
    return address


def address_of(scope: Scope) -> str | None:
    """The same by the proxies that the service of the request trusts; None where there is no address."""
    return client_address(scope, scope["app"].state.trusted_proxies) if scope.get("client") else None


def customer(address: str) -> str:
    """Whom an address counts for: of IPv6 its network of 64 bits, which is what one customer has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return str(parsed)


def is_within(address: str | None, network: str | None) -> bool:
    """Whether ``network``, which may be a single address, has this address in it; None has all."""
    if network is None:
        return True
    try:
        client = ip_address(address or "")
        allowed = ip_network(network)
    except ValueError:
        return False
    if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
        client = client.ipv4_mapped
    return client in allowed


def _forwarded(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [part.strip() for value in values for part in value.split(",")]


def _within(address: str, trusted: Sequence[Network]) -> bool:
    try:
        return any(ip_address(address) in network for network in trusted)
    except ValueError:
        return False
