"""``Repr-Digest`` (RFC 9530) on what comes in: the digest that a client knows of its document beforehand."""

import base64
import binascii
import re
from typing import Any, Final

from starlette.datastructures import Headers

from artstore.kernel.problems import Problem
from artstore.wire.headers import REPR_DIGEST
from artstore.wire.problems import ProblemType

REPR_DIGEST_PARAMETER: Final[dict[str, Any]] = {
    "name": REPR_DIGEST,
    "in": "header",
    "required": False,
    "description": "The SHA-256 of the file; with another one nothing is stored",
    "schema": {"type": "string", "examples": ["sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"]},
}
"""In OpenAPI."""

_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):")
"""A member of a dictionary whose value is a byte sequence (RFC 8941 §3.2, §3.3.5), without parameters."""
_SHA_256_BYTES = 32
_MOST_CHARACTERS = 4096


def announced_sha256(headers: Headers) -> str | None:
    """The SHA-256 in hexadecimal that the request announces of its document, or None if it announces nothing.

    Digests by other algorithms may stand beside it, and are not checked. Raises Problem INVALID_PARAMETER for
    a header that cannot be read, or has no ``sha-256``: who sends a digest counts on its being checked.
    """
    values = headers.getlist(REPR_DIGEST)
    if not values:
        return None
    text = ",".join(values)
    if len(text) > _MOST_CHARACTERS:
        raise _unreadable(f"it has more than {_MOST_CHARACTERS} characters")
    found: dict[str, str] = {}
    for member in text.split(","):
        match = _MEMBER.fullmatch(member.strip(" \t"))
        if match is None:
            raise _unreadable("it must read sha-256=:BASE64:, as RFC 9530 tells")
        found[match[1]] = match[2]
    if "sha-256" not in found:
        raise _unreadable("of its algorithms none is checked here; send sha-256")
    try:
        digest = base64.b64decode(found["sha-256"], validate=True)
    except binascii.Error:
        raise _unreadable("its value is not Base64") from None
    if len(digest) != _SHA_256_BYTES:
        raise _unreadable(f"a SHA-256 has {_SHA_256_BYTES} bytes, not {len(digest)}")
    return digest.hex()


def _unreadable(reason: str) -> Problem:
    return Problem(
        ProblemType.INVALID_PARAMETER, f"The header {REPR_DIGEST} is wrong: {reason}.", field=REPR_DIGEST
    )
