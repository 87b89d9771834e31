"""A key pair that signs access tokens, in memory and as it is stored. Slow: tens of milliseconds."""

from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

_BITS = 2048


class PassphraseWrong(Exception):
    """The private part of a stored pair does not open with the configured passphrase."""

    def __init__(self, kid: str) -> None:
        super().__init__(
            f"The private key {kid} does not open with the passphrase in ARTSTORE_ADMIN_KEY_PASSPHRASE; set "
            "the one with which it was encrypted, there or in ARTSTORE_ADMIN_KEY_PASSPHRASE_BEFORE."
        )


@dataclass(frozen=True)
class StoredPair:
    """A pair as the database holds it. Without ``private_pem`` it can only verify."""

    kid: str
    public_jwk: dict[str, Any]
    private_pem: str | None = field(repr=False)


def generate_pair(passphrase: str) -> StoredPair:
    """A new RSA pair; its ``kid`` is the RFC 7638 thumbprint, so that it follows from the key itself."""
    key = RSAKey.generate_key(_BITS)
    kid = key.thumbprint()
    public = dict(key.as_dict(private=False)) | {"kid": kid, "use": "sig", "alg": "RS256"}
    return StoredPair(kid, public, _encrypted(key, passphrase))


def open_pair(stored: StoredPair, passphrase: str) -> RSAKey:
    """The private key of a stored pair. Raises PassphraseWrong."""
    try:
        if stored.private_pem is None:
            raise ValueError("the private part was removed")
        return RSAKey.import_key(stored.private_pem, {"kid": stored.kid}, password=passphrase)
    except (ValueError, TypeError, JoseError) as e:
        raise PassphraseWrong(stored.kid) from e


def encrypt_anew(stored: StoredPair, *, before: str, passphrase: str) -> str:
    """The private part under another passphrase. Raises PassphraseWrong if ``before`` does not open it."""
    return _encrypted(open_pair(stored, before), passphrase)


def public_key(stored: StoredPair) -> RSAKey:
    """The public key of a stored pair, which needs no passphrase."""
    return RSAKey.import_key(stored.public_jwk)


def _encrypted(key: RSAKey, passphrase: str) -> str:
    return key.as_pem(private=True, password=passphrase).decode("ascii")
