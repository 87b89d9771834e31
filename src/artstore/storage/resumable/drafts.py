"""What the metadata of a resumable upload say of its document, under the rules of every upload."""

from collections.abc import Mapping

from artstore.attributes import RetentionPolicy
from artstore.engine import Draft
from artstore.kernel.access import Principal
from artstore.kernel.multipart import Field, FileStart
from artstore.kernel.problems import Problem
from artstore.storage.files.form import FILE_PART, UploadForm
from artstore.storage.files.version_of import VersionOf
from artstore.wire.batches import BATCH_PARAMETER
from artstore.wire.problems import ProblemType
from artstore.wire.resumable import UPLOAD_METADATA

_FIELDS = (
    "retention_policy",
    "ttl_days",
    "description",
    "version",
    "tags",
    "custom_attributes",
    "replaces",
    "document_id",
)
_NAMES = ("filename", "name")
_TYPES = ("content_type", "filetype", "type")
_IGNORED = ("relativePath",)
"""Uppy sends it of every file, mostly empty."""


def draft_of(
    metadata: Mapping[str, str],
    principal: Principal,
    default_ttl_days: int,
    of_batch: RetentionPolicy | None = None,
    version_of: VersionOf | None = None,
) -> Draft:
    """Of two names for one thing the first counts. ``of_batch``: the retention policy of the batch that the
    document is for; ``version_of``: the document of which it is a version. Raises Problem, AttributesError.
    """
    for name in metadata.keys() - {*_FIELDS, *_NAMES, *_TYPES, *_IGNORED, BATCH_PARAMETER}:
        # Not dropped in silence: it may be metadata that the client believes stored.
        known = ", ".join(("filename", "filetype", *_FIELDS, BATCH_PARAMETER))
        detail = f"{name[:64]!r} in {UPLOAD_METADATA} is not known; known are {known}."
        raise Problem(ProblemType.INVALID_PARAMETER, detail, field=name[:64])
    filename = _first(metadata, _NAMES)
    if not filename:
        detail = f"The document needs a file name: send 'filename' in {UPLOAD_METADATA}."
        raise Problem(ProblemType.FILE_MISSING, detail, field="filename")
    form = UploadForm(of_batch=of_batch, version_of=version_of, default_ttl_days=default_ttl_days)
    for name in _FIELDS:
        if name in metadata:
            form.take_field(Field(name, metadata[name].encode("utf-8", "surrogatepass")))
    form.take_file(FileStart(FILE_PART, filename, _first(metadata, _TYPES)))
    return form.draft(principal)


def _first(metadata: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((metadata[name] for name in names if metadata.get(name)), None)
