"""Finalization, deletion, transfer and ``artstore transaction …``, by the Python library and the command, on a
real system.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from artstore.attributes import RetentionPolicy
from artstore.cli import exits
from artstore.launcher.settings import ELEMENTS, Element, SystemSettings
from artstore.launcher.system import System
from artstore.sdk import Client
from artstore.sdk.errors import Conflict, NotFound
from artstore.wire.documents import Document
from artstore.wire.transactions import TransactionState
from tests.support.forking import fork_server

from .conftest import eventually, launched
from .test_commands import Run


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a system with somewhere to move documents to."""
    elements = (*ELEMENTS, Element("edit-02", "edit"))
    settings = SystemSettings(default_ports={}, durable_database=False, elements=elements)
    folder = tmp_path_factory.mktemp("cli") / "data"
    with launched(System(folder, settings, fork_server=fork_server())) as system:
        yield system.folder.profile


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


def test_a_document_is_moved(client: Client, temporary: Document, profile: Path) -> None:
    file_id = str(temporary.file_id)
    begun = Run(profile, "transfer", file_id, "--to", "edit-02")
    assert begun.code == exits.OK
    assert f"document {file_id} from edit-01 to edit-02" in begun.text
    (again,) = Run(profile, "transfer", file_id, "--to", "edit-02", "--no-wait", "--json").results
    assert again["committed_at"] is not None
    with client.stream(temporary.file_id) as stream:
        assert stream.read() == b"content"
    refused = Run(profile, "transfer", file_id, "--to", "edit-01")
    assert refused.code == exits.REJECTED
    assert "edit-02" in refused.errors


def test_a_document_that_is_not_moved(client: Client, temporary: Document, profile: Path) -> None:
    permanent = client.upload(b"content", filename="b.txt")
    with pytest.raises(Conflict):
        client.transactions.transfer(permanent.file_id, "edit-02")
    with pytest.raises(Conflict):
        client.transactions.transfer(temporary.file_id, "rw-01")
    assert Run(profile, "transfer", str(uuid4()), "--to", "edit-02").code == exits.NOT_FOUND


def test_what_is_not_there(client: Client, profile: Path) -> None:
    missing = str(uuid4())
    for call in (client.delete, client.finalize, client.transactions.read, client.transactions.retry):
        with pytest.raises(NotFound):
            call(missing)
    assert Run(profile, "transaction", "show", missing).code == exits.NOT_FOUND
    assert Run(profile, "transaction", "list", "--state", "nonsense").code == exits.USAGE
    assert Run(profile, "transaction", "list", "--document", missing, "--json").results == []
