"""How Admin's transactions move a document from one element to another: bodies at ``/api/v1/transfers``.

A *transfer* is one such move. The *source* holds the document for it: a mark in its attributes, while which
nobody else changes or deletes it. The *target* takes bytes and attributes over, and the source lets go.
"""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from artstore.wire.elements import ElementId


class Hold(BaseModel):
    """To mark a document. ``replaces`` names a transfer that is known to be over and left its mark."""

    model_config = ConfigDict(extra="forbid")

    transfer_id: UUID
    replaces: UUID | None = None


class Held(BaseModel):
    document: dict[str, Any]
    """As ``wire.documents.Document``, with ``transfer_id``."""


class Copy(BaseModel):
    """To take a document over. It gets the members of ``changes`` in place of those that it has.

    ``source_element_id`` is given where the target is of mode ``edit``, and only there: the mark of the
    transfer is what tells a copy that was taken over, and a document must not be taken over from where it is.
    """

    model_config = ConfigDict(extra="forbid")

    transfer_id: UUID
    source_url: Annotated[str, Field(max_length=2000, pattern=r"^https?://[^\x00]+$")]
    changes: dict[str, Any] = {}
    source_element_id: ElementId | None = None


class Copied(BaseModel):
    """``document`` is absent while the copying goes on."""

    received_bytes: int
    document: dict[str, Any] | None = None


class Withdrawn(BaseModel):
    """What is left after the target was told to take the document over no longer."""

    is_present: bool
    """It was taken over before."""
    transfer_id: UUID | None = None
    """The mark that it bears."""
