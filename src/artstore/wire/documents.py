"""A document as clients see it: its attributes without stored names and paths."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from artstore.attributes import LegalHold, RetentionPolicy


class Document(BaseModel):
    """The attributes of one document (Template Schema v2.0). Unknown members are kept."""

    model_config = ConfigDict(extra="allow")

    file_id: UUID
    original_filename: str
    file_size: Annotated[int, Field(gt=0)]
    """Bytes of the original document."""
    content_type: str
    checksum: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the original document, lower-case hexadecimal."""
    created_at: datetime
    updated_at: datetime
    created_by_id: str
    created_by_username: str
    created_by_fullname: str | None = None
    description: str | None = None
    version: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    custom_attributes: dict[str, Any] = Field(default_factory=dict)
    tags: list[str] | None = None
    retention_policy: RetentionPolicy | None = None
    expires_at: datetime | None = None
    """When a temporary document is removed, unless it is held. Absent: it does not expire."""
    legal_hold: LegalHold | None = None
    """While it is there, nobody deletes the document, and it does not expire."""
    document_id: UUID | None = None
    """What all versions of a document share: the ``file_id`` of the first one, which does not have it."""
    previous_version_id: UUID | None = None
    """The ``file_id`` of the version that this one followed."""


class DocumentState(StrEnum):
    ACTIVE = "active"
    DELETED = "deleted"


class ElementDocument(BaseModel):
    """An item of an element's listing: the document's last change, for those who follow the element.

    ``document`` is absent once the document was deleted; ``lsn`` is that of the last change.
    """

    lsn: int
    state: DocumentState
    file_id: UUID
    document: Document | None = None


class ElementDocumentPage(BaseModel):
    items: list[ElementDocument]
    next_cursor: str | None = None
    last_lsn: int
    """Every change up to this one is in this page, an earlier one, or one that ``next_cursor`` leads to."""
    deletions_since: int = 0
    """Deletions up to this LSN may be missing (the index was rebuilt from the files since): who is at a
    lower position must take the whole list from 0 and drop what is not in it."""


class SearchHit(Document):
    """A document found by a search, with the element that keeps it."""

    element_id: str


class SearchPage(BaseModel):
    items: list[SearchHit]
    next_cursor: str | None = None
