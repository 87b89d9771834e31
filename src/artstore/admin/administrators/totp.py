"""Codes of the second factor: TOTP (RFC 6238) with SHA-1, 6 digits, 30 s, which every authenticator has."""

import base64
import hashlib
import hmac
import secrets
import struct
from urllib.parse import quote, urlencode

PERIOD_SECONDS = 30
DIGITS = 6
_SECRET_BYTES = 20
"""As long as the output of SHA-1 (RFC 4226 §4)."""
_STEPS_APART = 1
"""How many steps the person's clock may be off, in both directions (RFC 6238 §5.2)."""


def new_secret() -> bytes:
    return secrets.token_bytes(_SECRET_BYTES)


def step_at(seconds: float) -> int:
    """The number of the step of a moment since 1970."""
    return int(seconds) // PERIOD_SECONDS


def code(secret: bytes, step: int) -> str:
    """RFC 4226 §5.3."""
    digest = hmac.digest(secret, struct.pack(">Q", step), hashlib.sha1)
    offset = digest[-1] & 0xF
    number = struct.unpack_from(">I", digest, offset)[0] & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(given: str, secret: bytes, now: float, last_step: int) -> int | None:
    """The step whose code was given, or None. Codes up to ``last_step`` were used and are none any more."""
    current = step_at(now)
    found = None
    for step in range(max(current - _STEPS_APART, last_step + 1), current + _STEPS_APART + 1):
        if hmac.compare_digest(code(secret, step).encode(), given.encode()):
            found = step
    return found


def base32(secret: bytes) -> str:
    return base64.b32encode(secret).decode("ascii")


def otpauth_uri(secret: bytes, *, issuer: str, username: str) -> str:
    """What an authenticator reads from a QR code."""
    parameters = {"secret": base32(secret), "issuer": issuer, "digits": DIGITS, "period": PERIOD_SECONDS}
    return f"otpauth://totp/{quote(issuer)}:{quote(username)}?{urlencode(parameters, quote_via=quote)}"
