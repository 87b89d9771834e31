"""Many documents in one download."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import Field, StrictBool, model_validator

from artstore.wire.search import BodyBasis

MAX_DOCUMENTS: Final = 10_000


class NewArchive(BodyBasis):
    """Which documents: either ``ids`` or what a search finds, as ``POST /api/v1/search`` is asked."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_DOCUMENTS)] | None = None
    """Named twice, a document is in the archive once. A search must find MAX_DOCUMENTS at most."""
    partial: StrictBool = False
    """Leave out what cannot be had, and name it in ``errors.json``; otherwise the archive is refused, or
    breaks off where it has begun."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_nothing(cls, body: Any) -> Any:
        return (
            {name: value for name, value in body.items() if value is not None}
            if isinstance(body, dict)
            else body
        )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        """An empty list of a filter says nothing, and an order or a mode no documents: nobody gets all of
        them without having said so."""
        said = {name for name in self.model_fields_set if getattr(self, name) not in (None, [])}
        asked = said - {"ids", "partial"}
        if self.ids is None and not asked - {"mode", "sort"}:
            raise ValueError("say either ids or what is looked for: q, or filters")
        if self.ids is not None and asked:
            raise ValueError(f"say either ids or what is looked for, not ids and {', '.join(sorted(asked))}")
        return self
