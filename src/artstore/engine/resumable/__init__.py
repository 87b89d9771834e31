"""Uploads that may be interrupted and go on: by a line that breaks, by a client or an element that restarts.

Words: an upload has an *offset*, the bytes of it that are durable; its *state* is a small file beside the
bytes in ``staging/``; it is *complete* when its bytes have become a document. A *partial* upload becomes no
document by itself: it is a part of others, its *wholes*.

Invariants:

1. An offset that was told is on disk, and never goes back.
2. The bytes are there from the creation on, the name of their file flushed before that of the state. So a
   state without bytes is that of an upload whose document was committed.
3. The id of the document is chosen with the upload. Completing it again, also after a crash in the middle of
   it, finds the document or makes it, and never makes another.
4. Whose upload it is stands in its state; who may use it is for the service to decide.
"""

from artstore.engine.resumable.state import ResumableState, Survivor, survivors
from artstore.engine.resumable.upload import Checksum, ResumableUpload
from artstore.engine.resumable.uploads import ResumableFigures, ResumableUploads

__all__ = [
    "Checksum",
    "ResumableFigures",
    "ResumableState",
    "ResumableUpload",
    "ResumableUploads",
    "Survivor",
    "survivors",
]
