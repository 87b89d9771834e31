"""Reading attribute files, of any version and of whoever wrote them."""

from artstore.attributes import MAX_BYTES, AttributesInvalid, FileAttributes, attribute_name, parse
from artstore.engine.adopted import AdoptedList
from artstore.engine.blobs import Blobs


def read_and_migrate_if_needed(
    blobs: Blobs, path: str, adopted: AdoptedList | None
) -> tuple[bytes, FileAttributes]:
    """The attribute file of the document at ``path`` as written, and what it says as of version 2.0.

    Nothing is rewritten for having been read. ``storage_path`` is ``path``, whatever was written. Raises
    BlobMissing, OSError, and AttributesError, also where an adopted file is not what was adopted.
    """
    written = blobs.read(attribute_name(path), MAX_BYTES + 1)
    attributes = parse(written, at=path)
    if adopted is not None and adopted.is_changed(attributes.file_id, path, written):
        raise AttributesInvalid("", "they are not those that were adopted: they were changed or damaged")
    return written, attributes
