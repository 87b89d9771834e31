"""Names of documents in an archive, whatever they are called: for every file system, and each once."""

import re
import unicodedata
from collections import Counter

ATTRIBUTES = ".attr.json"
_MOST_BYTES = 200
"""Of a name, without what is added to make it unique, and without ATTRIBUTES."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*%\ud800-\udfff]')
"""A percent sign too: RFC 8493 §2.1.3 has a manifest write it as %25, for which ``sha256sum -c`` looks."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


class Names:
    """Gives each document of one archive its name."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: Counter[str] = Counter()

    def name(self, filename: str) -> str:
        """One that no other document and no file of attributes has, also where case makes no difference."""
        wanted = safe_name(filename)
        stem, dot, suffix = wanted.rpartition(".")
        if not stem:
            stem, dot, suffix = wanted, "", ""
        name, key = wanted, _key(wanted)
        while _key(name) in self._taken or _key(name + ATTRIBUTES) in self._taken:
            # Where a thousand have the same name, none tries those that the others have.
            self._next[key] += 1
            name = f"{stem} ({self._next[key] + 1}){dot}{suffix}"
        self._taken |= {_key(name), _key(name + ATTRIBUTES)}
        return name


def safe_name(filename: str) -> str:
    """One segment of a path that no file system refuses, and no program takes for a way out of its folder."""
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", filename))
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > _MOST_BYTES // 4:
        stem, dot, suffix = name, "", ""
    room = _MOST_BYTES - len((dot + suffix).encode())
    name = (stem.encode()[:room].decode(errors="ignore") + dot + suffix).lstrip(" ").rstrip(" .")
    if not name:
        return "_"
    return f"_{name}" if _DEVICES.fullmatch(name) else name


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", name).casefold())
