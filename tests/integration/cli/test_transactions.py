"""Finalization, deletion and ``artstore transaction …``, by the Python library and the command, on a real system."""

from pathlib import Path
from uuid import uuid4

import pytest

from artstore.attributes import RetentionPolicy
from artstore.cli import exits
from artstore.sdk import Client
from artstore.sdk.errors import Conflict, NotFound
from artstore.wire.documents import Document
from artstore.wire.transactions import TransactionState

from .conftest import eventually
from .test_commands import Run


@pytest.fixture
def temporary(client: Client) -> Document:
    return client.upload(b"content", filename="a.txt", retention_policy=RetentionPolicy.TEMPORARY)


def test_a_document_is_made_permanent_and_the_commands_tell_of_it(
    client: Client, temporary: Document, profile: Path
) -> None:
    finalization = client.finalize(temporary.file_id)
    assert finalization.is_permanent
    eventually(
        lambda: client.info(temporary.file_id).retention_policy == RetentionPolicy.PERMANENT,
        "it is not shown as permanent",
    )
    assert client.finalize(temporary.file_id).transaction_id == finalization.transaction_id

    transaction_id = str(finalization.transaction_id)
    (listed,) = Run(profile, "transaction", "list", "--document", str(temporary.file_id), "--json").results
    assert listed["transaction_id"] == transaction_id
    (shown,) = Run(profile, "transaction", "show", transaction_id, "--json").results
    assert [attempt["step"] for attempt in shown["history"]][:2] == ["hold", "copy"]
    assert transaction_id in Run(profile, "transaction", "list").text
    assert str(temporary.file_id) in Run(profile, "transaction", "show", transaction_id).text
    assert client.transactions.read(transaction_id).committed_at is not None

    refused = Run(profile, "transaction", "compensate", transaction_id)
    assert refused.code != 0
    assert refused.errors.strip()
    with pytest.raises(Conflict):
        client.transactions.compensate(transaction_id)
    with pytest.raises(Conflict):
        client.transactions.retry(transaction_id)  # it did not fail: the source is let go of after a day
    (page,) = client.transactions.pages(state=TransactionState.RUNNING, file_id=temporary.file_id)
    assert [each.transaction_id for each in page] == [finalization.transaction_id]


def test_a_temporary_document_is_deleted_and_a_permanent_one_is_not(
    client: Client, temporary: Document
) -> None:
    client.delete(temporary.file_id)
    with pytest.raises(NotFound):
        client.delete(temporary.file_id)
    permanent = client.upload(b"content", filename="b.txt")
    with pytest.raises(Conflict):
        client.delete(permanent.file_id)
    with pytest.raises(Conflict):
        client.finalize(permanent.file_id)
    assert client.info(permanent.file_id).checksum == permanent.checksum


def test_what_is_not_there(client: Client, profile: Path) -> None:
    missing = str(uuid4())
    for call in (client.delete, client.finalize, client.transactions.read, client.transactions.retry):
        with pytest.raises(NotFound):
            call(missing)
    assert Run(profile, "transaction", "show", missing).code == exits.NOT_FOUND
    assert Run(profile, "transaction", "list", "--state", "nonsense").code == exits.USAGE
    assert Run(profile, "transaction", "list", "--document", missing, "--json").results == []
