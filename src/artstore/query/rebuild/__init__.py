"""Making the catalog anew from the elements while searches go on: ``POST /api/v1/catalog/rebuild``.

A second table of documents is filled from the listings of the elements, beside the one that is searched and
followed meanwhile. Its indexes are made when it is full. Then it takes the place of the first in one
transaction, which holds the followers off, so that no search ever sees less than one before it.

A rebuild is a row: what was asked for goes on also when the process that is at it dies. ``rebuilder`` is the
work, ``repository`` its row and its tables, ``endpoints`` speaks HTTP.

It must not change what is searched before it has the whole.
"""

__all__: list[str] = []
