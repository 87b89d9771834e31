"""ArtStore keeps documents for decades.

``from artstore import Client`` (or ``AsyncClient``) is all that an application needs. Both are loaded when
they are first asked for, so that a service, which lives in the same distribution, starts without them.
"""

from typing import TYPE_CHECKING

from artstore.version import __version__

if TYPE_CHECKING:
    from artstore.sdk import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> object:
    if name in {"AsyncClient", "Client"}:
        from artstore import sdk

        return getattr(sdk, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
