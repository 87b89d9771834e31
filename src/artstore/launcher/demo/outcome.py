"""What the demonstration did with each document, and how long it took."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID


@dataclass
class Account:
    """What became of one file. ``troubles`` is empty when everything about it is well."""

    source: Path
    size: int
    mark: str
    """A tag of this document alone, by which the search can tell it from those of the same name."""
    file_id: UUID | None = None
    checksum: str | None = None
    element_id: str | None = None
    on_disk: Path | None = None
    """Where its bytes lie."""
    troubles: list[str] = field(default_factory=list)


@dataclass
class Step:
    """One step over all documents."""

    name: str
    documents: int = 0
    bytes: int = 0
    seconds: float = 0.0

    @property
    def megabytes_per_second(self) -> float | None:
        return self.bytes / 1e6 / self.seconds if self.bytes and self.seconds else None


@dataclass
class Outcome:
    """The whole demonstration."""

    accounts: list[Account] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)
    """Files without a byte: there is nothing of them to store."""
    steps: list[Step] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    """What the offline checker found in the elements' folders."""

    @property
    def good(self) -> bool:
        """Whether every file was stored, found, fetched, the same, and in its place."""
        return not self.findings and not any(account.troubles for account in self.accounts)
