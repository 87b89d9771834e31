"""What can be wrong with attributes and names.

AttributesError                   (catch this for all of them)
├── AttributesInvalid             a field is missing or has a value that the format forbids
│   └── FilenameInvalid           the client's file name cannot be accepted
└── AttributesTooLarge            the attributes exceed what an attribute file may hold
"""

MAX_BYTES = 4096
"""The most bytes that an attribute file may have, as written."""


class AttributesError(Exception):
    """Attributes that the format forbids. Permanent: the same input fails again."""


class AttributesInvalid(AttributesError):
    """``field`` names the offending member (dotted if nested, empty for the whole), ``reason`` the fault."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


class FilenameInvalid(AttributesInvalid):
    """``reason`` is a sentence for the client."""

    def __init__(self, reason: str) -> None:
        super().__init__("original_filename", reason)


class AttributesTooLarge(AttributesError):
    """``size`` is what the attributes would take, in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(
            f"the attributes take {size} bytes as written and at most {MAX_BYTES} are allowed;"
            " shorten the description, the tags or the custom attributes"
        )
        self.size = size
