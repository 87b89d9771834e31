"""Many documents in one download."""

from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_DOCUMENTS: Final = 10_000


class NewArchive(BaseModel):
    """Which documents: either ``ids`` or what a search finds."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_DOCUMENTS)] | None = None
    """Named twice, a document is in the archive once."""
    q: Annotated[str, Field(max_length=1000)] | None = None
    """As of a search; it must find MAX_DOCUMENTS at most."""
    partial: bool = False
    """Leave out what cannot be had, and name it in ``errors.json``; otherwise the archive is refused, or
    breaks off where it has begun."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ids is None) == (self.q is None):
            raise ValueError("say either ids or q")
        return self
