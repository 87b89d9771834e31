"""What the answer to a finalization waits for: the hold of the document, but not for ever."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import pytest
from starlette.requests import Request

from artstore.ingester.files.locating import Copy, Locating
from artstore.ingester.finalize.finalizing import Finalizing
from artstore.ingester.finalize.transactions import AdminTransactions
from artstore.ingester.settings import IngesterSettings
from artstore.kernel.peers import AdminAway
from artstore.wire.transactions import Transaction, TransactionKind, TransactionState
from tests.support.announcements import registered
from tests.support.playing_elements import PRINCIPAL

FILE_ID = uuid4()
NOW = datetime.now(UTC)
STATE = {"request_id": "r", "traceparent": "t"}
PENDING = Transaction(
    transaction_id=uuid4(),
    kind=TransactionKind.FINALIZE,
    state=TransactionState.PENDING,
    step="hold",
    file_id=FILE_ID,
    owner_id=PRINCIPAL.account_id,
    requested_by_id=PRINCIPAL.account_id,
    requested_by_name="name",
    source_element_id="edit-01",
    target_element_id="rw-01",
    total_bytes=7,
    copied_bytes=0,
    attempts=0,
    created_at=NOW,
    updated_at=NOW,
    history=[],
)
HELD = PENDING.model_copy(update={"state": TransactionState.RUNNING, "step": "copy"})


class OneDocument:
    async def copies(self, *_: Any) -> list[Copy]:
        document = {"created_by_id": PRINCIPAL.account_id, "file_size": 7}
        return [Copy(registered("edit-01"), document)]


class Admin:
    """Says of a transaction that was begun what it is told to, one after the other."""

    def __init__(self, says: Sequence[Transaction | Exception]) -> None:
        self.says = iter(says)

    async def of_document(self, *_: Any) -> Transaction:
        return PENDING

    async def read(self, *_: Any) -> Transaction:
        said = next(self.says)
        if isinstance(said, Exception):
            raise said
        return said


async def answer(settings: IngesterSettings, *says: Transaction | Exception) -> dict[str, Any]:
    finalizing = Finalizing(
        cast(Locating, OneDocument()), settings, cast(AdminTransactions, Admin(says)), looks=(0, 0, 0)
    )
    headers = [(b"authorization", b"Bearer token")]
    scope = {"type": "http", "path_params": {"file_id": str(FILE_ID)}, "headers": headers, "state": STATE}
    response = await finalizing.begin(Request(scope), PRINCIPAL)
    assert response.status_code == 202
    told: dict[str, Any] = json.loads(bytes(response.body))
    return told


async def test_waits_until_the_document_is_held(settings: IngesterSettings) -> None:
    told = await answer(settings, PENDING, HELD)
    assert (told["state"], told["step"]) == ("running", "copy")


async def test_waits_no_longer_where_the_first_attempt_failed(settings: IngesterSettings) -> None:
    failed = HELD.model_copy(update={"step": "hold", "attempts": 1})
    told = await answer(settings, failed)
    assert (told["state"], told["step"]) == ("running", "hold")


async def test_says_so_where_that_takes_long(settings: IngesterSettings) -> None:
    told = await answer(settings, PENDING, PENDING, PENDING)
    assert (told["state"], told["step"]) == ("pending", "hold")


@pytest.mark.parametrize("looks", [0, 1])
async def test_is_begun_also_where_admin_goes_away_then(settings: IngesterSettings, looks: int) -> None:
    told = await answer(settings, *[PENDING] * looks, AdminAway("it died"))
    assert told["state"] == "pending"
    assert told["transaction_id"] == str(PENDING.transaction_id)
