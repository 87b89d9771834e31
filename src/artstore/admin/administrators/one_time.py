"""Random texts that are good once: refresh tokens, reset codes, recovery codes. Stored as SHA-256.

They are random enough that no slow hash has to stretch them.
"""

import base64
import hashlib
import secrets

RECOVERY_CODES = 10
_GROUP = 4


def new_refresh_token() -> str:
    """256 random bits, in characters that a cookie holds."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """80 random bits for a person to copy, ``K7QD-…``: Base32 has no 0, 1 and 8 to be taken for others."""
    text = base64.b32encode(secrets.token_bytes(10)).decode("ascii")
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def new_recovery_codes() -> list[str]:
    return [new_code() for _ in range(RECOVERY_CODES)]


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8")).digest()


def code_hash(code: str) -> bytes:
    """The hash of a code as a person may write it: in small letters, without hyphens, with blanks."""
    return token_hash("".join(code.upper().replace("-", " ").split()))
