"""JSON lines with a checksum each, for files that are only added to: a line that is torn or damaged is seen.

A line is a JSON object whose last member, ``crc32``, is the CRC-32 (that of gzip, PNG and zlib) of everything
before the comma in front of it, in eight hexadecimal digits.
"""

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

_LINE = re.compile(rb'(\{.*),"crc32":"([0-9a-f]{8})"\}')


def encode_line(members: Mapping[str, Any]) -> bytes:
    """With the line feed at the end. ``members`` are JSON values, at least one, none of them ``crc32``."""
    begun = json.dumps(members, separators=(",", ":")).encode()[:-1]
    return begun + b',"crc32":"%08x"}\n' % zlib.crc32(begun)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """What a line without its line feed says; None if it is damaged or torn. Takes any bytes."""
    match = _LINE.fullmatch(line)
    if match is None or zlib.crc32(match[1]) != int(match[2], 16):
        return None
    try:
        members = json.loads(match[1] + b"}")
    except (ValueError, RecursionError):
        return None
    return members if isinstance(members, dict) else None
