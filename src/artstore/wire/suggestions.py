"""What is suggested while somebody types."""

from enum import StrEnum

from pydantic import BaseModel


class SuggestionKind(StrEnum):
    NAME = "name"
    """A file name."""
    TAG = "tag"
    ATTRIBUTE = "attribute"
    """The name of a custom attribute, of a nested one with dots between."""
    VALUE = "value"
    """The value of a custom attribute: a text or a whole number."""


class Suggestion(BaseModel):
    kind: SuggestionKind
    text: str
    """As it stands in a document."""


class Suggestions(BaseModel):
    items: list[Suggestion]
