"""Tickets: with one, whoever has it fetches one document from its element, and soon."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from artstore.wire.accounts import MAX_RATE_LIMIT
from artstore.wire.links import Network

TICKETS_PATH: Final = "/api/v1/auth/tickets"
"""At Admin, which makes them."""
TICKET_PATH: Final = "/api/v1/tickets/{ticket}/download"
"""At an element, which takes them."""
TICKET_AUDIENCE: Final = "artstore-ticket"
"""Their ``aud``, by which none of them is an access token."""
TICKET_SECONDS: Final = 60
"""Their life, within which a download must begin; it may go on for longer."""
FILE_CLAIM: Final = "file_id"
ADDRESS_CLAIM: Final = "address"
"""Absent where a ticket is good from everywhere."""


class NewTicket(BaseModel):
    """Whose right to the document was checked, as the access token of that account says: with its tokens the
    ticket ends, and for it requests are counted.
    """

    model_config = ConfigDict(extra="forbid")

    file_id: UUID
    account_id: UUID
    epoch: Annotated[int, Field(ge=0, le=2**53 - 1)]
    session_id: UUID | None = None
    rate_limit: Annotated[int, Field(ge=0, le=MAX_RATE_LIMIT)]
    address: Network | None = None
    """Only a client there may use it."""


class Ticket(BaseModel):
    ticket: str
    expires_in: int
    """Seconds."""
