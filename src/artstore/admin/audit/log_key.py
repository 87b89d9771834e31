"""The key that signs checkpoints: made at the first start, kept as the keys of tokens are."""

import asyncio
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from artstore.admin.audit import repository
from artstore.admin.audit.entry import SYSTEM, AuditEntry
from artstore.admin.audit.note import SigningKey
from artstore.admin.audit.repository import StoredKey
from artstore.admin.keys.pairs import PassphraseWrong
from artstore.kernel.database import ReadConnection, WriteConnection
from artstore.wire.audit import Action


def origin_of(issuer: str) -> str:
    """The name of the log: the address of the system without its scheme, as C2SP has it."""
    parts = urlsplit(issuer)
    name = f"{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/") or "artstore"
    return "".join(c for c in f"{name}/audit" if c != "+" and not c.isspace())


async def ensure_log_key(connection: WriteConnection, passphrase: str, origin: str) -> list[AuditEntry]:
    """Make the key if there is none. The caller holds a lock, so that several processes agree.

    ``origin`` names the log for good: another one later changes nothing. Returns what the caller must append.
    """
    if await repository.stored_key(connection) is not None:
        return []
    key = SigningKey(origin, Ed25519PrivateKey.generate())
    pem = await asyncio.to_thread(_pem, key.private, passphrase)
    stored = StoredKey(str(key.verifier), origin, pem)
    await repository.add_key(connection, stored, datetime.now(UTC))
    return [AuditEntry(Action.KEY_CREATED, SYSTEM, "audit_key", stored.verifier_key)]


async def public_key(connection: ReadConnection) -> str:
    """``name+hash+base64``. The start of Admin makes the key before the first request."""
    stored = await repository.stored_key(connection)
    assert stored is not None
    return stored.verifier_key


async def open_log_key(connection: ReadConnection, passphrase: str) -> SigningKey:
    """Raises PassphraseWrong, LookupError where there is no key."""
    stored = await repository.stored_key(connection)
    if stored is None:
        raise LookupError("There is no key that signs the audit trail; the start of Admin makes it.")
    return SigningKey(stored.name, await _opened(stored, passphrase))


async def encrypt_anew(connection: WriteConnection, *, before: str, passphrase: str) -> None:
    """Encrypt the key with the passphrase, where only the one before opens it. Raises PassphraseWrong."""
    stored = await repository.stored_key(connection)
    if stored is None:
        return
    try:
        await _opened(stored, passphrase)
    except PassphraseWrong:
        private = await _opened(stored, before)
        await repository.replace_private_part(
            connection, stored.verifier_key, await asyncio.to_thread(_pem, private, passphrase)
        )


async def _opened(stored: StoredKey, passphrase: str) -> Ed25519PrivateKey:
    try:
        private = await asyncio.to_thread(
            load_pem_private_key, stored.private_pem.encode("ascii"), passphrase.encode()
        )
    except (ValueError, TypeError) as e:
        raise PassphraseWrong(stored.verifier_key) from e
    assert isinstance(private, Ed25519PrivateKey)
    return private


def _pem(private: Ed25519PrivateKey, passphrase: str) -> str:
    encryption = BestAvailableEncryption(passphrase.encode())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode("ascii")
