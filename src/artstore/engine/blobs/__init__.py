"""Where the files of an element lie: on a local disk, or in an object store. One contract for all.

Words: a *blob* is one file of ``files/``, the bytes of a document or its attributes; its *path* is relative
to the element's root, with ``/`` between its parts. What differs between kinds of storage is told as data
(``Abilities``); callers never ask what kind it is. ``s3`` is imported by who needs it: it takes a while.

Nothing here knows the log, attributes or documents, and nothing decides the order in which blobs appear.
"""

from artstore.engine.blobs.contract import Abilities, BlobMissing, BlobReader, Blobs, Entries
from artstore.engine.blobs.local import LocalBlobs

__all__ = ["Abilities", "BlobMissing", "BlobReader", "Blobs", "Entries", "LocalBlobs"]
