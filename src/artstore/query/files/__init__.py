"""One document by its id: ``GET /api/v1/files/{file_id}``, ``…/download`` and ``…/versions``.

``locate`` finds the element that keeps a document: by the catalog, and where that does not know it (yet), by
asking the elements themselves. ``elements`` speaks to an element with the client's token, so that the element
checks for itself what the client may see. ``relay`` passes an element's answer on while it arrives.
``versions`` lists all versions of a document.

It must not say whether a document exists that the caller may not see.
"""

__all__: list[str] = []
