"""The table prefix of an element: what the names of its tables begin with."""

import re

_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")


def prefix_of(element_id: str) -> str:
    """The default table prefix of an element: its id in the characters that a bare SQL name may have."""
    name = re.sub(r"[^a-z0-9]+", "_", element_id.lower()).strip("_")
    return (name if name[:1].isalpha() else f"e_{name}")[:40]


def check_prefix(prefix: str) -> str:
    """The prefix itself. ValueError where it could not stand in an SQL name (63 bytes, suffix included)."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("a table prefix has 1 to 40 characters a-z, 0-9 and _, and begins with a letter")
    return prefix
