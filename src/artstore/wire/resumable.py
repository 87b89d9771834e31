"""Resumable uploads as they cross the wire: tus 1.0 (https://tus.io/protocols/resumable-upload)."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel

from artstore.wire.documents import Document

PROTOCOL: Final = "1.0.0"
EXTENSIONS: Final = (
    "creation",
    "creation-defer-length",
    "creation-with-upload",
    "checksum",
    "expiration",
    "termination",
    "concatenation",
)
CHECKSUM_ALGORITHMS: Final = ("sha256", "sha1")
PIECE_TYPE: Final = "application/offset+octet-stream"

TUS_RESUMABLE: Final = "Tus-Resumable"
TUS_VERSION: Final = "Tus-Version"
TUS_EXTENSION: Final = "Tus-Extension"
TUS_MAX_SIZE: Final = "Tus-Max-Size"
TUS_CHECKSUM_ALGORITHM: Final = "Tus-Checksum-Algorithm"
UPLOAD_OFFSET: Final = "Upload-Offset"
UPLOAD_LENGTH: Final = "Upload-Length"
UPLOAD_DEFER_LENGTH: Final = "Upload-Defer-Length"
UPLOAD_METADATA: Final = "Upload-Metadata"
UPLOAD_CONCAT: Final = "Upload-Concat"
UPLOAD_CHECKSUM: Final = "Upload-Checksum"
UPLOAD_EXPIRES: Final = "Upload-Expires"
UPLOAD_FILE_ID: Final = "ArtStore-File-Id"
"""In answers of an upload that is complete: the id of its document. Not of tus."""


class UploadStatus(BaseModel):
    """What is known of a resumable upload."""

    offset: int
    """Bytes that are safe."""
    length: int | None
    """Bytes of the whole; None while the client has not told."""
    partial: bool
    """A part of others, which becomes no document by itself."""
    complete: bool
    expires_at: datetime
    """Then it is forgotten; each piece that comes puts it off. The document of a complete one stays."""
    document: Document | None = None
    """Of a complete one, unless it was deleted since."""
