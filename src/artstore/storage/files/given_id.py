"""The id that comes with an upload: see ``wire.headers.FILE_ID``."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from starlette.datastructures import Headers

from artstore.attributes import FileAttributes, FileId, created_at_of
from artstore.engine import AlreadyStored, Draft
from artstore.kernel.problems import Problem
from artstore.wire.headers import FILE_ID, FILE_ID_AHEAD_SECONDS, FILE_ID_BEHIND_SECONDS
from artstore.wire.problems import ProblemType


def given_file_id(headers: Headers) -> FileId | None:
    """Raises Problem INVALID_PARAMETER for what is no UUIDv7 of about now."""
    given = headers.getlist(FILE_ID)
    if not given:
        return None
    try:
        file_id = FileId(UUID(given[0]))
    except ValueError:
        raise _refused("is no UUID") from None
    at = created_at_of(file_id)
    if at is None or len(given) > 1 or str(file_id) != given[0].lower():
        raise _refused("must be one UUID of version 7")
    if not -FILE_ID_AHEAD_SECONDS <= (datetime.now(UTC) - at).total_seconds() <= FILE_ID_BEHIND_SECONDS:
        raise _refused("carries a time that is too long ago, or to come")
    return file_id


def same_document(found: AlreadyStored, draft: Draft) -> FileAttributes | None:
    """What an earlier try of the same upload stored; None where the id belongs to something else."""
    stored = found.stored
    if stored is None or stored.checksum != found.checksum or not _fixed_same(stored, draft):
        return None
    was_changed = stored.updated_at != stored.created_at  # since: what can be changed tells nothing then
    return stored if was_changed or _changeable_same(stored, draft) else None


def _fixed_same(stored: FileAttributes, draft: Draft) -> bool:
    return (
        stored.created_by_id == draft.created_by_id
        and stored.original_filename == draft.original_filename
        and stored.retention_policy == draft.retention_policy
        and stored.document_id == draft.document_id
        and stored.previous_version_id == draft.previous_version_id
        and draft.content_type in (None, stored.content_type)
    )


def _changeable_same(stored: FileAttributes, draft: Draft) -> bool:
    return (
        stored.description == draft.description
        and stored.version == draft.version
        and stored.tags == draft.tags
        and stored.custom_attributes == draft.custom_attributes
        and stored.expires_at == _expiry(stored, draft)
    )


def _expiry(stored: FileAttributes, draft: Draft) -> datetime | None:
    return None if draft.ttl_days is None else stored.created_at + timedelta(days=draft.ttl_days)


def _refused(reason: str) -> Problem:
    # A field of the form may have that name as well; the header is what the Ingester has to know of.
    detail = f"The header {FILE_ID} {reason}."
    return Problem(ProblemType.INVALID_PARAMETER, detail, field=FILE_ID, header=FILE_ID)
