"""Compression of stored documents: what is on disk, and how the original bytes come back.

Words: the *original* bytes are those that the client gave; a document is *coded* where other bytes are
stored, which a standard tool turns into the original ones; the *coding* is how (``content_encoding``).

``codings`` knows the formats, ``policy`` which documents are to be coded, ``coder`` codes one on its way in,
``decoding`` reads and checks. Nothing here knows the log or blobs, nothing flushes, and everything blocks:
for a thread.
"""

from artstore.engine.coding.coder import Coded, Coder, as_coded, code_whole
from artstore.engine.coding.codings import Coding, CodingBroken, Decoder, coding_named
from artstore.engine.coding.decoding import Compared, DecodedDocument, compare
from artstore.engine.coding.figures import CodingFigures
from artstore.engine.coding.policy import CodingPolicy

__all__ = [
    "Coded",
    "Coder",
    "Coding",
    "CodingBroken",
    "CodingFigures",
    "CodingPolicy",
    "Compared",
    "DecodedDocument",
    "Decoder",
    "as_coded",
    "code_whole",
    "coding_named",
    "compare",
]
