"""What kind of content a document is, where the client does not say: from its first bytes and its name.

A hint for whoever opens it, nothing more: nothing in ArtStore decides anything by it.
"""

import mimetypes

HEAD_BYTES = 512
"""How many first bytes are looked at."""
UNKNOWN = "application/octet-stream"

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"<?xml", "application/xml"),
)
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
_TEXT_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b\b")


def content_type_of(head: bytes, filename: str) -> str:
    """The MIME type of a document with these first bytes and this name."""
    named = _from_name(filename)
    found = next((kind for at, magic, kind in _SIGNATURES if head.startswith(magic, at)), None)
    if found is not None:
        return named if named is not None and found in _CONTAINERS else found
    if _is_text(head):
        return named if named is not None and _may_be_text(named) else "text/plain"
    return named if named is not None and not _may_be_text(named) else UNKNOWN


def _from_name(filename: str) -> str | None:
    extension = "." + filename.rpartition(".")[2].lower()
    return _BY_EXTENSION.get(extension) or _SYSTEM_INDEPENDENT.guess_type(f"x{extension}")[0]


def _is_text(head: bytes) -> bool:
    if not _TEXT_CONTROLS.isdisjoint(head):
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
_SYSTEM_INDEPENDENT = mimetypes.MimeTypes()
