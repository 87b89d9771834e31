"""Which documents are coded, and what must be gained by it."""

import zlib
from dataclasses import dataclass

from artstore.engine.coding.codings import Coding

MOST_STORED = 0.9
"""Of the original bytes: what does not come below is stored as it is."""
COMPRESSIBLE = (
    "text/*",
    "message/rfc822",
    "*/*+json",
    "*/*+xml",
    "application/json",
    "application/ld+json",
    "application/x-ndjson",
    "application/jsonl",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/toml",
    "application/javascript",
    "application/x-javascript",
    "application/sql",
    "application/rtf",
    "application/postscript",
    "application/x-ole-storage",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook",
    "application/x-tar",
    "application/dicom",
    "image/bmp",
    "image/x-ms-bmp",
    "image/tiff",
    "audio/wav",
    "audio/x-wav",
    "font/ttf",
    "font/otf",
)
"""Kinds of content that are not compressed by themselves, or may not be."""

PROBED_BYTES = 256 * 1024
"""By which it is tried whether a document is worth the coding."""


@dataclass(frozen=True, kw_only=True)
class CodingPolicy:
    """``coding`` None: documents are stored as they come."""

    coding: Coding | None = None
    min_bytes: int = 4096
    """A smaller document is not coded: it takes a block of the disk in any case. So much of each that comes
    is held in memory before anything of it is written."""
    types: tuple[str, ...] = COMPRESSIBLE
    """Content types; ``*`` for a whole side, ``*+xml`` for an ending of the right one."""

    def coding_of(self, content_type: str) -> Coding | None:
        """How documents of this type are coded, those that are large enough and gain by it."""
        if self.coding is None:
            return None
        kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
        is_wanted = any(
            _fits(kind, wanted_kind) and _fits(subtype, wanted_subtype)
            for wanted_kind, _, wanted_subtype in (each.lower().partition("/") for each in self.types)
        )
        return self.coding if is_wanted else None


def saves_enough(original_bytes: int, stored_bytes: int) -> bool:
    return stored_bytes <= original_bytes * MOST_STORED


def promises_gain(beginning: bytes) -> bool:
    """Whether a document that begins so is worth the coding: a cheap trial, whatever the coding."""
    probed = beginning[:PROBED_BYTES]
    return saves_enough(len(probed), len(zlib.compress(probed, 1)))


def _fits(word: str, wanted: str) -> bool:
    return word.endswith(wanted[1:]) if wanted.startswith("*") else word == wanted
