"""Names of documents: what a client may call one, and under which name it is stored.

The stored name serves a person who looks into the folder, and any file system that the archive may be
copied to. It is never parsed for meaning: what it says stands in the attributes too.
"""

import re
import unicodedata
from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

from artstore.attributes.errors import FilenameInvalid

StoredName = NewType("StoredName", str)
"""The name of a document's bytes within its folder."""

ATTRIBUTE_SUFFIX = ".attr.json"
MAX_NAME_BYTES = 255
"""What ext4, XFS, NTFS, APFS and ZFS take, counted as UTF-8, attribute suffix included."""
MAX_FILENAME_CHARACTERS = 1000
MAX_FILENAME_BYTES = 2000
"""Of an original file name as JSON, so that beside it there is room for the other attributes."""

_MAX_USERNAME_BYTES = 64
_MAX_EXTENSION_BYTES = 32
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]')
"""What Windows refuses (the strictest), and what no tool shows."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *\.", re.IGNORECASE)
"""Device names of Windows: taken whatever follows the first dot."""
_ZERO_WIDTH_JOINER = "\u200d"


def check_filename(name: str) -> str:
    """The client's file name, unchanged. Raises FilenameInvalid, with a sentence that says what to do."""
    if not name.strip():
        raise FilenameInvalid("the file name is empty; give one")
    if _CONTROL.search(name):
        raise FilenameInvalid("the file name holds a control character; remove it")
    if "/" in name or "\\" in name:
        raise FilenameInvalid("the file name holds a path separator; send the name without its folder")
    if name in (".", ".."):
        raise FilenameInvalid(f"'{name}' names a folder; give the name of a file")
    if len(name) > MAX_FILENAME_CHARACTERS:
        raise FilenameInvalid(
            f"the file name has {len(name)} characters; at most {MAX_FILENAME_CHARACTERS} are accepted"
        )
    try:
        size = len(name.encode()) + name.count('"')
    except UnicodeEncodeError as error:
        raise FilenameInvalid("the file name is not valid Unicode; send it as UTF-8") from error
    if size > MAX_FILENAME_BYTES:
        raise FilenameInvalid(
            f"the file name takes {size} bytes of UTF-8; at most {MAX_FILENAME_BYTES} are accepted"
        )
    return name


def stored_name(
    original_filename: str, username: str, at: datetime, file_id: UUID, suffix: str = ""
) -> StoredName:
    """``{stem}_{username}_{YYYYMMDDTHHMMSS}_{file_id}{ext}``, fit for any file system; ``at`` is aware.

    ``suffix`` comes behind it all, of a document that is coded on disk.

    With ``.attr.json`` it has at most 255 bytes of UTF-8. The stem is cut where needed, never inside a
    character; an extension of more than 32 bytes counts as part of the stem. Any text is taken, also one
    that ``check_filename`` would refuse, and the result always names a file in the folder it is put in.
    """
    stem, extension = _split(_portable(original_filename))
    user = _cut(_portable(username), _MAX_USERNAME_BYTES) or "_"
    at_utc = at.astimezone(UTC)
    tail = f"_{user}_{_compact(at_utc)}_{file_id}{extension}{suffix}"
    room = MAX_NAME_BYTES - len(ATTRIBUTE_SUFFIX) - len(tail.encode())
    return StoredName(_cut(stem, room) + tail)


def attribute_name(stored: str) -> str:
    """The name of the attribute file beside a stored name."""
    return stored + ATTRIBUTE_SUFFIX


def _compact(at: datetime) -> str:
    return f"{at.year:04d}{at.month:02d}{at.day:02d}T{at.hour:02d}{at.minute:02d}{at.second:02d}"


def _portable(text: str) -> str:
    # NFC, because some file systems give back another normal form than they were given, and NFC least often.
    return _REFUSED.sub("_", unicodedata.normalize("NFC", text))


def _split(name: str) -> tuple[str, str]:
    """Stem and extension (with its dot, or empty), both safe where they will stand."""
    stem, dot, last = name.rpartition(".")
    extension = dot + last
    if not stem.strip(".") or not last or len(extension.encode()) > _MAX_EXTENSION_BYTES:
        stem, extension = name, ""
    if extension.endswith(" "):  # Windows drops spaces at the end
        extension = extension.rstrip(" ") + "_"
    if stem.startswith("."):  # hidden files are easily left behind when an archive is copied
        stem = "_" + stem[1:]
    if _RESERVED.match(stem):
        stem = "_" + stem
    return stem or "_", extension


def _cut(text: str, room: int) -> str:
    """The longest beginning of ``text`` that fits ``room`` bytes of UTF-8 and ends with a whole character."""
    encoded = text.encode()
    if len(encoded) <= room:
        return text
    kept = len(encoded[:room].decode(errors="ignore"))
    whole = kept
    while whole and _joins(text[whole - 1], text[whole]):
        whole -= 1
    return text[: whole or kept]


def _joins(before: str, after: str) -> bool:
    """Whether the two code points are drawn as one character: accents, vowel signs, joined emoji."""
    return unicodedata.category(after).startswith("M") or _ZERO_WIDTH_JOINER in (before, after)
