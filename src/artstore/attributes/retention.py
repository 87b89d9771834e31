"""How long a document is meant to be kept."""

from enum import StrEnum

MIN_TTL_DAYS = 1
MAX_TTL_DAYS = 365
DEFAULT_TTL_DAYS = 30
"""How long a temporary document is kept where nobody says so."""


class RetentionPolicy(StrEnum):
    TEMPORARY = "temporary"
    """Work in progress: kept where documents may still be deleted, and may expire."""
    PERMANENT = "permanent"
    """Never expires by itself."""
