"""Another passphrase: the secrets of second factors are encrypted anew."""

from artstore.admin.administrators import repository
from artstore.admin.administrators.sealing import CannotOpen, Seal
from artstore.kernel.database import WriteConnection


async def seal_anew(connection: WriteConnection, *, before: Seal, now: Seal) -> None:
    """Seals what only the seal before opens. What neither opens stays, and its owner is told at the login."""
    for owner, sealed in await repository.totp_secrets(connection):
        try:
            now.open(sealed, owner)
        except CannotOpen:
            try:
                secret = before.open(sealed, owner)
            except CannotOpen:
                continue
            await repository.change(connection, owner, totp_secret=now.close(secret, owner))
