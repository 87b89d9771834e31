"""The seal: the last line of an attribute file, by which damage of the file itself is seen.

It holds the CRC-32 (that of gzip, PNG and zlib) of all bytes before it. A checksum of the file's own is
needed because nothing else knows the attributes byte for byte once the log has let go of them.
"""

import re
import zlib

SEAL = "attributes_crc32"
"""The member's name. It belongs to the file, not to the document: no client sees it."""

_LINE = re.compile(rb'"attributes_crc32": "([0-9a-f]{8})"\n\}\n')
_LINE_BYTES = len('"attributes_crc32": "01234567"\n}\n')


def sealed(begun: bytes) -> bytes:
    """The file that begins with ``begun``, which ends behind the comma and line break of the last member."""
    return begun + b'"%s": "%08x"\n}\n' % (SEAL.encode(), zlib.crc32(begun))


def is_sealed(data: bytes) -> bool:
    """Whether the file ends with a seal, and the right one. False for files that never had one."""
    line = _LINE.fullmatch(data, len(data) - _LINE_BYTES) if len(data) > _LINE_BYTES else None
    return line is not None and int(line[1], 16) == zlib.crc32(memoryview(data)[:-_LINE_BYTES])
