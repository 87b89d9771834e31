"""Bodies of the file endpoints that nobody else shares."""

from pydantic import BaseModel

from artstore.wire.documents import Document


class DocumentPage(BaseModel):
    """Documents in the order of their creation."""

    items: list[Document]
    next_cursor: str | None = None
