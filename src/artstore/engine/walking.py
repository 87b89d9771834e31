"""Walking over the attribute files of an element in order, wherever they lie."""

from collections.abc import Iterator

from artstore.attributes import ATTRIBUTE_SUFFIX, attribute_name
from artstore.engine.blobs import Blobs
from artstore.engine.description import FILES
from artstore.engine.layout import Layout


def attribute_files(layout: Layout, blobs: Blobs, after: str | None) -> Iterator[str]:
    """The storage paths of all documents, in the order that ``Layout.attribute_files`` tells of."""
    if blobs.abilities.place is None:
        return layout.attribute_files(after)
    return _below(blobs, FILES, after.split("/")[1:] if after else [])


def _below(blobs: Blobs, folder: str, start: list[str]) -> Iterator[str]:
    """From ``start`` on, the names of a path below ``folder``."""
    entries = blobs.entries(folder)
    first = start[0] if start else ""
    names = {name: True for name in entries.folders if name >= first}
    for name in entries.blobs:
        if name.endswith(ATTRIBUTE_SUFFIX) and (not start or name > attribute_name(first)):
            names.setdefault(name, False)
    for name in sorted(names):
        if names[name]:
            yield from _below(blobs, f"{folder}/{name}", start[1:] if name == first else [])
        else:
            yield f"{folder}/{name.removesuffix(ATTRIBUTE_SUFFIX)}"
