"""The public client of ArtStore: store documents, find them, get them back bit for bit.

::

    from artstore import Client

    with Client() as client:                       # addresses and account: ARTSTORE_PROFILE or
    data/profile.json
        document = client.upload("report.pdf", tags=["2025"])
        for hit in client.search("report"):
            client.download(hit.file_id, "copy.pdf")

``Client`` and ``AsyncClient`` have the same methods; the first is a front of the second. Tokens are fetched
and refreshed by themselves, documents are streamed, their SHA-256 is compared in both directions, and only
what is safe is tried again. Every error is an ``ArtStoreError`` (module ``errors`` draws the tree).

It stands on ``artstore.wire`` and ``artstore.attributes`` alone and must know nothing of the services'
insides. Its names are loaded when they are first used: ``Profile`` is also read by programs that send no
requests.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artstore.sdk.asynchronous import AsyncClient
    from artstore.sdk.downloads import DocumentStream
    from artstore.sdk.errors import ArtStoreError
    from artstore.sdk.profile import Profile
    from artstore.sdk.synchronous import Client, SyncDocumentStream

__all__ = ["ArtStoreError", "AsyncClient", "Client", "DocumentStream", "Profile", "SyncDocumentStream"]

_MODULES = {
    "ArtStoreError": "errors",
    "AsyncClient": "asynchronous",
    "Client": "synchronous",
    "DocumentStream": "downloads",
    "Profile": "profile",
    "SyncDocumentStream": "synchronous",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"artstore.sdk.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
