"""What happens in the life of an account: suspended, deleted and back, and another secret."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Response

from artstore.admin.service_accounts.endpoints import CHANGE_ANSWERS, PREFIX, ChangeTerms, created, shown
from artstore.admin.service_accounts.life import AccountLife
from artstore.admin.service_accounts.rotation import Rotation
from artstore.wire.accounts import CreatedServiceAccount, SecretRotation, ServiceAccount


def account_life_routes(life: AccountLife, rotation: Rotation) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/{{account_id}}", tags=["service accounts"], responses=CHANGE_ANSWERS)

    @router.post("/suspend")
    async def suspend_service_account(
        account_id: UUID, terms: ChangeTerms, response: Response
    ) -> ServiceAccount:
        """No tokens any more; those that it has are refused everywhere within seconds."""
        return shown(await life.suspend(account_id, terms), response)

    @router.post("/activate")
    async def activate_service_account(
        account_id: UUID, terms: ChangeTerms, response: Response
    ) -> ServiceAccount:
        """End a suspension. Tokens from before it stay refused."""
        return shown(await life.activate(account_id, terms), response)

    @router.delete("", status_code=204)
    async def delete_service_account(account_id: UUID, terms: ChangeTerms) -> None:
        """No tokens any more. Account, documents and the name stay; the account can be restored."""
        await life.delete(account_id, terms)

    @router.post("/restore")
    async def restore_service_account(
        account_id: UUID, terms: ChangeTerms, response: Response
    ) -> ServiceAccount:
        """Take a deletion back."""
        return shown(await life.restore(account_id, terms), response)

    @router.post("/rotate-secret", status_code=201)
    async def rotate_client_secret(
        account_id: UUID,
        terms: ChangeTerms,
        response: Response,
        wanted: SecretRotation | None = None,
    ) -> CreatedServiceAccount:
        """A new secret, shown this once; the old one stays good for a while, or ends at once."""
        seconds = wanted.overlap_seconds if wanted is not None else None
        overlap = None if seconds is None else timedelta(seconds=seconds)
        return created(*await rotation.rotate(account_id, terms, overlap), response)

    @router.delete("/secrets/{secret_id}", status_code=204)
    async def end_client_secret(account_id: UUID, secret_id: UUID, terms: ChangeTerms) -> None:
        """One secret is good no longer; tokens that were got with it go on."""
        await rotation.end(account_id, secret_id, terms)

    return router
