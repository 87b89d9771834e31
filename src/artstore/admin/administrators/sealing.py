"""Encryption of the secrets of second factors, which must be read again: AES-256-GCM.

The key is derived from the key passphrase of the settings, which the database never sees. Each secret is
bound to its owner: put into another person's row it does not open.
"""

import base64
import hashlib
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX = "v1."
_NONCE_BYTES = 12
_PURPOSE = b"artstore administrators: second factor"


class CannotOpen(Exception):
    """A stored secret does not open with the configured passphrase."""

    def __init__(self, owner: UUID) -> None:
        super().__init__(
            f"The second factor of the administrator {owner} does not open with the passphrase in "
            "ARTSTORE_ADMIN_KEY_PASSPHRASE; set the passphrase with which it was made, or remove the factor."
        )


class Seal:
    """Making one takes some hundredths of a second, for the passphrase may be a person's choice."""

    def __init__(self, passphrase: str) -> None:
        key = hashlib.scrypt(passphrase.encode("utf-8"), salt=_PURPOSE, n=2**14, r=8, p=1, dklen=32)
        self._cipher = AESGCM(key)

    def close(self, secret: bytes, owner: UUID) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, secret, owner.bytes)
        return _PREFIX + base64.b64encode(sealed).decode("ascii")

    def open(self, sealed: str, owner: UUID) -> bytes:
        """Raises CannotOpen."""
        try:
            raw = base64.b64decode(sealed.removeprefix(_PREFIX), validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.bytes)
        except (ValueError, InvalidTag) as error:
            raise CannotOpen(owner) from error
