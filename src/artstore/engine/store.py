"""An element whose documents lie elsewhere than its root: what the two ends say of each other.

The root holds the log, ``staging/`` and ``element.json``, which names the place of the documents. There, the
same ``element.json`` lies beside ``files/`` with a copy of FORMAT.md, for whoever finds the bucket alone, and
lest two elements write into one place. The root's is the one that counts.

For elements whose documents lie in the root, all of this does nothing.
"""

from dataclasses import replace
from datetime import UTC, datetime

from artstore.engine.blobs import BlobMissing, Blobs
from artstore.engine.description import (
    FILES,
    MAX_BYTES,
    DescriptionInvalid,
    ElementDescription,
    Mode,
    parse_description,
)
from artstore.engine.errors import ElementMismatch, NotAnElement, StoreMismatch
from artstore.engine.layout import (
    FORMAT_PAGE,
    Layout,
    describe,
    make_root_without_files,
    write_description,
)

_DESCRIPTION = "element.json"
_PAGE = "FORMAT.md"


def create_apart(
    layout: Layout, element_id: str, mode: Mode, blobs: Blobs, *, take_over: bool
) -> ElementDescription:
    """Makes the root of an element whose documents will lie where ``blobs`` are; nothing is put there yet.

    ``take_over``: those of an element of this name may lie there already. Raises NotAnElement, StoreMismatch,
    StoreUnavailable.
    """
    there = _read(element_id, blobs)
    if there is None:
        if any(True for _ in blobs.walk(FILES)):
            raise StoreMismatch(element_id, "something else: files without an element.json")
        there = describe(element_id, mode, datetime.now(UTC))
    elif there.id != element_id:
        raise StoreMismatch(element_id, f"the element '{there.id}'")
    elif not take_over:
        reason = (
            "it is empty, but the store holds documents of this element: bring back the root, whose log may"
            " hold what the store has not yet; if it is lost, let an empty one take over"
        )
        raise NotAnElement(layout.root, reason)
    make_root_without_files(layout)
    description = replace(there, store=_place(blobs))
    write_description(layout, description)
    return description


def check_kind(description: ElementDescription, blobs: Blobs) -> None:
    """Raises ElementMismatch where the settings tell of another kind of storage than the element has."""
    configured, found = _kind(_place(blobs)), _kind(description.store)
    if configured != found:
        raise ElementMismatch("as the place of its documents", configured, found)


def check_there(layout: Layout, description: ElementDescription, blobs: Blobs) -> None:
    """Raises StoreMismatch where the documents are not those of the element, and StoreUnavailable."""
    if _place(blobs) is None:
        return
    blobs.check()
    there = _read(description.id, blobs)
    if there is None:
        if layout.checkpoint.exists() or layout.segments():
            raise StoreMismatch(description.id, "nothing")
        publish(layout, description, blobs)  # the element is new: from here on the place is taken
    elif (there.id, there.created_at) != (description.id, description.created_at):
        raise StoreMismatch(description.id, f"the element '{there.id}' of {there.created_at.isoformat()}")


def publish(layout: Layout, description: ElementDescription, blobs: Blobs) -> ElementDescription:
    """Makes both ends say where the documents lie, and what the element is. Returns what they say."""
    place = _place(blobs)
    if place is None:
        return description
    if description.store != place:
        description = replace(description, store=place)
        write_description(layout, description)
    for path, data in ((_PAGE, FORMAT_PAGE.read_bytes()), (_DESCRIPTION, description.to_bytes())):
        try:
            there = blobs.read(path, len(data) + 1)
        except BlobMissing:
            there = b""
        if there != data:
            blobs.put(path, data)
    return description


def _read(element_id: str, blobs: Blobs) -> ElementDescription | None:
    try:
        return parse_description(blobs.read(_DESCRIPTION, MAX_BYTES + 1))
    except BlobMissing:
        return None
    except DescriptionInvalid as error:
        raise StoreMismatch(element_id, f"an element.json that is not valid ({error})") from error


def _place(blobs: Blobs) -> dict[str, str] | None:
    place = blobs.abilities.place
    return None if place is None else dict(place)


def _kind(place: dict[str, str] | None) -> str:
    return "the root" if place is None else place["kind"]
