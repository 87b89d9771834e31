"""One document by its id: ``GET /api/v1/files/{file_id}``, ``…/download`` and ``…/versions``.

``locate`` finds the element that keeps a document: by the catalog, and where that does not know it (yet), by
asking the elements themselves. ``elements`` speaks to an element with the client's token, so that the element
checks for itself what the client may see. ``choice`` says which element is asked first, ``fetching`` asks
one after the other, ``stream`` is what they answer, ``continuing`` goes on with it at another element when
one breaks off in the middle, and ``relay`` passes it on while it arrives.
``versions`` lists all versions of a document.

It must not say whether a document exists that the caller may not see.
"""

__all__: list[str] = []
