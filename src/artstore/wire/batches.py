"""Batches as they cross the wire: documents that are sent one by one and stored in one step, all or none."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from artstore.attributes import RetentionPolicy
from artstore.wire.documents import Document

BATCH_ID: Final = "X-Batch-Id"
"""On an upload to an element: the id that the batch has there. The document is stored with the batch."""
BATCH_PARAMETER: Final = "batch_id"
"""Of an upload to the Ingester: a parameter of the query, or in the metadata of a resumable one."""

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000
"""Documents of a batch in one page."""


class BatchState(StrEnum):
    OPEN = "open"
    COMMITTED = "committed"


class NewBatch(BaseModel):
    """What all documents of a batch have in common."""

    model_config = ConfigDict(extra="forbid")

    retention_policy: RetentionPolicy = RetentionPolicy.PERMANENT
    """Decides where they are kept: a batch lies in one storage element."""
    expected_bytes: Annotated[int, Field(ge=1, le=1 << 60)] = 1
    """About how much is to come, so that an element with so much room is chosen."""


class Commit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    documents: Annotated[int, Field(ge=1)] | None = None
    """How many there must be; otherwise nothing is stored. None: however many there are."""


class Batch(BaseModel):
    batch_id: str
    state: BatchState
    retention_policy: RetentionPolicy
    documents: int
    bytes: int
    """Of all documents, as they lie on the disk."""
    expires_at: datetime
    """Then it is forgotten; each document that comes puts it off. Those of a committed one stay."""


class BatchPage(BaseModel):
    """Documents of a batch, in the order in which they came."""

    items: list[Document]
    next_cursor: str | None = None
