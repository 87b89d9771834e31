"""Access tokens that ended before their time, as Admin tells everybody who verifies tokens.

Admin decides in PostgreSQL. It publishes each revocation on a Redis channel and keeps all that still matter
in one Redis hash; whoever hears nothing from Redis asks Admin (``GET /api/v1/auth/revocations``). An entry
ends either one token (``jti``), or those of one session of an administrator (``session_id``), or all tokens
of an account whose ``epoch`` is lower than the entry's.
"""

from typing import Final
from uuid import UUID

from pydantic import BaseModel

REVOCATIONS_PATH: Final = "/api/v1/auth/revocations"
REVOCATIONS_CHANNEL: Final = "artstore:revocations:changes"
"""Carries a RevocationNews for each change, and one without items every ``HEARTBEAT_SECONDS``."""
REVOCATIONS_KEY: Final = "artstore:revocations"
"""A Redis hash: each Revocation by its ``key``, and under POSITION_FIELD up to where it is complete."""
POSITION_FIELD: Final = "position"
HEARTBEAT_SECONDS: Final = 1.0
PAGE_SIZE: Final = 1000


class Revocation(BaseModel):
    """``until`` is in seconds since 1970: then the last token that it ends has expired by itself."""

    position: int
    account_id: UUID | None = None
    epoch: int = 0
    jti: str | None = None
    session_id: UUID | None = None
    until: float

    @property
    def key(self) -> str:
        if self.jti is not None:
            return f"jti:{self.jti}"
        if self.session_id is not None:
            return f"session:{self.session_id}"
        return f"account:{self.account_id}"


class RevocationNews(BaseModel):
    """All entries behind the position ``after`` up to ``position``; with ``more`` there are others behind.

    Expired entries are left out. A ``position`` before the one that was asked for: the list began anew.
    """

    items: list[Revocation]
    after: int
    position: int
    more: bool = False
