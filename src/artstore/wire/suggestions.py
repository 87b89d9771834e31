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
    """A text that is the value of a custom attribute."""


class Suggestion(BaseModel):
    kind: SuggestionKind
    text: str
    """As it stands in a document."""


class Suggestions(BaseModel):
    items: list[Suggestion]
