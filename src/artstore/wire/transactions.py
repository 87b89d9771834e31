"""Transactions: work of several steps that ends done or undone, whatever dies meanwhile."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from artstore.wire.elements import ElementId

TRANSACTIONS_PATH = "/api/v1/transactions"
TRANSFERS_PATH = "/api/v1/transfers"
"""At Admin. Elements have something else there: see ``wire.transfers``."""


class TransactionKind(StrEnum):
    FINALIZE = "finalize"
    """A temporary document becomes permanent, and moves to an element of mode ``rw`` for it."""
    TRANSFER = "transfer"
    """A document moves from one element of mode ``edit`` to another, and stays what it is."""


class TransactionState(StrEnum):
    PENDING = "pending"
    """Nothing was done yet."""
    RUNNING = "running"
    DONE = "done"
    COMPENSATING = "compensating"
    """What was done is being undone."""
    UNDONE = "undone"
    FAILED = "failed"
    """It stopped half-way, and an operator must look at it: retry, or compensate. Where something was away
    it is tried again every hour."""


OVER = frozenset({TransactionState.DONE, TransactionState.UNDONE})


class StepAttempt(BaseModel):
    """One attempt at one step. Without an error it succeeded."""

    step: str
    started_at: datetime
    ended_at: datetime
    error: str | None = None


class Transaction(BaseModel):
    transaction_id: UUID
    kind: TransactionKind
    state: TransactionState
    step: str
    """The step that is next, or was the last."""
    file_id: UUID
    owner_id: str
    """The account whose document it is."""
    requested_by_id: str
    requested_by_name: str
    source_element_id: str
    target_element_id: str
    total_bytes: int
    copied_bytes: int
    attempts: int
    """At this step, that failed."""
    error: str | None = None
    """Of the last attempt, where it failed."""
    next_at: datetime | None = None
    """When it goes on, where it waits."""
    committed_at: datetime | None = None
    """Since when it cannot be undone: the target has the document."""
    created_at: datetime
    updated_at: datetime
    history: list[StepAttempt]
    """The last 100 attempts."""


class TransactionPage(BaseModel):
    items: list[Transaction]
    next_cursor: str | None = None


_Who = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]


class NewTransaction(BaseModel):
    """What is known of a transaction before it begins."""

    model_config = ConfigDict(extra="forbid")

    kind: TransactionKind
    file_id: UUID
    owner_id: _Who
    requested_by_id: _Who
    requested_by_name: _Who
    source_element_id: ElementId
    target_element_id: ElementId
    total_bytes: Annotated[int, Field(ge=1, le=2**53 - 1)]


class NewFinalization(NewTransaction):
    """What the Ingester asks for, after it looked whether the account may."""

    kind: Literal[TransactionKind.FINALIZE] = TransactionKind.FINALIZE


class NewTransfer(BaseModel):
    """A document that is to move. From where, Admin finds out."""

    model_config = ConfigDict(extra="forbid")

    file_id: UUID
    target_element_id: ElementId


class Finalization(BaseModel):
    """How far the finalization of a document is, as its owner sees it."""

    transaction_id: UUID
    file_id: UUID
    state: TransactionState
    step: str
    is_permanent: bool
    """The document is permanent; what is left is the removal of its temporary copy."""
    total_bytes: int
    copied_bytes: int
    error: str | None = None
    created_at: datetime
    updated_at: datetime
    permanent_since: datetime | None = None
    history: list[StepAttempt]

    @classmethod
    def of(cls, transaction: Transaction) -> "Finalization":
        return cls(
            is_permanent=transaction.committed_at is not None,
            permanent_since=transaction.committed_at,
            **transaction.model_dump(include=set(cls.model_fields)),
        )
