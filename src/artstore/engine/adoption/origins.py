"""Telling what is adopted from what the element itself wrote, while adopting."""

from collections.abc import Callable
from datetime import datetime

from artstore.attributes import FileAttributes, created_at_of, is_sealed
from artstore.engine.adopted import AdoptedDocument, AdoptedList
from artstore.engine.verify.origins import Origin, lies_where_stored


class AdoptingOrigins:
    """Calls ``note`` for each document that is adopted, also for those that were before.

    ``known`` is the list of an earlier adoption, ``since`` the time when the element was made, if it exists:
    what it wrote itself and lost its seal is damaged, and not to be adopted.
    """

    def __init__(
        self, known: AdoptedList | None, since: datetime | None, note: Callable[[AdoptedDocument], None]
    ) -> None:
        self._known = known
        self._since = since
        self._note = note

    def of(self, path: str, written: bytes, attributes: FileAttributes) -> Origin:
        file_id = attributes.file_id
        known = self._known.get(file_id, path) if self._known is not None else None
        if known is not None:
            self._note(known)
            assert self._known is not None
            return Origin.CHANGED if self._known.is_changed(file_id, path, written) else Origin.ADOPTED
        if lies_where_stored(path, attributes):
            if is_sealed(written):
                return Origin.OWN
            if self._is_younger(attributes):
                return Origin.UNSEALED
        self._note(AdoptedDocument.of(file_id, written, path))
        return Origin.ADOPTED

    def _is_younger(self, attributes: FileAttributes) -> bool:
        at = created_at_of(attributes.file_id)
        return self._since is not None and at is not None and at >= self._since
