"""How long documents are kept: bodies at ``/api/v1/files/{file_id}/retention`` and ``…/hold``."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from artstore.attributes import MAX_TTL_DAYS, MIN_TTL_DAYS


class Extension(BaseModel):
    """A temporary document is kept for so many days from now, which must not be shorter than before."""

    model_config = ConfigDict(extra="forbid")

    ttl_days: Annotated[int, Field(ge=MIN_TTL_DAYS, le=MAX_TTL_DAYS, strict=True)]


class NewLegalHold(BaseModel):
    """A document is not to be deleted, whatever happens, until it is released."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$"
        ),
    ]
    """It is stored with the document and stands in the audit trail: name a case, not a person."""
