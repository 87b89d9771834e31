"""Who wrote an attribute file: this software, or another before the element was built around its archive.

The seal tells. What ArtStore writes is sealed; what was adopted is in the list of adopted documents, with the
checksum of its attribute file, until it is changed. Nothing else belongs into an element.
"""

import hashlib
from enum import Enum, auto
from typing import Protocol

from artstore.attributes import FileAttributes, created_at_of, folder_of, is_sealed
from artstore.engine.adopted import AdoptedList
from artstore.engine.description import ElementDescription
from artstore.engine.layout import Layout
from artstore.engine.verify.reading import fault_of, regular_file
from artstore.engine.verify.report import Report
from artstore.engine.verify.rules import Rule


class Origin(Enum):
    OWN = auto()
    """Sealed, and not in the list: it lies where ids and stored names say."""
    ADOPTED = auto()
    """It may lie anywhere and have any name, and is what was adopted or was sealed since."""
    UNSEALED = auto()
    """Neither sealed nor in the list: its seal was damaged, or somebody put it here."""
    CHANGED = auto()
    """In the list with another checksum, and not sealed since."""


class Origins(Protocol):
    def of(self, path: str, written: bytes, attributes: FileAttributes) -> Origin:
        """Who wrote the attribute file of the document at ``path``."""
        ...


class ListedOrigins:
    """As the list of adopted documents tells. ``unknown``: there may be such, and no list to trust."""

    def __init__(self, adopted: AdoptedList | None, *, unknown: bool) -> None:
        self._adopted = adopted
        self._unknown = unknown

    def of(self, path: str, written: bytes, attributes: FileAttributes) -> Origin:
        sealed = is_sealed(written)
        if self._unknown:
            return Origin.OWN if sealed and lies_where_stored(path, attributes) else Origin.ADOPTED
        known = self._adopted.get(attributes.file_id, path) if self._adopted is not None else None
        if known is None:
            return Origin.OWN if sealed else Origin.UNSEALED
        assert self._adopted is not None
        changed = self._adopted.is_changed(attributes.file_id, path, written)
        return Origin.CHANGED if changed else Origin.ADOPTED

    def close(self) -> None:
        if self._adopted is not None:
            self._adopted.close()


def lies_where_stored(path: str, attributes: FileAttributes) -> bool:
    """Whether a document lies where ArtStore would have put it."""
    if created_at_of(attributes.file_id) is None:
        return False
    folder, _, name = path.rpartition("/")
    return folder == f"files/{folder_of(attributes.file_id)}" and str(attributes.file_id) in name


def check_list(layout: Layout, description: ElementDescription | None, report: Report) -> ListedOrigins:
    """Compares the list of adopted documents with what ``element.json`` says of it, and opens it."""
    if description is None or description.adopted is None:
        return ListedOrigins(None, unknown=description is None)
    told = description.adopted
    name = layout.adopted.name
    try:
        with regular_file(layout.adopted) as descriptor, open(descriptor, "rb", closefd=False) as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        report.add(Rule.E007, name)
        return ListedOrigins(None, unknown=True)
    except OSError as error:
        report.add(*fault_of(error, name))
        return ListedOrigins(None, unknown=True)
    if checksum != told.list_sha256:
        report.add(Rule.E008, name, f"SHA-256 {checksum} instead of {told.list_sha256}")
        return ListedOrigins(None, unknown=True)
    return ListedOrigins(AdoptedList(layout.adopted), unknown=False)
