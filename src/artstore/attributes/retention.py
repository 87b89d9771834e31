"""How long a document is meant to be kept."""

from enum import StrEnum


class RetentionPolicy(StrEnum):
    TEMPORARY = "temporary"
    """Work in progress: kept where documents may still be deleted, and may expire."""
    PERMANENT = "permanent"
    """Never expires by itself."""
