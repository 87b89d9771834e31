"""What a client says about a document that it hands in; the rest of the attributes the engine knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, Protocol
from uuid import UUID

from artstore.attributes import (
    FileAttributes,
    FileId,
    RetentionPolicy,
    check_filename,
    created_at_of,
    folder_of,
    new_file_id,
    stored_name,
)
from artstore.engine.content_type import content_type_of
from artstore.engine.errors import ChecksumMismatch
from artstore.engine.layout import storage_path_of


class Given(Enum):
    """Where the id of a document comes from."""

    HERE = auto()
    """It is made for the document, and names no other."""
    WITH_IT = auto()
    """Whoever hands the document in says it: it must not have been used."""
    ELSEWHERE = auto()
    """Another element had the document until now; this one may have had it before that."""


class Describes(Protocol):
    """Gives the attributes of a document, once its bytes are there."""

    @property
    def given(self) -> Given: ...

    def attributes(self, head: bytes, size: int, checksum: str) -> FileAttributes: ...


@dataclass(frozen=True, kw_only=True)
class Draft:
    """``content_type`` None: found out from the first bytes and the name.

    ``ttl_days`` None: the document does not expire; else so many days after the time in its id, or after it
    was stored where that may be much later: see ``kept_from``.

    ``file_id`` None: a new one. One that is given must be a UUIDv7, whose time becomes that of the document,
    and must not have been used.
    """

    original_filename: str
    created_by_id: str
    created_by_username: str
    created_by_fullname: str | None = None
    content_type: str | None = None
    description: str | None = None
    version: str | None = None
    custom_attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: list[str] | None = None
    retention_policy: RetentionPolicy | None = None
    ttl_days: int | None = None
    document_id: UUID | None = None
    previous_version_id: UUID | None = None
    file_id: FileId | None = None

    @property
    def given(self) -> Given:
        return Given.HERE if self.file_id is None else Given.WITH_IT

    def attributes(self, head: bytes, size: int, checksum: str) -> FileAttributes:
        """Of a document with these first bytes. Raises AttributesInvalid, FilenameInvalid."""
        check_filename(self.original_filename)
        file_id = self.file_id or new_file_id(datetime.now(UTC))
        at = created_at_of(file_id)
        if at is None:
            raise ValueError(f"the given id {file_id} carries no time")
        stored = stored_name(self.original_filename, self.created_by_username, at, file_id)
        told = dict(vars(self))
        ttl_days = told.pop("ttl_days")
        return FileAttributes.of(
            {
                **told,
                "custom_attributes": dict(self.custom_attributes),
                "content_type": self.content_type or content_type_of(head, self.original_filename),
                "file_id": file_id,
                "storage_filename": stored,
                "storage_path": storage_path_of(folder_of(file_id), stored),
                "file_size": size,
                "created_at": at,
                "updated_at": at,
                "checksum": checksum,
                "expires_at": None if ttl_days is None else at + timedelta(days=ttl_days),
            }
        )


@dataclass(frozen=True)
class Awaited:
    """A document whose bytes took long to come: the time that it is kept counts from ``since``."""

    draft: Describes
    since: datetime

    @property
    def given(self) -> Given:
        return self.draft.given

    def attributes(self, head: bytes, size: int, checksum: str) -> FileAttributes:
        """Raises what the draft does."""
        return kept_from(self.draft.attributes(head, size, checksum), self.since)


def kept_from(attributes: FileAttributes, since: datetime) -> FileAttributes:
    """A document that is stored only now, and until now was to be kept from its ``created_at`` on.

    It gets whole seconds more: attributes that fitted into their file are not longer then.
    """
    waited = timedelta(seconds=max(0, (since - attributes.created_at) // timedelta(seconds=1)))
    if attributes.expires_at is None or not waited:
        return attributes
    return attributes.changed(expires_at=attributes.expires_at + waited)


@dataclass(frozen=True)
class Arrival:
    """A document that has its id and its attributes already, and comes from another element."""

    told: FileAttributes

    @property
    def given(self) -> Given:
        return Given.ELSEWHERE

    @classmethod
    def of(cls, document: Mapping[str, Any], *, keeps_mark: bool = False, **changes: Any) -> "Arrival":
        """From its members as the other element tells them, without names and paths of storage.

        Bytes arrive as the original ones, whatever they were coded to there. ``keeps_mark``: it is here, too,
        a document that is moving. Raises AttributesInvalid, and ValueError for an id that carries no time:
        without an index nobody would find its document here.
        """
        members = {**document, **changes}
        left = ("content_encoding", "stored_size", "stored_checksum")
        for name in left if keeps_mark else ("transfer_id", *left):
            members.pop(name, None)
        # Names and paths are made of checked members only.
        checked = FileAttributes.of({**members, "storage_filename": "-", "storage_path": "-"})
        folder = folder_of(checked.file_id)
        at = created_at_of(checked.file_id)
        assert at is not None, "folder_of refuses an id without a time"
        stored = stored_name(
            checked.original_filename, checked.created_by_username, at, FileId(checked.file_id)
        )
        return cls(checked.changed(storage_filename=stored, storage_path=storage_path_of(folder, stored)))

    def attributes(self, head: bytes, size: int, checksum: str) -> FileAttributes:
        """Raises ChecksumMismatch where these are not the bytes that the attributes tell of."""
        if checksum != self.told.checksum or size != self.told.file_size:
            raise ChecksumMismatch(self.told.checksum, checksum)
        return self.told
