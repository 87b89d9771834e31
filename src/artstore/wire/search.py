"""What is asked of a search, and what it answers beside documents."""

from enum import StrEnum


class SearchMode(StrEnum):
    """How words are compared with those of documents."""

    FULLTEXT = "fulltext"
    """Russian and English endings do not matter."""
    EXACT = "exact"
    """Words as they were written, but for case and accents."""
    PARTIAL = "partial"
    """The beginning of a word, or any part of the file name."""
