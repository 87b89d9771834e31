"""The attribute format, ids, stored names and retention: pure functions, no input or output.

Words: *attributes* are the metadata of one document as its attribute file holds them (Template Schema
v2.0); a *stored name* is the name of its bytes on disk; a *file id* is a UUIDv7, from which the *hour
folder* follows. What the format demands is told in ``engine/FORMAT.md`` and enforced here.

Nothing here may open a file, know a service, or decide what to do about a wrong value.
"""

from artstore.attributes.errors import (
    MAX_BYTES,
    AttributesError,
    AttributesInvalid,
    AttributesTooLarge,
    FilenameInvalid,
)
from artstore.attributes.ids import FileId, created_at_of, folder_of, new_file_id
from artstore.attributes.names import (
    ATTRIBUTE_SUFFIX,
    MAX_NAME_BYTES,
    StoredName,
    attribute_name,
    check_filename,
    stored_name,
)
from artstore.attributes.retention import DEFAULT_TTL_DAYS, MAX_TTL_DAYS, MIN_TTL_DAYS, RetentionPolicy
from artstore.attributes.schema import SCHEMA_VERSION, FileAttributes, LegalHold
from artstore.attributes.seal import is_sealed
from artstore.attributes.versions import parse, to_v1_compatible

__all__ = [
    "ATTRIBUTE_SUFFIX",
    "DEFAULT_TTL_DAYS",
    "MAX_BYTES",
    "MAX_NAME_BYTES",
    "MAX_TTL_DAYS",
    "MIN_TTL_DAYS",
    "SCHEMA_VERSION",
    "AttributesError",
    "AttributesInvalid",
    "AttributesTooLarge",
    "FileAttributes",
    "FileId",
    "FilenameInvalid",
    "LegalHold",
    "RetentionPolicy",
    "StoredName",
    "attribute_name",
    "check_filename",
    "created_at_of",
    "folder_of",
    "is_sealed",
    "new_file_id",
    "parse",
    "stored_name",
    "to_v1_compatible",
]
