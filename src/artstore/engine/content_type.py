"""What kind of content a document is, where the client does not say: from its first bytes and its name.

A hint for whoever opens it. All that ArtStore decides by it is whether compressing the document is tried.
"""

import mimetypes
import re

HEAD_BYTES = 512
"""How many first bytes are looked at."""
UNKNOWN = "application/octet-stream"

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"%PDF-", "application/pdf"),
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8", "image/gif"),
    (rb"II\*\0|MM\0\*", "image/tiff"),
    (rb"RIFF....WEBP", "image/webp"),
    (rb"PK\x03\x04|PK\x05\x06", "application/zip"),
    (rb"\x1f\x8b", "application/gzip"),
    (rb"BZh", "application/x-bzip2"),
    (rb"\xfd7zXZ\0", "application/x-xz"),
    (rb"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (rb"\x28\xb5\x2f\xfd", "application/zstd"),
    (rb"\{\\rtf", "application/rtf"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (rb"OggS", "audio/ogg"),
    (rb"fLaC", "audio/flac"),
    (rb"ID3", "audio/mpeg"),
    (rb"....ftyp", "video/mp4"),
    (rb"\x7fELF", "application/x-executable"),
    (rb"<\?xml", "application/xml"),
)
_SIGNATURE = re.compile(b"|".join(b"(%s)" % pattern for pattern, _ in _SIGNATURES), re.DOTALL)
_CONTAINERS = {"application/zip", "application/x-ole-storage", "application/xml", "application/gzip"}
"""What is also the wrapping of more special kinds, which the name tells apart."""
_BY_EXTENSION = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".epub": "application/epub+zip",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".eml": "message/rfc822",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_NOT_IN_TEXT = re.compile(rb"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]")


def content_type_of(head: bytes, filename: str) -> str:
    """The MIME type of a document with these first bytes and this name."""
    named = _from_name(filename)
    signature = _SIGNATURE.match(head)
    if signature is not None and signature.lastindex is not None:
        found = _SIGNATURES[signature.lastindex - 1][1]
        return named if named is not None and found in _CONTAINERS else found
    if _is_text(head):
        return named if named is not None and _may_be_text(named) else "text/plain"
    return named if named is not None and not _may_be_text(named) else UNKNOWN


def _from_name(filename: str) -> str | None:
    extension = "." + filename.rpartition(".")[2].lower()
    return _BY_EXTENSION.get(extension) or _SYSTEM_INDEPENDENT.get(extension)


def _is_text(head: bytes) -> bool:
    if _NOT_IN_TEXT.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return (
            error.start >= len(head) - 3 and len(head) >= HEAD_BYTES
        )  # a character cut by the end of the head
    return True


def _may_be_text(kind: str) -> bool:
    return kind.startswith("text/") or kind in {
        "application/json", "application/xml", "application/javascript", "message/rfc822", "image/svg+xml",
    } or kind.endswith(("+xml", "+json"))  # fmt: skip


# The same answer on every machine: without the tables that the system may have.
_SYSTEM_INDEPENDENT = mimetypes.MimeTypes().types_map[True]
