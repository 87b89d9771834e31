"""Keys that sign access tokens: how their changes are announced, and how Admin lists them."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

KEYS_CHANNEL = "artstore:keys:changes"
"""A Redis channel that carries a KeyAnnouncement when the key set changes, and again every two seconds."""
ANNOUNCE_KEYS_EVERY_SECONDS = 2.0


class KeyAnnouncement(BaseModel):
    """The ids of the keys that are good now. Whoever has others reads the key set again."""

    kids: frozenset[str]


class KeyState(StrEnum):
    PENDING = "pending"
    """Published, so that every verifier learns of it; it signs from ``signs_from`` on."""
    SIGNING = "signing"
    RETIRING = "retiring"
    """Another one signs; the tokens of this one are good until ``good_until``."""
    RETIRED = "retired"
    REVOKED = "revoked"
    """Its tokens are worthless, however long they were to last."""


class SigningKey(BaseModel):
    """A key pair as Admin tells of it: nothing of the pair itself, whose public part is in the key set."""

    kid: str
    state: KeyState
    created_at: datetime
    signs_from: datetime
    good_until: datetime | None
    """When its last token ends; None while no other key is to follow it."""
    revoked_at: datetime | None


class SigningKeyPage(BaseModel):
    items: list[SigningKey]
    next_cursor: str | None = None
