"""Asking elements with the account of this service, where Query itself has found the right to a document."""

from artstore.kernel.access import Principal
from artstore.kernel.peers import ServiceToken
from artstore.wire.scopes import Scope


async def service_principal(token: ServiceToken) -> Principal:
    """It sees every document: whoever asks as it decides before what may be asked for. Raises AdminAway."""
    return Principal(
        account_id="",
        client_id="",
        username="",
        role="",
        scopes=frozenset({Scope.FILES_READ, Scope.FILES_ALL}),
        token=await token.get(),
    )
